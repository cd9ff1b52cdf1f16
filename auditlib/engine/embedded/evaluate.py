"""Predicate to matches: the one place that knows how the algebra reads on a segment.

Each condition tells how many events of the tab meet it, gives their positions, and tests given positions.
A conjunction starts from its rarest condition and tests what that leaves; where all are common it joins bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np

from auditlib.engine.addresses import networks_of
from auditlib.engine.embedded.arrays import Ints, gathered, places
from auditlib.engine.embedded.matches import Bitmap, Matches, Sorted
from auditlib.engine.embedded.segment import Segment
from auditlib.engine.turns import check
from auditlib.view.predicates import And, AnyOf, Between, Contains, InNetwork, Not, Or, Predicate, Touches

RARE: Final = 16
"""A condition is rare if no more than one in so many events of the tab meets it."""
FEW: Final = 8
"""Values are looked through one by one, for given events, if these are no more than one in so many values."""

_COLUMN_OF: Final = {"actor_id": "actor", "actor_name": "actor", "interviewer_id": "interviewer", "candidate_id": "candidate"}
_LIST_OF: Final = {"changes": "changed", "related": "related"}


class Condition(Protocol):
    """A condition on the events of one tab."""

    @property
    def size(self) -> int:
        """How many events meet it; for a disjunction perhaps more."""

    def test(self, positions: Ints) -> Ints:
        """For each position whether its event meets it."""

    def sorted(self) -> Ints:
        """The positions that meet it, ascending."""

    def mask(self) -> Ints:
        """A flag for each event of the log, true where it is on the tab and meets it."""


@dataclass(frozen=True)
class _Tab:
    segment: Segment
    name: str

    @cached_property
    def positions(self) -> Ints:
        return self.segment.on_tab[self.name]

    def flags(self, positions: Ints) -> Ints:
        mask = np.zeros(self.segment.events, bool)
        mask[positions] = True
        return mask

    def all(self) -> Ints:
        """A flag for each event of the log, true where it is on the tab."""
        return self.segment.tab_flags(self.name)


class _OneOf:
    """The event has one of the codes in a column, or in a list."""

    def __init__(self, tab: _Tab, column: str, codes: Ints) -> None:
        self._tab, self._column, self._codes = tab, column, codes
        self._ordered, self._starts = tab.segment.slices(tab.name, column)
        self.size = int((self._starts[codes + 1] - self._starts[codes]).sum()) if len(codes) else 0

    def test(self, positions: Ints) -> Ints:
        stored = self._tab.segment.codes.get(self._column)
        if stored is None:
            mine = self.sorted()
            nearest = np.minimum(places(mine, positions), max(len(mine) - 1, 0))
            return mine[nearest] == positions if len(mine) else np.zeros(len(positions), bool)
        found = stored[positions]
        return found == self._codes[0] if len(self._codes) == 1 else self._wanted[found]

    def sorted(self) -> Ints:
        if not len(self._codes):
            return np.empty(0, np.uint32)
        if len(self._codes) > 1 and self.size * RARE > len(self._tab.positions):
            return np.flatnonzero(self.mask())
        found = gathered(self._ordered, self._starts, self._codes)
        if len(self._codes) == 1:
            return found
        return _distinct(found) if self._column in _LIST_OF.values() else np.sort(found)

    def mask(self) -> Ints:
        stored = self._tab.segment.codes.get(self._column)
        if stored is not None and self.size * RARE > len(self._tab.positions):
            mask = self._tab.all()
            mask &= stored == self._codes[0] if len(self._codes) == 1 else self._wanted[stored]
            return mask
        return self._tab.flags(gathered(self._ordered, self._starts, self._codes) if len(self._codes) else np.empty(0, np.uint32))

    @cached_property
    def _wanted(self) -> Ints:
        wanted = np.zeros(len(self._starts), bool)
        wanted[self._codes] = True
        return wanted


class _Containing:
    """The event's value in a column contains a folded needle; the values are searched only when that is cheaper, or needed."""

    def __init__(self, tab: _Tab, column: str, needle: str) -> None:
        self._tab, self._column, self._needle = tab, column, needle
        self.values = len(tab.segment.column(column))

    @cached_property
    def _found(self) -> _OneOf:
        return _OneOf(self._tab, self._column, self._tab.segment.column(self._column).containing(self._needle))

    @property
    def size(self) -> int:
        return self._found.size

    def test(self, positions: Ints) -> Ints:
        if "_found" in self.__dict__ or len(positions) * FEW > self.values:
            return self._found.test(positions)
        return self._tab.segment.column(self._column).contains(self._tab.segment.codes[self._column][positions], self._needle)

    def sorted(self) -> Ints:
        return self._found.sorted()

    def mask(self) -> Ints:
        return self._found.mask()


class _Range:
    """The event lies at a position from `first` to before `last`."""

    def __init__(self, tab: _Tab, first: int, last: int) -> None:
        self._tab, self.first, self.last = tab, first, max(first, last)
        bounds = places(tab.positions, [self.first, self.last])
        self.size = int(bounds[1] - bounds[0])

    def test(self, positions: Ints) -> Ints:
        return (positions >= self.first) & (positions < self.last)

    def sorted(self) -> Ints:
        first, last = places(self._tab.positions, [self.first, self.last])
        return self._tab.positions[first:last]

    def mask(self) -> Ints:
        return self._tab.flags(self.sorted())


