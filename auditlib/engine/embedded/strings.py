"""Texts in files: one run of UTF-8 bytes and the offsets that cut it, both mapped."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditlib.engine.embedded.arrays import READ_BYTES, Ints, load, save
from auditlib.engine.embedded.haystack import Haystack

MANY: Final = 2_000
"""Hits of a search after which it is quicker to look at every text."""

_PIECE: Final = 4_096
_LOW: Final = np.uint64(0xFFFFFFFF)


class Strings:
    """Texts by number; opened from what `write` wrote."""

    def __init__(self, folder: Path, name: str) -> None:
        self._offsets = load(folder / f"{name}.offsets.npy")
        path = folder / f"{name}.text"
        with path.open("rb") as file:
            small = path.stat().st_size <= READ_BYTES
            self._bytes: mmap.mmap | bytes = file.read() if small else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._haystack = Haystack(self._bytes)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, number: int) -> str:
        return self._bytes[int(self._offsets[number]) : int(self._offsets[number + 1])].decode("utf-8", "surrogatepass")

    def array(self) -> pa.LargeStringArray:
        """All texts as an Arrow array over the mapped bytes."""
        buffers = [None, pa.py_buffer(np.ascontiguousarray(self._offsets)), pa.py_buffer(self._bytes)]
        return pa.Array.from_buffers(pa.large_string(), len(self), buffers)

    def containing(self, needle: str) -> Ints:
        """The numbers of the texts that contain a needle, ascending.

        Looks for the needle in the bytes as a whole; only where it turns up all over, at each text.
        """
        wanted = needle.encode("utf-8", "surrogatepass")
        found: list[int] = []
        start = 0
        if not wanted:
            return np.arange(len(self))
        while len(found) <= MANY:
            hit = self._haystack.find(wanted, start)
            if hit < 0:
                return np.array(found, dtype=np.int64)
            number = int(np.searchsorted(self._offsets, hit, "right")) - 1
            end = int(self._offsets[number + 1])
            if hit + len(wanted) <= end:
                found.append(number)
                start = end
            else:
                start = hit + 1
        return np.flatnonzero(np.asarray(pc.match_substring(self.array(), needle)))


class HashIndex:
    """From a text to its numbers in a list of texts: sorted pairs of CRC-32 and number, 8 bytes each."""

    def __init__(self, path: Path, texts: Strings) -> None:
        self._pairs = load(path)
        self._texts = texts

    def find(self, text: str) -> list[int]:
        """The numbers of the texts that equal a text, ascending."""
        low = np.uint64(crc32(text.encode("utf-8", "surrogatepass"))) << np.uint64(32)
        first, last = np.searchsorted(self._pairs, low, "left"), np.searchsorted(self._pairs, low | _LOW, "right")
        numbers = (int(pair & _LOW) for pair in self._pairs[first:last])
        return [number for number in numbers if self._texts[number] == text]

    def has_hashes(self, keys: Ints) -> Ints:
        """For ascending pairs of CRC-32 and any number, whether a text has that CRC-32."""
        if not len(self._pairs):
            return np.zeros(len(keys), bool)
        places = np.searchsorted(self._pairs, keys & ~_LOW)
        found: Ints = self._pairs[np.minimum(places, len(self._pairs) - 1)] >> np.uint64(32) == keys >> np.uint64(32)
        return found


def write(folder: Path, name: str, pieces: Iterable[pa.LargeStringArray]) -> int:
    """Writes texts, a piece at a time; returns how many there are."""
    offsets, end = [np.zeros(1, np.int64)], 0
    with (folder / f"{name}.text").open("wb") as file:
        for piece in pieces:
            bounds = (
                np.frombuffer(piece.buffers()[1], np.int64)[piece.offset : piece.offset + len(piece) + 1]
                if len(piece)
                else np.zeros(1, np.int64)
            )
            if len(piece):
                file.write(memoryview(piece.buffers()[2])[bounds[0] : bounds[-1]])
            offsets.append(bounds[1:] - bounds[0] + end)
            end = int(offsets[-1][-1]) if len(piece) else end
    total = np.concatenate(offsets)
    save(folder / f"{name}.offsets.npy", total)
    return len(total) - 1


def write_index(folder: Path, name: str, hashes: Ints) -> None:
    """Writes the index of texts with these CRC-32s; see `HashIndex`."""
    pairs = hashes.astype(np.uint64) << np.uint64(32)
    pairs |= np.arange(len(pairs), dtype=np.uint64)
    pairs.sort()
    save(folder / f"{name}.index.npy", pairs)


def hashes_of(texts: pa.LargeStringArray | pa.ChunkedArray) -> Ints:
    """The CRC-32 of each text's UTF-8."""
    return each(texts, crc32, np.uint32)


def each(texts: pa.LargeStringArray | pa.ChunkedArray, number: Callable[[Any], int], dtype: type[np.unsignedinteger[Any]]) -> Ints:
    """The number of each text's UTF-8, a few texts at a time: Python's own copies of all would take several times their room."""
    pieces = pa.table([texts.cast(pa.large_binary())], ["texts"]).to_batches(max_chunksize=_PIECE)
    return np.fromiter((made for piece in pieces for made in map(number, piece.column(0).to_pylist())), dtype, len(texts))
