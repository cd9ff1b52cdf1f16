"""Matches: which positions of the log meet a view, as sorted numbers or, where there are very many, as bits.

Both tell how many there are, which stand at places a … b, and how many lie before a position. Pages,
totals, histograms and Previous/Next are made of these three.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, Protocol

import numpy as np

from auditlib.engine.embedded.arrays import Ints, places

BLOCK: Final = 65_536
FEW: Final = 16
"""Positions that are looked up one by one rather than through counts over all bits."""


class Matches(Protocol):
    """Positions, ascending, each once."""

    def __len__(self) -> int: ...

    @property
    def nbytes(self) -> int:
        """How much memory it takes; mapped files take none."""

    def take(self, start: int, stop: int) -> Ints:
        """The matches at places start … stop - 1."""

    def before(self, positions: Ints) -> Ints:
        """For each position, how many matches lie before it."""

    def all(self) -> Ints:
        """Every match."""


class Sorted:
    """Matches as an array; it may be a slice of a mapped file."""

    def __init__(self, values: Ints) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    @property
    def nbytes(self) -> int:
        return 0 if isinstance(self._values, np.memmap) else int(self._values.nbytes)

    def take(self, start: int, stop: int) -> Ints:
        return self._values[start:stop]

    def before(self, positions: Ints) -> Ints:
        return places(self._values, positions)

    def all(self) -> Ints:
        return self._values


class Bitmap:
    """Matches as bits, eight positions a byte, with the count of each 65,536 positions."""

    def __init__(self, mask: Ints) -> None:
        bits = np.packbits(mask, bitorder="little")
        self._bits = np.concatenate([bits, np.zeros(-len(bits) % (BLOCK // 8), np.uint8)])

    def __len__(self) -> int:
        return int(self._counts[-1])

    @property
    def nbytes(self) -> int:
        return int(self._bits.nbytes)

    @cached_property
    def _counts(self) -> Ints:
        each = np.bitwise_count(self._bits.view(np.uint64)).reshape(-1, BLOCK // 64).sum(axis=1, dtype=np.int64)
        return np.concatenate([[0], np.cumsum(each)])

    def take(self, start: int, stop: int) -> Ints:
        stop = min(stop, len(self))
        if start >= stop:
            return np.empty(0, np.int64)
        first = int(np.searchsorted(self._counts, start, "right")) - 1
        last = int(np.searchsorted(self._counts, stop, "left"))
        found = self._positions(first, last)
        skipped = int(self._counts[first])
        return found[start - skipped : stop - skipped]

    def before(self, positions: Ints) -> Ints:
        clipped = np.clip(np.asarray(positions, np.int64), 0, len(self._bits) * 8)
        if len(clipped) > FEW:
            words = self._bits.view(np.uint64)
            counts = np.concatenate([[0], np.cumsum(np.bitwise_count(words), dtype=np.int64)])
            word, rest = np.minimum(clipped // 64, len(words) - 1), (clipped % 64).astype(np.uint64)
            partial = np.bitwise_count(words[word] & ((np.uint64(1) << rest) - np.uint64(1)))
            return counts[clipped // 64] + partial
        return np.array([self._before(position) for position in clipped.tolist()], np.int64)

    def _before(self, position: int) -> int:
        block, byte = position // BLOCK, position // 8
        whole = int(np.bitwise_count(self._bits[block * (BLOCK // 8) : byte]).sum(dtype=np.int64))
        part = (int(self._bits[byte]) & ((1 << position % 8) - 1)).bit_count() if position % 8 else 0
        return int(self._counts[block]) + whole + part

    def all(self) -> Ints:
        return self._positions(0, len(self._counts) - 1)

    def _positions(self, first: int, last: int) -> Ints:
        width = BLOCK // 8
        return np.flatnonzero(np.unpackbits(self._bits[first * width : last * width], bitorder="little")) + first * BLOCK
