"""Copies: what of an object store is kept on this machine, in the cache folder of that store; all of it can be thrown away.

`manifests/` holds manifests and signatures, each with the time the server gives it; `objects/` holds data files under their
digest and name, with a note beside each. A copy is used only while it is the file that was written when its digest was right.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from auditlib import settings
from auditlib.errors import CacheError
from auditlib.processes import is_running
from auditlib.store.bucket import Stamp
from auditlib.store.manifest import FileEntry
from auditlib.store.verify import identity_of

FORMAT: Final = "auditlib-copy/1"

_TAKING: Final = ".taking-"
_NOTE: Final = ".json"
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def cache_folder_of(location: str) -> Path:
    """The folder of what is derived from the store at a resolved location, readable by its owner alone.

    Raises CacheError where it cannot be used.
    """
    folder = settings.cache_folder() / hashlib.sha256(location.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise CacheError(f"The cache folder cannot be used: {error.strerror}; set AUDIT_CACHE to a folder of yours") from error
    return folder


class Copies:
    """The copies of one store, which may be used by several processes at a time; methods raise CacheError where the disk refuses."""

    def __init__(self, location: str) -> None:
        folder = cache_folder_of(location)
        self._manifests, self._objects = folder / "manifests", folder / "objects"
        with disk_errors():
            for each in (self._manifests, self._objects):
                each.mkdir(mode=0o700, exist_ok=True)

    def manifests(self) -> dict[str, Stamp]:
        """The manifests and signatures that are kept, each with the stamp it had."""
        found = {}
        for path in self._manifests.iterdir():
            with suppress(FileNotFoundError):
                status = path.lstat()
                found[path.name] = Stamp(status.st_size, status.st_mtime_ns)
        return {name: stamp for name, stamp in found.items() if not name.startswith(_TAKING)}

    def manifest(self, name: str) -> bytes:
        """The bytes of a manifest or signature that is kept."""
        with disk_errors():
            return (self._manifests / name).read_bytes()

    def keep_manifest(self, name: str, stamp: Stamp, raw: bytes) -> None:
        """Keeps a manifest or signature with the stamp it has."""
        with disk_errors(), self._aside(self._manifests) as (file, path):
            file.write(raw)
            file.flush()
            os.utime(path, ns=(stamp.written_at, stamp.written_at))
            path.replace(self._manifests / name)

    def forget_manifests(self, but: Collection[str]) -> None:
        """Forgets the manifests and signatures that are not among some."""
        for name in set(self.manifests()) - set(but):
            (self._manifests / name).unlink(missing_ok=True)

    def stamp(self, entry: FileEntry) -> Stamp | None:
        """The stamp that a data file had when it was copied; None without a copy that is as it was written then."""
        with suppress(OSError, ValueError, LookupError, TypeError):
            note = json.loads(self._note(entry).read_text(encoding="utf-8"))
            fd = os.open(self._object(entry), _READ)
            try:
                if note["format"] == FORMAT and note["identity"] == list(identity_of(fd)):
                    size, written_at, tag = note["stamp"]
                    return Stamp(int(size), int(written_at), str(tag))
            finally:
                os.close(fd)
        return None

    def open(self, entry: FileEntry) -> int | None:
        """A descriptor of the copy of a data file, which the caller closes; None where there is none."""
        try:
            return os.open(self._object(entry), _READ)
        except OSError:
            return None

    @contextmanager
    def taking(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A new file to copy into, and its path, which is gone afterwards unless `keep` gave it another."""
        with self._aside(self._objects) as (file, path):
            yield file, path

    def keep(self, entry: FileEntry, stamp: Stamp, path: Path) -> None:
        """Keeps a file whose digest is right as the copy of a data file."""
        with disk_errors():
            path.chmod(0o400)
            path.replace(self._object(entry))
            fd = os.open(self._object(entry), _READ)
            try:
                note = {"format": FORMAT, "stamp": stamp, "identity": identity_of(fd)}
            finally:
                os.close(fd)
            with self._aside(self._objects) as (file, aside):
                file.write(json.dumps(note).encode())
                file.flush()
                aside.replace(self._note(entry))

    def distrust(self, entry: FileEntry) -> None:
        """Has the next reading fetch a data file again."""
        with suppress(OSError):
            self._note(entry).unlink()

    def sweep(self, entries: Iterable[FileEntry]) -> None:
        """Removes the copies of all data files but these, and what killed processes have left."""
        kept = {path.name for entry in entries for path in (self._object(entry), self._note(entry))}
        for folder in (self._objects, self._manifests):
            for path in folder.iterdir():
                name = path.name
                left = name.startswith(_TAKING) and not is_running(int(name.split("-")[1]))
                if left or (folder == self._objects and name not in kept and not name.startswith(_TAKING)):
                    with suppress(OSError):
                        path.unlink()

    def _object(self, entry: FileEntry) -> Path:
        return self._objects / f"{entry.sha256}-{entry.path}"

    def _note(self, entry: FileEntry) -> Path:
        return self._objects / f"{entry.sha256}-{entry.path}{_NOTE}"

    @contextmanager
    def _aside(self, folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
        with disk_errors():
            fd, name = tempfile.mkstemp(prefix=f"{_TAKING}{os.getpid()}-", dir=folder)
        try:
            with os.fdopen(fd, "w+b") as file:
                yield file, Path(name)
        finally:
            Path(name).unlink(missing_ok=True)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turns what the disk raises into one CacheError sentence."""
    try:
        yield
    except OSError as error:
        raise CacheError(f"The cache folder cannot hold what is fetched: {error.strerror or 'the disk refused'}") from None