class _Not:
    def __init__(self, tab: _Tab, part: Condition) -> None:
        self._tab, self._part = tab, part
        self.size = max(0, len(tab.positions) - part.size)

    def test(self, positions: Ints) -> Ints:
        return ~self._part.test(positions)

    def sorted(self) -> Ints:
        if isinstance(self._part, _Range):
            first, last = places(self._tab.positions, [self._part.first, self._part.last])
            return np.concatenate([self._tab.positions[:first], self._tab.positions[last:]])
        return np.flatnonzero(self.mask())

    def mask(self) -> Ints:
        mask = self._tab.all()
        mask &= ~self._part.mask()
        return mask


class _Any:
    def __init__(self, tab: _Tab, parts: Sequence[Condition]) -> None:
        self._tab, self._parts = tab, parts

    @cached_property
    def size(self) -> int:
        return sum(part.size for part in self._parts)

    @property
    def values(self) -> int:
        """How many values are searched to know where it holds; 0 where that is known already."""
        return sum(part.values for part in self._parts if isinstance(part, _Containing))

    def test(self, positions: Ints) -> Ints:
        met = np.zeros(len(positions), bool)
        for part in self._parts:
            met |= part.test(positions)
        return met

    def sorted(self) -> Ints:
        if self.size * RARE > len(self._tab.positions):
            return np.flatnonzero(self.mask())
        return _distinct(np.concatenate([part.sorted() for part in self._parts])) if self._parts else np.empty(0, np.uint32)

    def mask(self) -> Ints:
        mask = np.zeros(self._tab.segment.events, bool)
        for part in self._parts:
            mask |= part.mask()
        return mask


class _All:
    """Every part holds. Ranges cut the rarest part's positions, the other parts test what that leaves.

    A search comes last, and its size is not asked for, where the rarest of the others leaves few events to search.
    """

    def __init__(self, tab: _Tab, parts: Sequence[Condition]) -> None:
        self._tab = tab
        ranges = [part for part in parts if isinstance(part, _Range)]
        self._first = max((part.first for part in ranges), default=0)
        self._last = min((part.last for part in ranges), default=tab.segment.events)
        others = [part for part in parts if not isinstance(part, _Range)]
        known = [part for part in others if not _values(part)]
        rarest = min((part.size for part in known), default=tab.segment.events)
        last = [part for part in others if _values(part) and rarest * FEW <= _values(part)]
        self._parts = [*sorted((part for part in others if part not in last), key=lambda part: part.size), *last]
        self.size = min((part.size for part in [*ranges, *self._parts[: len(self._parts) - len(last)]]), default=len(tab.positions))

    def test(self, positions: Ints) -> Ints:
        met = (positions >= self._first) & (positions < self._last)
        for part in self._parts:
            met &= part.test(positions)
        return met

    def sorted(self) -> Ints:
        found = self._parts[0].sorted() if self._parts else self._tab.positions
        first, last = places(found, [self._first, max(self._first, self._last)])
        found = found[first:last]
        for part in self._parts[1:]:
            check()
            found = found[part.test(found)]
        return found

    def mask(self) -> Ints:
        return self._tab.flags(self.sorted())


def matches(segment: Segment, tab: str, parts: Iterable[Predicate]) -> Matches:
    """The events of a tab that meet every part."""
    on_tab = _Tab(segment, tab)
    conditions = [_condition(on_tab, part) for part in parts]
    if len(conditions) == 1 and isinstance(conditions[0], _Not | _Any):
        return _compact(segment, conditions[0])
    return _fitting(on_tab, _All(on_tab, conditions).sorted())


def _compact(segment: Segment, condition: Condition) -> Matches:
    if condition.size * RARE > segment.events:
        return Bitmap(condition.mask())
    return Sorted(condition.sorted())


def _fitting(tab: _Tab, positions: Ints) -> Matches:
    """Positions as they are while few, or where they are a slice of a file; else as bits."""
    if isinstance(positions, np.memmap) or len(positions) * 32 <= tab.segment.events + 65_536 * 8:
        return Sorted(positions)
    return Bitmap(tab.flags(positions))


def _values(part: Condition) -> int:
    """How many values a condition searches before it knows its size."""
    return part.values if isinstance(part, _Any | _Containing) else 0


def _distinct(positions: Ints) -> Ints:
    """The positions ascending, each once."""
    found = np.sort(positions)
    return found[np.concatenate(([True], found[1:] != found[:-1]))] if len(found) else found


def _condition(tab: _Tab, predicate: Predicate) -> Condition:
    check()
    segment = tab.segment
    match predicate:
        case AnyOf(column, values):
            name = _COLUMN_OF.get(column, column)
            return _OneOf(tab, name, segment.column(name).equal(values))
        case Contains(column, needle):
            return _Containing(tab, _COLUMN_OF.get(column, column), needle)
        case Between(start, end):
            return _Range(tab, int(segment.until(end)), int(segment.until(start)))
        case InNetwork(values):
            addresses = segment.column("ip")
            return _OneOf(tab, "ip", np.union1d(addresses.equal(values), addresses.inside(networks_of(values))))
        case Touches(column, values):
            name = _LIST_OF[column]
            return _OneOf(tab, name, segment.column(name).equal(values))
        case Not(part):
            return _Not(tab, _condition(tab, part))
        case And(parts):
            return _All(tab, [_condition(tab, part) for part in parts])
        case Or(parts):
            return _Any(tab, [_condition(tab, part) for part in parts])
