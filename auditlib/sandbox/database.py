"""The derived database: the served events in the contract's columns, found in the cache, or built aside by a child process.

Each verified file is opened here and handed over as a descriptor: what the child loads is what was hashed, and it needs to
know of no store. The database is our own file, named by what it was built from, and can be thrown away at any time.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any, Final

from auditlib.engine.base import Head
from auditlib.engine.serving import Progress, Served, Serving, cache_folder_of, sweep
from auditlib.errors import CacheError
from auditlib.location import Location
from auditlib.store import FileEntry, source_of
from auditlib.store.verify import identity_of

DATABASE_FORMAT: Final = "auditlib-sql/1"
STAGE: Final = "Preparing SQL"
SPACE: Final = 4
"""How many times the size of the files a build may take on the disk for a while."""

_PATTERN: Final = "sql-*"
_ROOT: Final = str(Path(__file__).parents[2])
_START: Final = "import sys; sys.path.append(sys.argv.pop(1)); from auditlib.sandbox.build import main; main()"


def opened(store: Location, head: Head, progress: Progress | None) -> int:
    """A read-only descriptor of the database of a head, which the caller closes; built first where there is none.

    Raises CacheError where it cannot be built, StoreError where the store is no longer what was verified.
    """
    serving = Serving(store, None)
    served = _served(head)
    place = serving.folder / f"{_name(served)}.duckdb"
    try:
        descriptor = _as_built(place)
        if descriptor is None:
            descriptor = _built(serving, served, head, place, progress or _silent)
            serving.sweep(_PATTERN, keep=(place.stem,))
    except OSError as error:
        raise CacheError(f"The events could not be prepared for SQL: {error.strerror or 'the disk refused'}") from error
    return descriptor


def forget_others(store: Location, head: Head) -> None:
    """Removes the databases of other heads, which may hold what was erased or retired since."""
    sweep(cache_folder_of(source_of(store).location), _PATTERN, keep=(_name(_served(head)),))


def _served(head: Head) -> Served:
    manifests = tuple(manifest for manifest in head.chain.manifests if manifest.seq not in head.quarantined)
    return Served(head.chain, manifests, head.quarantined)


def _name(served: Served) -> str:
    return f"sql-{served.key(DATABASE_FORMAT)}"


def _as_built(place: Path) -> int | None:
    """The database built before, or None where there is none or it was written to since."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if json.loads(_seal(place).read_text(encoding="ascii")) == list(identity_of(descriptor)):
            return descriptor
    except (OSError, ValueError):
        pass
    os.close(descriptor)
    return None


def _seal(place: Path) -> Path:
    return place.with_suffix(".json")


def _built(serving: Serving, served: Served, head: Head, place: Path, progress: Progress) -> int:
    files = [entry for _, entry in served.files]
    needed, free = SPACE * sum(entry.bytes for entry in files), shutil.disk_usage(serving.folder).free
    if needed > free:
        raise CacheError(
            f"The events cannot be prepared for SQL: the cache folder needs {needed >> 20:,} MiB of space, {free >> 20:,} MiB are free",
            needed=needed,
        )
    aside = place.with_name(f".build-{os.getpid()}-{uuid.uuid4().hex}")
    aside.mkdir(mode=0o700)
    try:
        built = aside / "events.duckdb"
        with _Builder(built) as builder:
            total = sum(entry.rows for entry in files)
            done = 0
            for entry in files:
                progress(STAGE, done, total)
                builder.load(serving, entry)
                done += entry.rows
            events = builder.finish()
        if events != head.events:
            raise CacheError(f"The events could not be prepared for SQL: {events:,} were loaded, {head.events:,} are served")
        built.chmod(0o400)
        built.replace(place)
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        _seal(place).write_text(json.dumps(identity_of(descriptor)), encoding="ascii")
        progress(STAGE, total, total)
        return descriptor
    finally:
        shutil.rmtree(aside, ignore_errors=True)


class _Builder:
    """The child process that builds a database."""

    def __init__(self, target: Path) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, _ROOT, str(theirs.fileno()), str(target)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),), env={}, cwd="/", start_new_session=True,
            )  # fmt: skip
        self._answers = self._ours.makefile("r", encoding="utf-8")

    def __enter__(self) -> _Builder:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._answers.close()
        self._ours.close()

    def load(self, serving: Serving, entry: FileEntry) -> None:
        with serving.trust.open(serving.source, entry) as file:
            self._asked(b"L", [file.fd])
            file.assert_unchanged()

    def finish(self) -> int:
        """Ends the build; returns how many events there are."""
        return int(self._asked(b"F", [])["events"])

    def _asked(self, what: bytes, descriptors: list[int]) -> dict[str, Any]:
        try:
            socket.send_fds(self._ours, [what], descriptors)
            line = self._answers.readline()
        except (BrokenPipeError, ConnectionResetError):
            line = ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the process that does it has ended"}
        if "error" in answer:
            raise CacheError(f"The events could not be prepared for SQL: {answer['error']}")
        return answer


def _silent(stage: str, done: int, total: int) -> None:
    pass
