"""The bytes of one source file: opened safely, decompressed by magic bytes, in chunks of bounded size."""

from __future__ import annotations

import os
import select
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from auditlib.errors import SourceError

CHUNK: Final = 1 << 20
_STEP_SECONDS: Final = 0.2
STDIN: Final = "-"

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_GZIP_FEED: Final = 1 << 14
_ZSTD_FEED: Final = 1 << 12  # one block of 4 bytes can hold 128 KiB, so small feeds bound what one call returns
_UNSUPPORTED: Final = {
    b"PK\x03\x04": "a ZIP archive; expected plain, gzip or zstd text",
    b"\xff\xfe": "UTF-16 text; expected UTF-8",
    b"\xfe\xff": "UTF-16 text; expected UTF-8",
    b"PAR1": "a Parquet file; expected JSON or CSV text",
    b"BZh": "bzip2; expected plain, gzip or zstd text",
    b"\xfd7zXZ": "xz; expected plain, gzip or zstd text",
}
_KINDS: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Source:
    """One source file, or standard input for `-`.

    `chunks` gives its decompressed bytes and never raises: what stopped it early stands in `fault`
    afterwards, and all that could be read before has been given. `size` is the number of bytes on disk,
    None for standard input; `consumed` how many of them have been read. `label` is its name as text that
    can be written anywhere: bytes of it that are no UTF-8 are `\\xNN`.
    """

    def __init__(self, path: str | Path) -> None:
        """Looks whether the file can be read; raises SourceError where there is none, or it is no regular file."""
        self.name = str(path)
        self.label = os.fsencode(self.name).decode("utf-8", "backslashreplace")
        self.fault: str | None = None
        self.consumed = 0
        self.size: int | None = None
        self._stream: BinaryIO = sys.stdin.buffer
        if self.name != STDIN:
            with _opened(self.name) as stream:
                self.size = os.fstat(stream.fileno()).st_size

    def chunks(self) -> Iterator[bytes]:
        """The decompressed bytes, in pieces of bounded size."""
        try:
            with nullcontext(sys.stdin.buffer) if self.name == STDIN else _opened(self.name) as self._stream:
                yield from self._decoded(self._more(CHUNK))
        except SourceError as error:
            self.fault = error.message
        except (OSError, zstandard.ZstdError) as error:
            self.fault = f"the file cannot be read further: {error}"

    def _decoded(self, head: bytes) -> Iterator[bytes]:
        unsupported = next((what for magic, what in _UNSUPPORTED.items() if head.startswith(magic)), None)
        if unsupported:
            self.fault = f"the file is {unsupported}"
        elif head.startswith(_GZIP):
            yield from self._gunzipped(head)
        elif head.startswith(_ZSTD):
            yield from self._unzstd(head)
        else:
            while head:
                yield head
                head = self._more(CHUNK)

    def _more(self, size: int) -> bytes:
        data = _awaited(self._stream, size) if self.name == STDIN else self._stream.read(size)
        self.consumed += len(data)
        return data

    def _pieces(self, head: bytes, size: int) -> Iterator[bytes]:
        for start in range(0, len(head), size):
            yield head[start : start + size]
        while piece := self._more(size):
            yield piece

    def _gunzipped(self, head: bytes) -> Iterator[bytes]:
        member = zlib.decompressobj(31)
        for piece in self._pieces(head, _GZIP_FEED):
            while piece:
                if member.eof:
                    piece = piece.lstrip(b"\0")
                    member = zlib.decompressobj(31) if piece else member
                    if not piece:
                        break
                before = member.copy()
                try:
                    data = member.decompress(piece, CHUNK)
                except zlib.error as error:
                    yield _salvaged(before, piece)
                    self.fault = f"the gzip data is damaged: {error}"
                    return
                if data:
                    yield data
                piece = member.unused_data if member.eof else member.unconsumed_tail
        while not member.eof and (data := member.decompress(b"", CHUNK)):
            yield data
        if not member.eof:
            self.fault = "the gzip data ends early"

    def _unzstd(self, head: bytes) -> Iterator[bytes]:
        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        frame = decompressor.decompressobj()
        for piece in self._pieces(head, _ZSTD_FEED):
            while piece:
                frame = decompressor.decompressobj() if frame.eof else frame
                data = frame.decompress(piece)
                if data:
                    yield data
                piece = frame.unused_data if frame.eof else b""
        if not frame.eof:
            self.fault = "the zstd data ends early"


def _awaited(stream: BinaryIO, size: int) -> bytes:
    """So many bytes of standard input, or what is left of it.

    It waits in short steps: an interrupt that reaches another thread of the process does not end a wait of this one,
    and would be noticed only with the next input.
    """
    try:
        descriptor = stream.fileno()
    except OSError:
        return stream.read(size)
    pieces, wanted = [], size
    while wanted:
        while not select.select([descriptor], [], [], _STEP_SECONDS)[0]:
            pass
        piece = os.read(descriptor, wanted)
        if not piece:
            break
        pieces.append(piece)
        wanted -= len(piece)
    return b"".join(pieces)


def _salvaged(member: zlib._Decompress, piece: bytes) -> bytes:
    """What a damaged piece of gzip data gives before the damage shows."""
    out = bytearray()
    try:
        for position in range(len(piece)):
            out += member.decompress(piece[position : position + 1])
    except zlib.error:
        pass
    return bytes(out)


def _opened(name: str) -> BinaryIO:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unreadable(name, (getattr(error, "strerror", None) or str(error)).lower()) from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise _unreadable(name, "it is " + next((label for test, label in _KINDS if test(mode)), "no regular file"))


def _unreadable(name: str, why: str) -> SourceError:
    return SourceError(f"Cannot read '{name}': {why}; expected a file.", path=name, reason=why)
