"""Retention: whole files taken out of the record once all their events are old enough, and the chain says so.

The manifest that names them comes first, the files go afterwards. Whoever is killed between leaves files that
are no longer part of the record; the next run removes them.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from auditlib.errors import NotAStoreError, PublishError
from auditlib.store.acceptance import TRUSTING, Policy
from auditlib.store.chain import Chain
from auditlib.store.manifest import FileEntry, Manifest
from auditlib.store.publish import Publisher, instant, publishing
from auditlib.store.removal import REASON, RETIRED
from auditlib.store.sources import DATA, FolderSource
from auditlib.store.writing import sync_folder, writing_errors
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


def retire(root: Path, before: datetime, reason: str, *, key: SigningKey | None = None, policy: Policy = TRUSTING) -> Retirement:
    """Take every file out of the record whose last event happened before an instant, and remove it.

    Raises NotAStoreError where there is no store; PublishError for a reason that is not one line of at most 500
    characters, an instant without time zone, and as `publish` does. What is retired is gone for good.
    """
    if before.tzinfo is None:
        raise PublishError(f"before={before.isoformat()} has no time zone: expected an aware datetime", before=before)
    bound = write_utc(before.astimezone(UTC)) or ""
    with removing(root, reason, key, policy) as (publisher, chain):
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
            unlink_removed(publisher.source.root, chain, manifest),
        )


@contextmanager
def removing(root: Path, reason: str, key: SigningKey | None, policy: Policy) -> Iterator[tuple[Publisher, Chain]]:
    """A publisher about to remove files for a reason, and its chain, which is whole.

    Raises NotAStoreError where there is no store; PublishError for a reason that cannot be one, and as `publishing` does.
    """
    if not REASON.fullmatch(reason):
        raise PublishError("A reason must be one line of 1 to 500 characters, since the chain keeps it for good", reason="reason")
    if not FolderSource(root).manifest_numbers():
        raise NotAStoreError(f"{root} is not a snapshot store: it has no manifest", path=str(root))
    with publishing(root, key, policy) as publisher:
        yield publisher, publisher.whole_chain()


def unlink_removed(root: Path, chain: Chain, manifest: Manifest | None = None) -> int:
    """Remove from the data folder whatever the chain, or a manifest just added, took out of the record; gives how many files.

    The caller holds the store's lock. Raises PublishError where the disk refuses; running again goes on from there.
    """
    gone = 0
    with writing_errors(str(root)):
        for path in (*chain.removed, *(removal.path for removal in (manifest.removals if manifest else ()))):
            file = root / DATA / path
            with suppress(FileNotFoundError):
                if not stat.S_ISDIR(file.lstat().st_mode):
                    file.unlink()
                    gone += 1
        if gone:
            sync_folder(root / DATA)
    return gone
