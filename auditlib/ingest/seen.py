"""The keys seen so far in an import, at 16 bytes each: by them repeats are known, however long the import is."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from auditlib.ingest.identity import KEY

RECENT: Final = 100_000
"""Keys that are kept as they are, before they are packed."""

Numbers = NDArray[np.uint64]


class Seen:
    """A set of keys of 16 bytes.

    The newest are a set of Python's; before them stand packed runs, each sorted by the first half of the keys and
    at least twice as long as the next, so that there are few.
    """

    def __init__(self) -> None:
        self._recent: set[bytes] = set()
        self._runs: list[tuple[Numbers, Numbers]] = []

    def add(self, keys: bytes) -> list[int]:
        """Adds keys, given one behind the other; returns the places of those that were not there before, also not among these."""
        packed = self._packed_before(keys)
        recent = self._recent
        new = []
        for place in range(len(keys) // KEY):
            key = keys[place * KEY : (place + 1) * KEY]
            if key not in recent and not (packed is not None and packed[place]):
                recent.add(key)
                new.append(place)
        if len(recent) >= RECENT:
            self._pack()
        return new

    def _packed_before(self, keys: bytes) -> NDArray[np.bool_] | None:
        """For each key whether it is in a packed run; None where there is none."""
        if not self._runs:
            return None
        first, second = _halves(keys)
        order = np.argsort(first)
        found = np.zeros(len(first), bool)
        for firsts, seconds in self._runs:
            places = np.searchsorted(firsts, first[order])
            inside = np.minimum(places, len(firsts) - 1)
            for number in np.flatnonzero(firsts[inside] == first[order]):
                key, place = order[number], int(places[number])
                end = int(np.searchsorted(firsts, first[key], "right"))
                found[key] |= bool((seconds[place:end] == second[key]).any())
        return found

    def _pack(self) -> None:
        run: Any = _halves(b"".join(self._recent))
        order = np.argsort(run[0])
        run = (run[0][order], run[1][order])
        while self._runs and len(self._runs[-1][0]) < 2 * len(run[0]):
            before = self._runs.pop()
            first = np.concatenate([before[0], run[0]])
            order = np.argsort(first, kind="stable")
            run = (first[order], np.concatenate([before[1], run[1]])[order])
        self._runs.append(run)
        self._recent.clear()


def _halves(keys: bytes) -> tuple[Numbers, Numbers]:
    numbers = np.frombuffer(keys, np.uint64).reshape(-1, 2)
    return numbers[:, 0], numbers[:, 1]
