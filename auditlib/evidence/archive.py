"""Archives: ZIP files without compression, in which names and contents decide every byte.

The layout is that of APPNOTE.TXT 6.3.10 (PKWARE), sections 4.3.7, 4.3.12 and 4.3.16, in its plainest form: members
stored one after the other, one date, one mode, no extra fields, no comment. So the same members make the same
archive, nothing unpacks to more than it is, and a reader can tell any other byte from what was written.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final, NoReturn

from auditlib.errors import BundleError, ExportError
from auditlib.text import one_line

NAME: Final = re.compile(r"(?:(?:data|manifests)/)?[A-Za-z0-9][A-Za-z0-9._-]{0,130}")
MOST_BYTES: Final = (1 << 32) - 1
"""What the 32-bit sizes of the format can say."""

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_VERSION: Final = 10
_MADE_BY: Final = 3 << 8 | 20
_DATE: Final = 1 << 5 | 1
_MODE: Final = 0o100644 << 16
_MOST_MEMBERS: Final = 65_534
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its name, CRC-32 and size in bytes, and where its header and its bytes begin."""

    name: str
    crc: int
    size: int
    header: int

    @property
    def start(self) -> int:
        """Where its bytes begin."""
        return self.header + _LOCAL.size + len(self.name)

    def local(self) -> bytes:
        """The header before its bytes."""
        sizes = (self.crc, self.size, self.size, len(self.name), 0)
        return _LOCAL.pack(b"PK\3\4", _VERSION, 0, 0, 0, _DATE, *sizes) + self.name.encode("ascii")

    def central(self) -> bytes:
        """Its entry in the directory at the end."""
        sizes = (self.crc, self.size, self.size, len(self.name), 0, 0, 0, 0)
        return _CENTRAL.pack(b"PK\1\2", _MADE_BY, _VERSION, 0, 0, 0, _DATE, *sizes, _MODE, self.header) + self.name.encode("ascii")


class ArchiveWriter:
    """Writes an archive into a binary file that can seek; `digests` has the SHA-256 of each member so far."""

    def __init__(self, file: IO[bytes]) -> None:
        self.digests: dict[str, str] = {}
        self._file = file
        self._members: list[Member] = []

    @contextmanager
    def member(self, name: str) -> Iterator[IO[bytes]]:
        """A file to write one member into, after the ones before it; raises ExportError past 4 GiB in all."""
        assert NAME.fullmatch(name) and name not in self.digests, name
        header = self._file.tell()
        self._file.write(Member(name, 0, 0, header).local())
        sink = _Sink(self._file)
        yield sink  # type: ignore[misc]
        found = Member(name, sink.crc, sink.size, header)
        end = self._file.tell()
        self._file.seek(header)
        self._file.write(found.local())
        self._file.seek(end)
        self._members.append(found)
        self.digests[name] = sink.sha256.hexdigest()

    def add(self, name: str, raw: bytes) -> None:
        """Writes one member of these bytes."""
        with self.member(name) as file:
            file.write(raw)

    def finish(self) -> None:
        """Writes the directory; nothing can be added afterwards."""
        self._file.write(_directory(self._members, self._file.tell()))


class _Sink(io.RawIOBase):
    """What one member is written into: passes bytes on and counts, sums and hashes them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._room = MOST_BYTES - (64 << 20) - file.tell()
        self.size = self.crc = 0
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        if self.size + len(piece) > self._room:
            raise ExportError("An evidence bundle holds at most 4 GiB; choose fewer events", limit=MOST_BYTES)
        self.size += len(piece)
        self.crc = zlib.crc32(piece, self.crc)
        self.sha256.update(piece)
        self._file.write(piece)
        return len(piece)


def read_archive(file: IO[bytes]) -> dict[str, Member]:
    """The members of an archive by name, in order, when every byte around them is what `ArchiveWriter` writes.

    Raises BundleError for anything else: compression, encryption, links, folders, other dates, a name twice or one
    that leads elsewhere, bytes before, between or behind.
    """
    members: dict[str, Member] = {}
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    while (raw := file.read(_LOCAL.size))[:4] == b"PK\3\4":
        member = _member(file, raw)
        if member.name in members:
            _refuse(f"it holds {member.name} twice", member.name)
        if len(members) == _MOST_MEMBERS:
            _refuse(f"it holds more than {_MOST_MEMBERS} files")
        if member.start + member.size > length:
            _refuse(f"{member.name} ends early", member.name)
        members[member.name] = member
        file.seek(member.start + member.size)
    end = file.tell() - len(raw)
    file.seek(end)
    expected = _directory(list(members.values()), end)
    if file.read(len(expected) + 1) != expected:
        _refuse(f"its directory, from byte {end} on, is not the one of its files")
    return members


def pieces(file: IO[bytes], member: Member) -> Iterator[bytes]:
    """The bytes of a member, a piece at a time; raises BundleError where its CRC-32 or its length is another."""
    file.seek(member.start)
    left, crc = member.size, 0
    while left:
        piece = file.read(min(left, _PIECE))
        if not piece:
            _refuse(f"{member.name} ends early", member.name)
        left -= len(piece)
        crc = zlib.crc32(piece, crc)
        yield piece
    if crc != member.crc:
        _refuse(f"{member.name} has another CRC-32 than its header says", member.name)


def write_sums(digests: Mapping[str, str]) -> bytes:
    """The digests of files as `sha256sum --check` reads them."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode("ascii")


def _member(file: IO[bytes], raw: bytes) -> Member:
    header = file.tell() - len(raw)
    if len(raw) < _LOCAL.size:
        _refuse("it ends early")
    _, _, flags, method, _, _, crc, _, size, length, _ = _LOCAL.unpack(raw)
    name = file.read(min(length, 400)).decode("ascii", "backslashreplace")
    if not NAME.fullmatch(name):
        _refuse(f"it holds a file named {one_line(name, 80)!r}, which no bundle has", name)
    if flags or method:
        _refuse(f"{name} is compressed or encrypted, which nothing in a bundle is", name)
    member = Member(name, crc, size, header)
    if raw + name.encode("ascii") != member.local():
        _refuse(f"the header of {name} is not as a bundle is written", name)
    return member


def _directory(members: list[Member], start: int) -> bytes:
    entries = b"".join(member.central() for member in members)
    return entries + _END.pack(b"PK\5\6", 0, 0, len(members), len(members), len(entries), start, 0)


def _refuse(what: str, name: str = "") -> NoReturn:
    raise BundleError(f"This is not an evidence bundle as it was written: {what}", name=name)
