"""Verified files: data files opened only when they are what their manifest says.

What is loaded is what was hashed: the digest is taken from an open descriptor, the footer is read from the
same descriptor, and whoever loads the file opens `VerifiedFile.path`, which names that descriptor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from auditlib.errors import DamagedFileError
from auditlib.store.digest import sha256_descriptor
from auditlib.store.footer import check_footer
from auditlib.store.manifest import FileEntry
from auditlib.store.sources import Source


class VerifiedFile:
    """An open data file that agreed with its manifest; use it as a context manager, or close it.

    Attributes:
        entry: what the manifest says of it.
        fd: the descriptor that was hashed; -1 once closed.
        identity: what `identity_of` gave for it before it was hashed.
    """

    def __init__(self, entry: FileEntry, fd: int, identity: tuple[int, ...]) -> None:
        self.entry = entry
        self.fd = fd
        self.identity = identity

    @property
    def path(self) -> str:
        """A path by which this process opens exactly the hashed file, whatever its folder now holds."""
        return f"/proc/self/fd/{self.fd}" if sys.platform == "linux" else f"/dev/fd/{self.fd}"

    def assert_unchanged(self) -> None:
        """Raise DamagedFileError (`reason="changed"`) if the file was written to since it was opened.

        Call it after loading: what was loaded is then what was hashed.
        """
        if identity_of(self.fd) != self.identity:
            raise DamagedFileError(f"{self.entry.path} changed while it was being read", path=self.entry.path, reason="changed")

    def close(self) -> None:
        """Close the descriptor; a second time does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_verified(source: Source, entry: FileEntry, progress: Callable[[int], None] | None = None) -> VerifiedFile:
    """Open one data file, in this order: regular file, size, SHA-256, footer and columns.

    `progress` is called with the number of bytes of each piece hashed. Raises DamagedFileError with `path=`
    and `reason=` one of `missing`, `unreadable`, `not_regular`, `size`, `digest`, `footer`, `codec`,
    `schema`, `rows`, `budget`, `times`, `changed`.
    """
    fd = source.open_data(entry)
    try:
        file = VerifiedFile(entry, fd, identity_of(fd))
        size = os.fstat(fd).st_size
        if size != entry.bytes:
            raise DamagedFileError(f"{entry.path} has {size} bytes, its manifest says {entry.bytes}", path=entry.path, reason="size")
        digest = _digest(fd, entry, progress)
        if digest != entry.sha256:
            raise DamagedFileError(
                f"{entry.path} has the SHA-256 {digest[:12]}…, its manifest says {entry.sha256[:12]}…", path=entry.path, reason="digest"
            )
        check_footer(fd, entry)
        file.assert_unchanged()
    except BaseException:
        os.close(fd)
        raise
    return file


def identity_of(fd: int) -> tuple[int, ...]:
    """Device, inode, size and times (nanoseconds) of an open file: any write to it changes them."""
    found = os.fstat(fd)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _digest(fd: int, entry: FileEntry, progress: Callable[[int], None] | None) -> str:
    try:
        return sha256_descriptor(fd, progress)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise DamagedFileError(f"{entry.path} cannot be read: {why}", path=entry.path, reason="unreadable") from None
