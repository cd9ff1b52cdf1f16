"""Erasure: a person taken out of every file that names the person, and the chain says which files were replaced.

Each such file is written again with the person's ids, names and addresses replaced by one alias, which comes
from a salt that nobody keeps. The new files are one snapshot whose manifest says what they replace; the old
ones are removed after it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from auditlib.errors import PublishError
from auditlib.location import Location
from auditlib.store.acceptance import TRUSTING, Policy
from auditlib.store.digest import sha256_bytes
from auditlib.store.manifest import FileEntry, Manifest
from auditlib.store.pseudonym import SLOTS, Eraser, names_of
from auditlib.store.removal import REPLACES
from auditlib.store.retention import remove_files, removing
from auditlib.store.sources import Source
from auditlib.store.verify import open_verified

if TYPE_CHECKING:
    from auditlib.store.signing import SigningKey

_BATCH_ROWS: Final = 4096
_NAMING: Final = [name for slot, named in SLOTS.items() for name in (slot, *named)]

Progress = Callable[[str, int], None]
"""Called with a stage and the bytes of a file that is done with."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did.

    `alias` stands for the person now. `manifest` is None where no file named the person; `replaced` are the files that
    did, `events` how many of their events, `names` how many names and addresses were found beside the id. `unlinked` is
    how many files were removed, those that an earlier run had left included.
    """

    alias: str
    manifest: Manifest | None
    replaced: tuple[FileEntry, ...]
    events: int
    names: int
    unlinked: int


def erase(
    store: Location,
    person: str,
    reason: str,
    *,
    key: SigningKey | None = None,
    policy: Policy = TRUSTING,
    progress: Progress | None = None,
) -> Erasure:
    """Replace a person, known by an id, in every event of a store; what was recorded is gone for good.

    Reads one batch of rows at a time. Event ids, network addresses and user agents stay.

    Raises NotAStoreError where there is no store, DamagedFileError where a file is not what its manifest says,
    PublishError for a reason that is not one line of at most 500 characters or that names the person, and as `publish`
    does. Until the new files are published the store is as it was.
    """
    if not person.strip():
        raise PublishError("The person has no id: expected the one that events name", person=person)
    alias = f"erased-{sha256_bytes(secrets.token_bytes(32) + person.encode())[:12]}"
    report = progress or _silent
    with removing(store, reason, key, policy) as (publisher, chain):
        source, kept = publisher.source, chain.kept
        names: set[str] = set()
        for entry in kept:
            names.update(*(names_of(batch, person) for batch in _batches(source, entry, _NAMING)))
            report("Looking for the person", entry.bytes)
        eraser = Eraser(person, names, alias)
        if eraser.mentions(reason):
            raise PublishError("The reason names the person, and the chain would keep it for good", reason="reason")
        manifest, replaced, events = None, [], 0
        now = datetime.now(UTC)
        with publisher.attempt(f"erased-{now:%Y%m%dT%H%M%S%f}") as attempt:
            for entry in kept:
                found = sum(eraser.rewrite(batch)[1] for batch in _batches(source, entry))
                if found:
                    attempt.write((eraser.rewrite(batch)[0] for batch in _batches(source, entry)), None)
                    replaced.append(entry)
                    events += found
                report("Rewriting files", entry.bytes)
            if replaced:
                gone = [{"path": entry.path, "reason": reason, "sha256": entry.sha256} for entry in replaced]
                manifest = publisher.commit(attempt, now, extra={REPLACES: gone})
        return Erasure(alias, manifest, tuple(replaced), events, len(names), remove_files(publisher, chain, manifest))


def _batches(source: Source, entry: FileEntry, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    with open_verified(source, entry) as file, pq.ParquetFile(file.path) as parquet:
        for batch in parquet.iter_batches(_BATCH_ROWS, columns=columns):
            yield pa.RecordBatch.from_arrays(
                [column.cast(pa.string()) if _is_text(column.type) else column for column in batch.columns], batch.schema.names
            )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _silent(stage: str, size: int) -> None:
    pass
