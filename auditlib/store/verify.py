"""Verification: data files opened only when they are what their manifest says, and a report on a whole store.

What is loaded is what was hashed: the digest is taken from an open descriptor, the footer is read from the
same descriptor, and whoever loads the file opens `VerifiedFile.path`, which names that descriptor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from auditlib.errors import ChainError, DamagedFileError
from auditlib.store.chain import Chain, read_chain
from auditlib.store.digest import sha256_descriptor
from auditlib.store.footer import check_footer
from auditlib.store.manifest import FileEntry, Manifest
from auditlib.store.sources import FolderSource, Source

FileState = Literal["verified", "damaged", "missing", "quarantined"]


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
    fd = source.open_data(entry.path)
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


@dataclass(frozen=True, slots=True)
class FileReport:
    """What verification found of one file.

    `reason` is the machine word of the damage (see `open_verified`), `snapshot` for a quarantined file,
    None for a verified one; `sentence` says the same to people.
    """

    path: str
    seq: int
    state: FileState
    reason: str | None
    sentence: str | None
    rows: int
    bytes: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """One manifest of the chain: `verified` when all of its files are, else `quarantined`."""

    seq: int
    created: str
    sha256: str
    rows: int
    state: Literal["verified", "quarantined"]

    def to_dict(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Report:
    """What verification found of a store.

    `problem` says why the chain ends early, None for a whole one; the files of the refused manifests are
    then among `unlisted`, which are the entries of the data folder that no accepted manifest lists. Those
    are never read, and are no damage.
    """

    location: str
    chain: Chain
    snapshots: tuple[SnapshotReport, ...]
    files: tuple[FileReport, ...]
    unlisted: tuple[str, ...]

    @property
    def problem(self) -> ChainError | None:
        """What broke the chain, None for a whole one."""
        return self.chain.problem

    @property
    def ok(self) -> bool:
        """Whether the chain is whole and every file verified."""
        return self.problem is None and all(file.state == "verified" for file in self.files)

    @property
    def exit_code(self) -> int:
        """0 where everything is good, 1 where anything is damaged or missing."""
        return 0 if self.ok else 1

    def to_dict(self) -> dict[str, Any]:
        """The report as one JSON object, the same for the same store."""
        head = self.chain.manifests[-1] if self.chain.manifests else None
        return {
            "ok": self.ok,
            "location": self.location,
            "log_id": self.chain.log_id or None,
            "head": {"seq": head.seq, "sha256": head.digest} if head else None,
            "problem": {"seq": self.problem.seq, "reason": self.problem.reason, "sentence": str(self.problem)} if self.problem else None,
            "snapshots": [snapshot.to_dict() for snapshot in self.snapshots],
            "files": [file.to_dict() for file in self.files],
            "unlisted": list(self.unlisted),
        }


def verify_store(root: Path, progress: Callable[[int], None] | None = None) -> Report:
    """A report on every file of a store. Always hashes everything anew, and goes on after damage.

    A damaged or missing file quarantines the other files of its manifest. `progress` is called with the
    number of bytes of each piece hashed. Raises NotAStoreError where the folder holds no manifests.
    """
    source = FolderSource(root)
    chain = read_chain(source)
    files: list[FileReport] = []
    snapshots: list[SnapshotReport] = []
    for manifest in chain.manifests:
        found = _check_files(source, manifest, progress)
        files.extend(found)
        whole = all(file.state == "verified" for file in found)
        state: Literal["verified", "quarantined"] = "verified" if whole else "quarantined"
        snapshots.append(SnapshotReport(manifest.seq, manifest.created, manifest.digest, manifest.rows, state))
    unlisted = source.unlisted([entry.path for entry in chain.files])
    return Report(source.location, chain, tuple(snapshots), tuple(files), unlisted)


def _check_files(source: Source, manifest: Manifest, progress: Callable[[int], None] | None) -> list[FileReport]:
    damage: dict[str, DamagedFileError] = {}
    for entry in manifest.files:
        try:
            open_verified(source, entry, progress).close()
        except DamagedFileError as error:
            damage[entry.path] = error
    worst = next(iter(damage), None)
    return [_file_report(manifest.seq, entry, damage.get(entry.path), worst) for entry in manifest.files]


def _file_report(seq: int, entry: FileEntry, error: DamagedFileError | None, worst: str | None) -> FileReport:
    state: FileState = "verified"
    reason = sentence = None
    if error is not None:
        reason, sentence = str(error.reason), str(error)
        state = "missing" if reason == "missing" else "damaged"
    elif worst is not None:
        state, reason = "quarantined", "snapshot"
        sentence = f"{entry.path} is whole, but {worst} of the same snapshot is not"
    return FileReport(entry.path, seq, state, reason, sentence, entry.rows, entry.bytes, entry.sha256)


def _digest(fd: int, entry: FileEntry, progress: Callable[[int], None] | None) -> str:
    try:
        return sha256_descriptor(fd, progress)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise DamagedFileError(f"{entry.path} cannot be read: {why}", path=entry.path, reason="unreadable") from None
