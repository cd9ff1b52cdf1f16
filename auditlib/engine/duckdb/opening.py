"""Opening: a store's chain and files checked, its cache found or built aside, and an engine over it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from auditlib import settings, times
from auditlib.engine.base import Head
from auditlib.engine.duckdb.load import CACHE_FORMAT, Part, Progress, build
from auditlib.engine.duckdb.metadata import MetadataReader
from auditlib.engine.duckdb.query import DuckDBEngine
from auditlib.errors import CacheError, ChainError, DamagedFileError, StoreError
from auditlib.store import Chain, FileEntry, FolderSource, Manifest, read_chain
from auditlib.store.trust import TrustRecord
from auditlib.store.verify import identity_of

BUILD_MEMORY: Final = "2GB"
READ_MEMORY: Final = "1GB"

_Cache = tuple[duckdb.DuckDBPyConnection, dict[str, object]]
"""An open cache, and what it says about itself."""


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
        """The name of the cache: what it is built from, and how."""
        parts = [CACHE_FORMAT, *(manifest.digest for manifest in self.manifests)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def open_engine(store: Path, progress: Progress | None = None) -> DuckDBEngine:
    """An engine over a store's newest verified state.

    Checks the chain; hashes the files that are not known to be the verified ones; quarantines snapshots
    with a file that is damaged or cannot be loaded; builds the cache where there is none for what is served. `progress` is called
    with a stage and how much of how much is done. Raises NotAStoreError where there is no store,
    ChainError where not even its first manifest can be accepted, CacheError where no cache can be built.
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
        cache = folder / f"cache-{served.key}.duckdb"
        try:
            connection, about = _reused(cache) or _built(cache, source, served, trust, report)
            break
        except DamagedFileError as damage:
            trust.refuse(damage)
            served = served.without(str(damage.path), str(damage))
    _save(trust)
    _sweep(folder, keep=cache)
    entries = [entry for _, entry in served.files]
    reader = MetadataReader(
        lambda number: pa.PythonFile(_opened(source, entries[number]), mode="r"),
        lambda number: entries[number].path,
    )
    return DuckDBEngine(connection, _head(served, about, trust.oldest([entry.path for entry in entries])), reader)


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


def _reused(cache: Path) -> _Cache | None:
    """The cache that was built before, or None where there is none, or it is not as it was when it was built."""
    try:
        if json.loads(_stamp(cache).read_text(encoding="ascii")) != _identity(cache):
            return None
        return _open(cache)
    except (OSError, ValueError, duckdb.Error):
        return None


def _built(cache: Path, source: FolderSource, served: _Served, trust: TrustRecord, report: Progress) -> _Cache:
    """A cache built aside and renamed into place; a reader never sees half of one."""
    aside = cache.with_name(f".build-{os.getpid()}-{uuid.uuid4().hex}")
    aside.mkdir(mode=0o700)

    def opener(entry: FileEntry) -> Callable[[], object]:
        return lambda: trust.open(source, entry)

    parts = [Part(number, seq, entry.rows, opener(entry)) for number, (seq, entry) in enumerate(served.files)]  # type: ignore[arg-type]
    try:
        connection = duckdb.connect(aside / "cache.duckdb", config={"memory_limit": BUILD_MEMORY, "temp_directory": str(aside / "spill")})
        try:
            connection.execute(f"ATTACH '{str(aside / 'stage.duckdb').replace(chr(39), chr(39) * 2)}' AS stage")
            build(connection, parts, {"key": served.key}, report)
            connection.execute("CHECKPOINT")
        finally:
            connection.close()
        (aside / "cache.duckdb").replace(cache)
        _stamp(cache).write_text(json.dumps(_identity(cache)), encoding="ascii")
        return _open(cache)
    except (duckdb.Error, OSError) as error:
        raise CacheError(f"The events could not be prepared for reading: {_plain(error)}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _open(cache: Path) -> _Cache:
    connection = duckdb.connect(
        cache,
        read_only=True,
        config={"enable_external_access": "false", "memory_limit": READ_MEMORY, "autoinstall_known_extensions": "false"},
    )
    try:
        if not connection.execute("SELECT current_setting('lock_configuration')").fetchall()[0][0]:
            connection.execute("SET GLOBAL TimeZone = 'UTC'")
            connection.execute("SET lock_configuration = true")
        about = json.loads(connection.execute("SELECT text FROM about").fetchall()[0][0])
    except BaseException:
        connection.close()
        raise
    return connection, about


def _stamp(cache: Path) -> Path:
    """The file beside a cache that says which file it was when it was built: any write to it since shows."""
    return cache.with_suffix(".json")


def _identity(cache: Path) -> list[int]:
    with cache.open("rb") as file:
        return list(identity_of(file.fileno()))


def _save(trust: TrustRecord) -> None:
    try:
        trust.save()
    except OSError as error:
        raise CacheError(f"What was verified could not be noted: {_plain(error)}") from error


def _head(served: _Served, about: dict[str, object], verified_at: datetime) -> Head:
    first, last = about["first"], about["last"]
    return Head(
        log_id=served.chain.log_id,
        seq=served.chain.head.seq,
        digest=served.chain.head_digest,
        snapshots=len(served.manifests),
        quarantined=served.quarantined,
        problem=str(served.chain.problem or ""),
        events=int(str(about["events"])),
        duplicates=int(str(about["duplicates"])),
        created_at=datetime.fromisoformat(served.manifests[-1].created) if served.manifests else None,
        first_at=None if first is None else times.from_micros(int(str(first))),
        last_at=None if last is None else times.from_micros(int(str(last))),
        verified_at=verified_at,
    )


def _cache_folder(location: str) -> Path:
    """The folder of one store's derived files, readable by its owner alone."""
    folder = settings.cache_folder() / hashlib.sha256(location.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise CacheError(f"The cache folder cannot be used: {_plain(error)}; set AUDIT_CACHE to a folder of yours") from error
    return folder


def _sweep(folder: Path, *, keep: Path) -> None:
    """Removes caches of earlier heads and what a killed build left; an open handle keeps serving its bytes."""
    for path in folder.glob("cache-*"):
        if not path.name.startswith(keep.stem):
            path.unlink(missing_ok=True)
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


def _opened(source: FolderSource, entry: FileEntry) -> object:
    return os.fdopen(source.open_data(entry.path), "rb")


def _plain(error: BaseException) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error).split("\n", 1)[0]


def _silent(stage: str, done: int, total: int) -> None:
    pass
