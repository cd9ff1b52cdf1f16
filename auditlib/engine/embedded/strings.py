"""Texts in files: one run of UTF-8 bytes and the offsets that cut it, both mapped."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditlib.engine.embedded.arrays import Ints, load, save

MANY: Final = 2_000
"""Hits of a search after which it is quicker to look at every text."""

_LOW: Final = np.uint64(0xFFFFFFFF)


class Strings:
    """Texts by number; opened from what `write` wrote."""

    def __init__(self, folder: Path, name: str) -> None:
        self._offsets = load(folder / f"{name}.offsets.npy")
        path = folder / f"{name}.text"
        with path.open("rb") as file:
            self._bytes: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""

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
            hit = self._bytes.find(wanted, start)
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
        low = np.uint64(_hash(text.encode("utf-8", "surrogatepass"))) << np.uint64(32)
        first, last = np.searchsorted(self._pairs, low, "left"), np.searchsorted(self._pairs, low | _LOW, "right")
        numbers = (int(pair & _LOW) for pair in self._pairs[first:last])
        return [number for number in numbers if self._texts[number] == text]


def write(folder: Path, name: str, pieces: Iterable[pa.LargeStringArray]) -> int:
    """Writes texts, a piece at a time, with an index of them; returns how many there are."""
    offsets, hashes, end, count = [np.zeros(1, np.int64)], [], 0, 0
    with (folder / f"{name}.text").open("wb") as file:
        for piece in pieces:
            texts = piece.cast(pa.large_binary()).to_pylist()
            lengths = np.fromiter(map(len, texts), np.int64, len(texts))
            offsets.append(np.cumsum(lengths) + end)
            hashes.append(np.fromiter(map(_hash, texts), np.uint64, len(texts)))
            file.write(b"".join(texts))
            end += int(lengths.sum())
            count += len(texts)
    save(folder / f"{name}.offsets.npy", np.concatenate(offsets))
    pairs = np.concatenate([np.empty(0, np.uint64), *hashes]) << np.uint64(32)
    pairs |= np.arange(count, dtype=np.uint64)
    pairs.sort()
    save(folder / f"{name}.index.npy", pairs)
    return count


def _hash(text: bytes) -> int:
    return crc32(text)
