"""Sources: where a store's bytes come from.

`Source` is all that reading a store needs, `FolderSource` is a folder. No name a manifest did not list is
ever opened, no symbolic link below the root is followed, and nothing but a regular file is read. A store in
an object store is an `ObjectSource`.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final, Protocol

from auditlib.errors import ChainError, DamagedFileError, NotAStoreError
from auditlib.store.manifest import DATA_NAME, FileEntry, manifest_name, signature_name

DATA: Final = "data"
MANIFESTS: Final = "manifests"
TEMPORARY: Final = ".tmp-"
"""What the names of files begin with that a publisher has not finished."""

MAX_MANIFEST_BYTES: Final = 16 << 20
SIGNATURE_BYTES: Final = 64

_MANIFEST_NAME: Final = re.compile(r"(?!0{8})[0-9]{8}\.json")
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
# ENXIO is what opening a socket gives, ELOOP and EMLINK what a symbolic link gives, ENOTDIR a file in a folder's place.
_NOT_REGULAR: Final = frozenset({errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.ENOTDIR, errno.ENODEV})


Progress = Callable[[str, int, int], None]
"""Called with a stage, and how much of how much is done; what it raises ends the work."""


class ChainSource(Protocol):
    """The manifests and signatures of one store. Every method may raise UnreachableError where it is not on this machine."""

    @property
    def location(self) -> str:
        """The resolved place, as pins and messages name it."""

    def manifest_numbers(self) -> tuple[int, ...]:
        """The sequence numbers that are there, ascending; NotAStoreError where there is no store."""

    def read_manifest(self, seq: int) -> bytes:
        """The bytes of one manifest; ChainError where they cannot be read."""

    def read_signature(self, seq: int) -> bytes | None:
        """The signature beside a manifest, None where there is none; ChainError where it cannot be read."""


class Source(ChainSource, Protocol):
    """The bytes of one store."""

    @property
    def away(self) -> str:
        """Why the store cannot be reached and what is known of it is given instead; empty where it is read itself."""

    def prepare(self, entries: Iterable[FileEntry], report: Progress) -> None:
        """Brings the data files of entries near, so that opening them waits for nobody."""

    def open_data(self, entry: FileEntry) -> int:
        """A descriptor of one data file, which the caller closes; DamagedFileError where it cannot be opened."""

    def has_data(self, name: str) -> bool:
        """Whether there is a data file of that name, listed or not; DamagedFileError where something else has it."""

    def unlisted(self, listed: Collection[str]) -> tuple[str, ...]:
        """The names of data files that no manifest lists, sorted."""


class FolderSource:
    """A store in a folder. The root is resolved once, here, so that a link to it cannot move later."""

    away = ""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    @property
    def location(self) -> str:
        """The absolute path of the folder."""
        return str(self.root)

    def manifest_numbers(self) -> tuple[int, ...]:
        """The sequence numbers that are there, ascending.

        Raises NotAStoreError where the folder or its manifests folder is missing, unreadable or a link.
        """
        try:
            names = self._names(MANIFESTS)
        except OSError as error:
            raise NotAStoreError(
                f"{self.root} is not a snapshot store: its folder {MANIFESTS!r} cannot be opened ({os.strerror(error.errno or 0)})",
                path=self.location,
            ) from None
        return manifest_numbers(names)

    def read_manifest(self, seq: int) -> bytes:
        """The bytes of one manifest, at most 16 MiB.

        Raises ChainError (`reason=` `missing`, `unreadable`, `not_regular`, `size`) where they cannot be read.
        """
        return self._read(manifest_name(seq), seq, "manifest", MAX_MANIFEST_BYTES)

    def read_signature(self, seq: int) -> bytes | None:
        """The bytes beside a manifest that should be its signature; None where there are none.

        Raises ChainError (`reason=` `unreadable`, `not_regular`, `size`) where they cannot be read.
        """
        try:
            return self._read(signature_name(seq), seq, "signature", SIGNATURE_BYTES)
        except ChainError as error:
            if error.reason == "missing":
                return None
            raise

    def prepare(self, entries: Iterable[FileEntry], report: Progress) -> None:
        """Does nothing: the files of a folder are near."""

    def open_data(self, entry: FileEntry) -> int:
        """A read-only descriptor of a regular data file, which the caller closes.

        Never waits: a named pipe, socket, device, folder or symbolic link is refused at once. Raises
        DamagedFileError (`reason=` `missing`, `unreadable`, `not_regular`).
        """
        return self._open_data(entry.path)

    def has_data(self, name: str) -> bool:
        """Whether there is a regular data file of that name; raises DamagedFileError where something else stands there."""
        try:
            os.close(self._open_data(name))
        except DamagedFileError as error:
            if error.reason == "missing":
                return False
            raise
        return True

    def unlisted(self, listed: Collection[str]) -> tuple[str, ...]:
        """The names in the data folder that are not listed, sorted; a publisher's temporary files are left out.

        Gives none where the folder cannot be listed: its files are then reported missing, one by one.
        """
        try:
            names = self._names(DATA)
        except OSError:
            return ()
        known = frozenset(listed)
        return tuple(sorted(name for name in names if name not in known and not name.startswith(TEMPORARY)))

    def _open_data(self, name: str) -> int:
        if not DATA_NAME.fullmatch(name):
            raise DamagedFileError(f"{name!r} cannot be the name of a data file", path=name, reason="not_regular")
        try:
            return self._open(DATA, name)
        except OSError as error:
            raise DamagedFileError(f"{name} cannot be read: {_sentence(error)}", path=name, reason=_reason(error)) from None

    def _names(self, folder: str) -> list[str]:
        fd = os.open(self.root / folder, _FOLDER)
        try:
            with os.scandir(fd) as entries:
                return [entry.name for entry in entries]
        finally:
            os.close(fd)

    def _read(self, name: str, seq: int, what: str, most: int) -> bytes:
        try:
            with os.fdopen(self._open(MANIFESTS, name), "rb") as file:
                raw = file.read(most + 1)
        except OSError as error:
            raise ChainError(f"{what} {name} cannot be read: {_sentence(error)}", seq=seq, reason=_reason(error)) from None
        if len(raw) > most:
            raise ChainError(f"{what} {name} is larger than {most} bytes", seq=seq, reason="size")
        return raw

    def _open(self, folder: str, name: str) -> int:
        parent = os.open(self.root / folder, _FOLDER)
        try:
            fd = os.open(name, _READ, dir_fd=parent)
        finally:
            os.close(parent)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        return fd


def manifest_numbers(names: Iterable[str]) -> tuple[int, ...]:
    """The sequence numbers of the manifests among some names, ascending."""
    return tuple(sorted(int(name[:8]) for name in names if _MANIFEST_NAME.fullmatch(name)))


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "missing"
    return "not_regular" if error.errno in _NOT_REGULAR else "unreadable"


def _sentence(error: OSError) -> str:
    reason = _reason(error)
    if reason == "missing":
        return "it is missing"
    return "it is not a regular file" if reason == "not_regular" else os.strerror(error.errno or 0)
