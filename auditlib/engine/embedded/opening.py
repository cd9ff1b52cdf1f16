"""Opening: a store's chain and files checked, its segment found or built aside, and an engine over it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from auditlib import settings, times
from auditlib.engine.base import Head
from auditlib.engine.embedded.encode import encode_file
from auditlib.engine.embedded.merge import SEGMENT_FORMAT, merge
from auditlib.engine.embedded.query import EmbeddedEngine
from auditlib.engine.embedded.records import Records
from auditlib.engine.embedded.segment import Segment
from auditlib.errors import CacheError, ChainError, DamagedFileError, StoreError
from auditlib.store import Chain, FileEntry, FolderSource, Manifest, read_chain
from auditlib.store.trust import TrustRecord

AT_ONCE: Final = 2
"""Files encoded at the same time."""

_SEAL: Final = "seal.json"

Progress = Callable[[str, int, int], None]
"""Called with a stage, and how much of how much is done."""


@dataclass(frozen=True, slots=True)
class _Served:
    """What of a chain is served: its manifests, and the sentences about those that are not."""

    chain: Chain
    manifests: tuple[Manifest, ...]
    quarantined: Mapping[int, str]

    @property
    def files(self) -> list[tuple[int, FileEntry]]:
        return [(manifest.seq, entry) for manifest in self.manifests for entry in manifest.files]

    def without(self, path: str, why: str) -> _Served:
        """The same without the snapshot of a file, which is quarantined."""
        gone = next(manifest for manifest in self.manifests if any(entry.path == path for entry in manifest.files))
        kept = tuple(manifest for manifest in self.manifests if manifest is not gone)
        return _Served(self.chain, kept, {**self.quarantined, gone.seq: why})

    @property
    def key(self) -> str:
        """The name of the segment: what it is built from, and how."""
        parts = [SEGMENT_FORMAT, *(manifest.digest for manifest in self.manifests)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def open_engine(store: Path, progress: Progress | None = None) -> EmbeddedEngine:
    """An engine over a store's newest verified state.

    Checks the chain; hashes the files that are not known to be the verified ones; quarantines snapshots
    with a file that is damaged or cannot be read as events; builds the segment where there is none for what
    is served. `progress` is called with a stage and how much of how much is done. Raises NotAStoreError
    where there is no store, ChainError where not even its first manifest can be accepted, CacheError where
    no segment can be built.
    """
    report = progress or _silent
    source = FolderSource(store)
    chain = read_chain(source)
    if not chain.manifests:
        raise chain.problem or ChainError("The chain has no manifest")
    folder = _cache_folder(source.location)
    trust = TrustRecord(folder / "verified.json")
    served = _check(source, chain, trust, report)
    while True:
        place = folder / f"segment-{served.key}"
        try:
            segment = _sealed(place) or _built(place, source, served, trust, report)
            break
        except DamagedFileError as damage:
            trust.refuse(damage)
            served = served.without(str(damage.path), str(damage))
    _save(trust)
    _sweep(folder, keep=place)
    files = served.files
    return EmbeddedEngine(segment, _head(served, segment, trust), Records(segment, source, trust, files))


def newest_seq(store: Path) -> int:
    """The highest manifest number that is there, accepted or not; 0 where there is none. Cheap."""
    try:
        return max(FolderSource(store).manifest_numbers(), default=0)
    except StoreError:
        return 0


def _check(source: FolderSource, chain: Chain, trust: TrustRecord, report: Progress) -> _Served:
    total = sum(entry.bytes for entry in chain.files)
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        report("Verifying files", done, total)

    served, quarantined = [], {}
    for manifest in chain.manifests:
        damage = trust.check(source, manifest, count)
        if damage is None:
            served.append(manifest)
        else:
            quarantined[manifest.seq] = str(damage)
    return _Served(chain, tuple(served), quarantined)


def _built(place: Path, source: FolderSource, served: _Served, trust: TrustRecord, report: Progress) -> Segment:
    """A segment built aside and renamed into place; a reader never sees half of one."""
    aside = place.with_name(f".build-{os.getpid()}-{uuid.uuid4().hex}")
    try:
        aside.mkdir(mode=0o700)
        folders = _encoded(aside, source, served, trust, report)
        target = aside / "segment"
        target.mkdir(mode=0o700)
        merge(folders, target, lambda share: report("Sorting and indexing events", round(share * 1000), 1000))
        _seal(target)
        shutil.rmtree(place, ignore_errors=True)
        target.replace(place)
        return Segment(place)
    except OSError as error:
        raise CacheError(f"The events could not be prepared for reading: {error.strerror or 'the disk refused'}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _encoded(aside: Path, source: FolderSource, served: _Served, trust: TrustRecord, report: Progress) -> list[Path]:
    """The served files as parts, in the order of publishing."""
    total, done = sum(entry.rows for _, entry in served.files), 0

    def encode(number: int, entry: FileEntry) -> int:
        with trust.open(source, entry) as file:
            encode_file(file, aside / f"part-{number:05d}")
        return entry.rows

    report("Reading events", 0, total)
    with ThreadPoolExecutor(AT_ONCE, "encode") as pool:
        jobs = [pool.submit(encode, number, entry) for number, (_, entry) in enumerate(served.files)]
        try:
            for job in as_completed(jobs):
                done += job.result()
                report("Reading events", done, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [aside / f"part-{number:05d}" for number in range(len(jobs))]


def _sealed(place: Path) -> Segment | None:
    """The segment that was built before, or None where there is none, or a file of it was written to since."""
    try:
        seal = json.loads((place / _SEAL).read_text(encoding="ascii"))
        return Segment(place) if seal == _identities(place) else None
    except (OSError, ValueError, CacheError):
        return None


def _seal(folder: Path) -> None:
    """Notes which files there are and what they are, so that any write to them shows."""
    (folder / _SEAL).write_text(json.dumps(_identities(folder)), encoding="ascii")


def _identities(folder: Path) -> dict[str, list[int]]:
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name != _SEAL:
            status = path.stat(follow_symlinks=False)
            found[path.name] = [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    return found


def _save(trust: TrustRecord) -> None:
    try:
        trust.save()
    except OSError as error:
        raise CacheError(f"What was verified could not be noted: {error.strerror}") from error


def _head(served: _Served, segment: Segment, trust: TrustRecord) -> Head:
    first, last = (segment.occurred(position) if segment.known else None for position in (segment.known - 1, 0))
    return Head(
        log_id=served.chain.log_id,
        seq=served.chain.head.seq,
        digest=served.chain.head_digest,
        snapshots=len(served.manifests),
        quarantined=served.quarantined,
        problem=str(served.chain.problem or ""),
        events=segment.events,
        duplicates=segment.duplicates,
        created_at=datetime.fromisoformat(served.manifests[-1].created) if served.manifests else None,
        first_at=None if first is None else times.from_micros(first),
        last_at=None if last is None else times.from_micros(last),
        verified_at=trust.oldest(entry.path for _, entry in served.files),
    )


def _cache_folder(location: str) -> Path:
    """The folder of one store's derived files, readable by its owner alone."""
    folder = settings.cache_folder() / hashlib.sha256(location.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise CacheError(f"The cache folder cannot be used: {error.strerror}; set AUDIT_CACHE to a folder of yours") from error
    return folder


def _sweep(folder: Path, *, keep: Path) -> None:
    """Removes segments of earlier heads and what a killed build left; mapped files keep serving their bytes."""
    for path in folder.glob("segment-*"):
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".build-*"):
        if not _is_running(int(path.name.split("-")[1])):
            shutil.rmtree(path, ignore_errors=True)


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
