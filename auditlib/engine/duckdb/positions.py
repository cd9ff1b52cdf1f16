"""Positions that match a view, kept so that its further pages are slices."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from auditlib.view.predicates import Predicate

MOST_BYTES: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class Positions:
    """Ascending positions in the log; the first `known` of them belong to events with a known time."""

    values: NDArray[np.int32]
    known: int

    def __len__(self) -> int:
        return len(self.values)

    def slice(self, order: str, start: int, stop: int) -> list[int]:
        """Matches start … stop-1 in an order; unknown times come last in both."""
        if order == "newest":
            found = self.values[start:stop]
        else:
            both = (self.values[: self.known][::-1], self.values[self.known :][::-1])
            found = np.concatenate([both[0][start:stop], both[1][max(0, start - self.known) : max(0, stop - self.known)]])
        return [int(value) for value in found]

    def index(self, position: int) -> int | None:
        """Where a position stands among the matches, newest first; None where it does not."""
        place = int(np.searchsorted(self.values, position))
        return place if place < len(self.values) and self.values[place] == position else None


class PositionCache:
    """The most recently used positions by predicate, within a limit of bytes; safe between threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: OrderedDict[Predicate, Positions] = OrderedDict()
        self._most, self._bytes = most_bytes, 0
        self._lock = Lock()

    def get(self, predicate: Predicate) -> Positions | None:
        """What was kept for a predicate, or None."""
        with self._lock:
            found = self._kept.get(predicate)
            if found is not None:
                self._kept.move_to_end(predicate)
            return found

    def put(self, predicate: Predicate, positions: Positions) -> None:
        """Keeps positions, dropping those not used for longest where the limit is passed."""
        with self._lock:
            if predicate in self._kept:
                return
            self._kept[predicate] = positions
            self._bytes += positions.values.nbytes
            while self._bytes > self._most and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= dropped.values.nbytes

    def clear(self) -> None:
        """Drops everything."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0
