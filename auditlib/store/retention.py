"""Retention: whole files taken out of the record once all their events are old enough, and the chain says so.

The manifest that names them comes first, the files go afterwards. Whoever is killed between leaves files that
are no longer part of the record; the next run removes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditlib.errors import NotAStoreError, PublishError
from auditlib.location import Location
from auditlib.store.acceptance import TRUSTING, Policy
from auditlib.store.chain import Chain
from auditlib.store.manifest import FileEntry, Manifest
from auditlib.store.places import source_of
from auditlib.store.publish import Publisher, instant, publishing
from auditlib.store.removal import REASON, RETIRED
from auditlib.times import write_utc

if TYPE_CHECKING:
    from auditlib.store.signing import SigningKey


@dataclass(frozen=True, slots=True)
class Retirement:
    """What retention did: the manifest it published (None where nothing was due) and the files it named.

    `straddling` have events on both sides of the date, `timeless` have no time at all; both stay. `unlinked` is how
    many files were removed from the data folder, those that an earlier run had left included.
    """

    manifest: Manifest | None
    retired: tuple[FileEntry, ...]
    straddling: tuple[FileEntry, ...]
    timeless: tuple[FileEntry, ...]
    unlinked: int


def retire(store: Location, before: datetime, reason: str, *, key: SigningKey | None = None, policy: Policy = TRUSTING) -> Retirement:
    """Take every file out of the record whose last event happened before an instant, and remove it.

    Raises NotAStoreError where there is no store; PublishError for a reason that is not one line of at most 500
    characters, an instant without time zone, and as `publish` does. What is retired is gone for good.
    """
    if before.tzinfo is None:
        raise PublishError(f"before={before.isoformat()} has no time zone: expected an aware datetime", before=before)
    bound = write_utc(before.astimezone(UTC)) or ""
    with removing(store, reason, key, policy) as (publisher, chain):
        kept = chain.kept
        due = tuple(entry for entry in kept if entry.max_time is not None and entry.max_time < bound)
        manifest = None
        if due:
            now = datetime.now(UTC)
            removed = [{"path": entry.path, "reason": reason, "sha256": entry.sha256, "when": instant(now)} for entry in due]
            with publisher.attempt("retired") as attempt:
                manifest = publisher.commit(attempt, now, extra={RETIRED: removed})
        return Retirement(
            manifest,
            due,
            tuple(entry for entry in kept if entry.min_time and entry.max_time and entry.min_time < bound <= entry.max_time),
            tuple(entry for entry in kept if entry.max_time is None and entry.rows),
            remove_files(publisher, chain, manifest),
        )


@contextmanager
def removing(store: Location, reason: str, key: SigningKey | None, policy: Policy) -> Iterator[tuple[Publisher, Chain]]:
    """A publisher about to remove files for a reason, and its chain, which is whole.

    Raises NotAStoreError where there is no store; PublishError for a reason that cannot be one, and as `publishing` does.
    """
    if not REASON.fullmatch(reason):
        raise PublishError("A reason must be one line of 1 to 500 characters, since the chain keeps it for good", reason="reason")
    if not source_of(store).manifest_numbers():
        raise NotAStoreError(f"{store} is not a snapshot store: it has no manifest", path=str(store))
    with publishing(store, key, policy) as publisher:
        yield publisher, publisher.whole_chain()


def remove_files(publisher: Publisher, chain: Chain, manifest: Manifest | None = None) -> int:
    """Remove from the store whatever the chain, or a manifest just added, took out of the record; gives how many files.

    Raises PublishError where the disk refuses, UnreachableError where an object store does; running again goes on from there.
    """
    return publisher.destination.remove((*chain.removed, *(removal.path for removal in (manifest.removals if manifest else ()))))
