"""Ranks: which stretches of time hold the matches from one place to another, told from counts alone.

Nothing is ever skipped by an offset, which would read all that is skipped: matches are counted by day, then within
the one day that matters by ever shorter stretches, until a few rows are left to fetch and slice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

FEW: Final = 2_000
"""Rows that may be fetched only to be skipped."""
_STEPS: Final = (86_400_000_000, 900_000_000, 10_000_000, 100_000, 1_000, 10, 1)
"""Widths of stretches in microseconds: days, and what they are cut into."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Matches from one instant to before another, microseconds UTC."""

    start: int
    end: int
    events: int

    def finer(self) -> int | None:
        """The width of the stretches it can be cut into; None where it is a single microsecond."""
        return next((step for step in _STEPS if step < self.end - self.start), None)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Stretches that hold what is wanted, in the order of the view, and how many of their first matches come before it."""

    stretches: tuple[Stretch, ...]
    skip: int


Cut = Callable[[Stretch, int], Sequence[Stretch]]
"""The stretches of a width that one is made of, those without a match left out, in the order of the view."""


def narrow(stretches: Sequence[Stretch], first: int, last: int, cut: Cut) -> Narrowed:
    """The stretches that hold matches number first … last - 1 of some, which stand in the order of the view."""
    while True:
        ends = list(accumulate(stretch.events for stretch in stretches))
        here = next(place for place, end in enumerate(ends) if end > first)
        there = next(place for place, end in enumerate(ends) if end >= last)
        before = ends[here] - stretches[here].events
        wanted = stretches[here : there + 1]
        skip = first - before
        width = wanted[0].finer() if skip > FEW else None
        if width is None:
            return Narrowed(tuple(wanted), skip)
        stretches = [*cut(wanted[0], width), *wanted[1:]]
        first, last = skip, last - before
