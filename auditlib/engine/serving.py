"""Serving: what of a store is fit to be read, and where what is derived from it is kept; the same for every engine."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from auditlib import times
from auditlib.engine.base import Head
from auditlib.engine.snapshots import SnapshotReader
from auditlib.errors import CacheError, ChainError, DamagedFileError, StoreError
from auditlib.location import Location
from auditlib.processes import is_running
from auditlib.store import Chain, FileEntry, FolderSource, Manifest, accept, configured, source_of
from auditlib.store.copies import cache_folder_of as cache_folder_of
from auditlib.store.sources import Progress as Progress
from auditlib.store.trust import TrustRecord
from auditlib.store.watch import looked

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Served:
    """What of a chain is served: its manifests, and the sentences about those that are not."""

    chain: Chain
    manifests: tuple[Manifest, ...]
    quarantined: Mapping[int, str]

    @property
    def files(self) -> list[tuple[int, FileEntry]]:
        """The served files in the order of publishing, each with the number of its snapshot; removed ones are not among them."""
        removed = self.chain.removed
        return [(manifest.seq, entry) for manifest in self.manifests for entry in manifest.files if entry.path not in removed]

    @property
    def retired(self) -> dict[int, str]:
        """A sentence for each snapshot of which files were removed by policy, or replaced after an erasure."""
        removed, said = self.chain.removed, {}
        for manifest in self.chain.manifests:
            gone = [removed[entry.path] for entry in manifest.files if entry.path in removed]
            if gone:
                more = f", and {len(gone) - 1} more of its {len(manifest.files)} files" if len(gone) > 1 else ""
                said[manifest.seq] = f"{gone[0].sentence}{more}"
        return said

    def without(self, path: str, why: str) -> Served:
        """The same without the snapshot of a file, which is quarantined."""
        gone = next(manifest for manifest in self.manifests if any(entry.path == path for entry in manifest.files))
        kept = tuple(manifest for manifest in self.manifests if manifest is not gone)
        return Served(self.chain, kept, {**self.quarantined, gone.seq: why})

    def key(self, form: str) -> str:
        """A name for what is derived from it in a format."""
        parts = [form, *(f"{seq} {entry.path} {entry.sha256}" for seq, entry in self.files)]
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

    Accepts the chain by the policy of the settings, and hashes the files that are not known to be the verified ones;
    snapshots with a damaged file are quarantined. Raises NotAStoreError where there is no store, ChainError where not
    even its first manifest can be accepted, PinError and SigningError as `configured` and `accept` do, CacheError where
    the cache folder cannot be used; in strict mode ChainError or DamagedFileError for any damage. An object store that cannot
    be reached is served from what was fetched of it before, and a notice says so; UnreachableError where nothing was.
    """

    def __init__(self, store: Location, progress: Progress | None) -> None:
        self.report = progress or _silent
        self.source = source_of(store, fallback=True)
        policy = configured(store)
        self._strict = policy.strict
        chain = accept(self.source, policy)
        if not chain.manifests:
            raise chain.problem or ChainError("The chain has no manifest")
        self.folder = cache_folder_of(self.source.location)
        self.trust = trust_record(self.source.location)
        self.source.prepare(chain.kept, self.report)
        if self.source.away:
            chain = replace(chain, notices=(*chain.notices, f"{self.source.away}; what was fetched before is served"))
        self.served = self._check(chain)

    def derive(self, make: Callable[[Served], T]) -> T:
        """What is made of the served files; a file that cannot be loaded quarantines its snapshot, and it is made anew."""
        while True:
            try:
                made = make(self.served)
                break
            except DamagedFileError as damage:
                self.trust.refuse(damage)
                self._refuse(damage)
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
            snapshots=len({seq for seq, _ in served.files}),
            quarantined=served.quarantined,
            problem=str(served.chain.problem or ""),
            events=counts.events,
            duplicates=counts.duplicates,
            created_at=datetime.fromisoformat(served.manifests[-1].created) if served.manifests else None,
            first_at=None if counts.first is None else times.from_micros(counts.first),
            last_at=None if counts.last is None else times.from_micros(counts.last),
            verified_at=self.trust.oldest(entry.path for _, entry in served.files),
            retired=served.retired,
            chain=served.chain,
        )

    def sweep(self, pattern: str, keep: tuple[str, ...]) -> None:
        """Removes what matches a pattern but does not begin with one of some names, and what a killed build left.

        Whoever still has one of them open keeps reading its bytes.
        """
        sweep(self.folder, pattern, keep)
        for path in self.folder.glob(".build-*"):
            if not is_running(int(path.name.split("-")[1])):
                _remove(path)

    def _check(self, chain: Chain) -> Served:
        removed = chain.removed
        total = sum(entry.bytes for entry in chain.kept)
        done = 0

        def count(size: int) -> None:
            nonlocal done
            done += size
            self.report("Verifying files", done, total)

        served, quarantined = [], {}
        for manifest in chain.manifests:
            kept = [entry for entry in manifest.files if entry.path not in removed]
            damage = self.trust.check(self.source, kept, count)
            if damage is None:
                served.append(manifest)
            else:
                self._refuse(damage)
                quarantined[manifest.seq] = str(damage)
        return Served(chain, tuple(served), quarantined)

    def _refuse(self, damage: DamagedFileError) -> None:
        if self._strict:
            raise damage


def newest_seq(store: Location) -> int:
    """The highest manifest number that is there, accepted or not; 0 where there is none. Cheap."""
    if not isinstance(store, Path):
        return looked(store).newest
    try:
        return max(FolderSource(store).manifest_numbers(), default=0)
    except StoreError:
        return 0


def unreachable(store: Location) -> str:
    """Why a store in an object store cannot be reached now, as one sentence; empty where it can, and for a folder."""
    return "" if isinstance(store, Path) else looked(store).why


def forget_derived(store: Location) -> None:
    """Removes what was derived from a store on this machine; whoever has some of it open keeps reading its bytes."""
    for path in cache_folder_of(source_of(store).location).iterdir():
        _remove(path)


def trust_record(location: str) -> TrustRecord:
    """The record of the files of a store that were verified; raises CacheError where the cache folder cannot be used."""
    return TrustRecord(cache_folder_of(location) / "verified.json")


def sweep(folder: Path, pattern: str, keep: tuple[str, ...]) -> None:
    """Removes what of a folder matches a pattern but does not begin with one of some names."""
    for path in folder.glob(pattern):
        if not path.name.startswith(keep):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _silent(stage: str, done: int, total: int) -> None:
    pass
