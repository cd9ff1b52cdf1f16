"""Opening: the cache of what is served found, or built aside, and an engine over it."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from auditlib.engine.duckdb.load import CACHE_FORMAT, Part, build
from auditlib.engine.duckdb.query import DuckDBEngine
from auditlib.engine.serving import Progress, Served, Serving
from auditlib.errors import CacheError
from auditlib.location import Location
from auditlib.store import FileEntry
from auditlib.store.verify import identity_of

BUILD_MEMORY: Final = "2GB"
READ_MEMORY: Final = "1GB"


@dataclass(frozen=True, slots=True)
class _Cache:
    """An open cache, and what it says of its events; times in microseconds UTC."""

    path: Path
    connection: duckdb.DuckDBPyConnection
    events: int
    duplicates: int
    first: int | None
    last: int | None


def open_engine(store: Location, progress: Progress | None = None) -> DuckDBEngine:
    """An engine over a store's newest verified state; builds the cache where there is none for what is served.

    `progress` is called with a stage and how much of how much is done. Raises as `Serving` does, and
    CacheError where no cache can be built.
    """
    serving = Serving(store, progress)
    cache = serving.derive(lambda served: _reused(_place(serving, served)) or _built(serving, served))
    serving.sweep("cache-*", keep=(cache.path.stem,))
    return DuckDBEngine(cache.connection, serving.head(cache), serving.reader())


def _place(serving: Serving, served: Served) -> Path:
    return serving.folder / f"cache-{served.key(CACHE_FORMAT)}.duckdb"


def _reused(cache: Path) -> _Cache | None:
    """The cache that was built before, or None where there is none, or it is not as it was when it was built."""
    try:
        if json.loads(_stamp(cache).read_text(encoding="ascii")) != _identity(cache):
            return None
        return _open(cache)
    except (OSError, ValueError, duckdb.Error):
        return None


def _built(serving: Serving, served: Served) -> _Cache:
    """A cache built aside and renamed into place; a reader never sees half of one."""
    cache = _place(serving, served)
    aside = cache.with_name(f".build-{os.getpid()}-{uuid.uuid4().hex}")
    aside.mkdir(mode=0o700)

    def opener(entry: FileEntry) -> Callable[[], object]:
        return lambda: serving.trust.open(serving.source, entry)

    parts = [Part(number, seq, entry.rows, opener(entry)) for number, (seq, entry) in enumerate(served.files)]  # type: ignore[arg-type]
    try:
        connection = duckdb.connect(aside / "cache.duckdb", config={"memory_limit": BUILD_MEMORY, "temp_directory": str(aside / "spill")})
        try:
            connection.execute("SET enable_progress_bar = false")
            connection.execute(f"ATTACH '{str(aside / 'stage.duckdb').replace(chr(39), chr(39) * 2)}' AS stage")
            build(connection, parts, serving.report)
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
        about: dict[str, Any] = json.loads(connection.execute("SELECT text FROM about").fetchall()[0][0])
    except BaseException:
        connection.close()
        raise
    return _Cache(cache, connection, about["events"], about["duplicates"], about["first"], about["last"])


def _stamp(cache: Path) -> Path:
    """The file beside a cache that says which file it was when it was built: any write to it since shows."""
    return cache.with_suffix(".json")


def _identity(cache: Path) -> list[int]:
    with cache.open("rb") as file:
        return list(identity_of(file.fileno()))


def _plain(error: BaseException) -> str:
    """One line of an error, without the paths of this machine."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return re.sub(r'"/[^"]*"', "of the cache", str(error).split("\n", 1)[0])
