"""Serving: what of a store is fit to be read, and where what is derived from it is kept; the same for every engine."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from auditlib import settings, times
from auditlib.engine.base import Head
from auditlib.engine.snapshots import SnapshotReader
from auditlib.errors import CacheError, ChainError, DamagedFileError, StoreError
from auditlib.store import Chain, FileEntry, FolderSource, Manifest, read_chain
from auditlib.store.trust import TrustRecord

Progress = Callable[[str, int, int], None]
"""Called with a stage, and how much of how much is done."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Served:
    """What of a chain is served: its manifests, and the sentences about those that are not."""

    chain: Chain
    manifests: tuple[Manifest, ...]
    quarantined: Mapping[int, str]

    @property
    def files(self) -> list[tuple[int, FileEntry]]:
        """The served files in the order of publishing, each with the number of its snapshot."""
        return [(manifest.seq, entry) for manifest in self.manifests for entry in manifest.files]

    def without(self, path: str, why: str) -> Served:
        """The same without the snapshot of a file, which is quarantined."""
        gone = next(manifest for manifest in self.manifests if any(entry.path == path for entry in manifest.files))
        kept = tuple(manifest for manifest in self.manifests if manifest is not gone)
        return Served(self.chain, kept, {**self.quarantined, gone.seq: why})

    def key(self, form: str) -> str:
        """A name for what is derived from it in a format."""
        parts = [form, *(manifest.digest for manifest in self.manifests)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


class Counts(Protocol):
    """What a derived cache says of the events it holds; times in microseconds UTC."""

    @property
    def events(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def first(self) -> int | None: ...
    @property
    def last(self) -> int | None: ...


class Serving:
    """One store about to be served: its source, what of it was verified, and the folder of what is derived from it.

    Checks the chain, and hashes the files that are not known to be the verified ones; snapshots with a damaged
    file are quarantined. Raises NotAStoreError where there is no store, ChainError where not even its first
    manifest can be accepted, CacheError where the cache folder cannot be used.
    """

    def __init__(self, store: Path, progress: Progress | None) -> None:
        self.report = progress or _silent
        self.source = FolderSource(store)
        chain = read_chain(self.source)
        if not chain.manifests:
            raise chain.problem or ChainError("The chain has no manifest")
        self.folder = _cache_folder(self.source.location)
        self.trust = TrustRecord(self.folder / "verified.json")
        self.served = self._check(chain)

    def derive(self, make: Callable[[Served], T]) -> T:
        """What is made of the served files; a file that cannot be loaded quarantines its snapshot, and it is made anew."""
        while True:
            try:
                made = make(self.served)
                break
            except DamagedFileError as damage:
                self.trust.refuse(damage)
                self.served = self.served.without(str(damage.path), str(damage))
        try:
            self.trust.save()
        except OSError as error:
            raise CacheError(f"What was verified could not be noted: {error.strerror}") from error
        return made

    def reader(self) -> SnapshotReader:
        """What reads whole events of the served files."""
        return SnapshotReader(self.source, self.trust, [entry for _, entry in self.served.files])

    def head(self, counts: Counts) -> Head:
        """The head that is served."""
        served = self.served
        return Head(
            log_id=served.chain.log_id,
            seq=served.chain.head.seq,
            digest=served.chain.head_digest,
            snapshots=len(served.manifests),
            quarantined=served.quarantined,
            problem=str(served.chain.problem or ""),
            events=counts.events,
            duplicates=counts.duplicates,
            created_at=datetime.fromisoformat(served.manifests[-1].created) if served.manifests else None,
            first_at=None if counts.first is None else times.from_micros(counts.first),
            last_at=None if counts.last is None else times.from_micros(counts.last),
            verified_at=self.trust.oldest(entry.path for _, entry in served.files),
        )

    def sweep(self, pattern: str, keep: tuple[str, ...]) -> None:
        """Removes what matches a pattern but does not begin with one of some names, and what a killed build left.

        Whoever still has one of them open keeps reading its bytes.
        """
        for path in self.folder.glob(pattern):
            if not path.name.startswith(keep):
                _remove(path)
        for path in self.folder.glob(".build-*"):
            if not _is_running(int(path.name.split("-")[1])):
                _remove(path)

    def _check(self, chain: Chain) -> Served:
        total = sum(entry.bytes for entry in chain.files)
        done = 0

        def count(size: int) -> None:
            nonlocal done
            done += size
            self.report("Verifying files", done, total)

        served, quarantined = [], {}
        for manifest in chain.manifests:
            damage = self.trust.check(self.source, manifest, count)
            if damage is None:
                served.append(manifest)
            else:
                quarantined[manifest.seq] = str(damage)
        return Served(chain, tuple(served), quarantined)


def newest_seq(store: Path) -> int:
    """The highest manifest number that is there, accepted or not; 0 where there is none. Cheap."""
    try:
        return max(FolderSource(store).manifest_numbers(), default=0)
    except StoreError:
        return 0


def _cache_folder(location: str) -> Path:
    """The folder of one store's derived files, readable by its owner alone."""
    folder = settings.cache_folder() / hashlib.sha256(location.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise CacheError(f"The cache folder cannot be used: {error.strerror}; set AUDIT_CACHE to a folder of yours") from error
    return folder


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _silent(stage: str, done: int, total: int) -> None:
    pass
