"""A segment: what was merged from parts, opened for reading; nothing is read before it is needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditlib import vocabulary
from auditlib.engine.addresses import Network, is_inside
from auditlib.engine.embedded.arrays import Ints, load
from auditlib.engine.embedded.columns import FOLDED
from auditlib.engine.embedded.encode import CODED, PEOPLE
from auditlib.engine.embedded.merge import SEGMENT_FORMAT
from auditlib.engine.embedded.strings import HashIndex, Strings
from auditlib.engine.snapshots import Place
from auditlib.errors import CacheError
from auditlib.text import fold


class Segment:
    """The files of one segment.

    Raises CacheError where they are not of this format.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
            if about["format"] != SEGMENT_FORMAT:
                raise CacheError("The cache has another format")
            self.events, self.known, self.duplicates = int(about["events"]), int(about["known"]), int(about["duplicates"])
            self.negated = load(folder / "negated.npy")
            self.origin = load(folder / "origin.npy")
            self.part_starts = load(folder / "part_starts.npy")
            self.digests = load(folder / "digests.npy")
            self.conflicts = load(folder / "conflicts.npy")
            self.marks = load(folder / "marks.npy")
            self.on_tab = {tab: load(folder / f"{tab}.npy") for tab in vocabulary.TABS}
            self.codes = {name: load(folder / f"{name}.npy") for name in CODED}
            self.event_ids = Strings(folder, "event_id")
            self.details = Strings(folder, "details")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CacheError("The cache cannot be read") from error
        self._by_id = HashIndex(folder / "event_id.index.npy", self.event_ids)
        self._columns: dict[str, Column] = {}
        self._slices: dict[tuple[str, str], tuple[Ints, Ints]] = {}
        self._tab_bits: dict[str, Ints] = {}

    def column(self, name: str) -> Column:
        """The distinct values of a column."""
        if name not in self._columns:
            self._columns[name] = People(self, name) if name in PEOPLE else Column(self, name)
        return self._columns[name]

    def people(self, name: str) -> People:
        """The people of a column."""
        column = self.column(name)
        assert isinstance(column, People)
        return column

    def newest(self, name: str, code: int) -> int:
        """The position of the newest event that a code of a column stands in."""
        firsts = []
        for tab in vocabulary.TABS:
            ordered, starts = self.slices(tab, name)
            if starts[code + 1] > starts[code]:
                firsts.append(int(ordered[starts[code]]))
        return min(firsts, default=self.events)

    def slices(self, tab: str, name: str) -> tuple[Ints, Ints]:
        """A tab's positions grouped by the codes of a column, and where each code's slice begins."""
        key = (tab, name)
        if key not in self._slices:
            path = self.folder / f"{tab}.by_{name}.npy"
            self._slices[key] = load(path), load(self.folder / f"{tab}.by_{name}.starts.npy")
        return self._slices[key]

    def tab_flags(self, tab: str) -> Ints:
        """A flag for each event, true where it is on a tab; an array of the caller's own."""
        if tab not in self._tab_bits:
            flags = np.zeros(self.events, bool)
            flags[self.on_tab[tab]] = True
            self._tab_bits[tab] = np.packbits(flags)
        return np.unpackbits(self._tab_bits[tab], count=self.events).view(bool)

    def position(self, event_id: str) -> int | None:
        """The position of an event, or None."""
        return next(iter(self._by_id.find(event_id)), None)

    def until(self, micros: Ints | int) -> Ints:
        """How many events lie at or after an instant: from that position on all are earlier or unknown."""
        return np.searchsorted(self.negated, np.negative(micros), "right")

    @property
    def first(self) -> int | None:
        """The earliest known time in microseconds, or None."""
        return self.occurred(self.known - 1) if self.known else None

    @property
    def last(self) -> int | None:
        """The latest known time in microseconds, or None."""
        return self.occurred(0) if self.known else None

    def occurred(self, position: int) -> int | None:
        """The time of an event in microseconds, or None where it is unknown."""
        return -int(self.negated[position]) if position < self.known else None

    def place(self, position: int) -> Place:
        """Where an event stands in the snapshot files."""
        row = int(self.origin[position])
        part = int(np.searchsorted(self.part_starts, row, "right")) - 1
        return Place(part, row - int(self.part_starts[part]), self.digests[row].tobytes())

    def is_conflicting(self, position: int) -> bool:
        """Whether another event claims the same id, or the same native id, with other content."""
        place = int(np.searchsorted(self.conflicts, position))
        return place < len(self.conflicts) and int(self.conflicts[place]) == position


class Column:
    """The distinct values of a column; code 0 means that nothing was recorded."""

    def __init__(self, segment: Segment, name: str) -> None:
        self._segment, self.name = segment, name
        self.values = Strings(segment.folder, f"{name}.values")

    @cached_property
    def _index(self) -> HashIndex:
        return HashIndex(self._segment.folder / f"{self.name}.values.index.npy", self.values)

    def __len__(self) -> int:
        return len(self.values)

    def text(self, code: int) -> str | None:
        """The value of a code."""
        return self.values[code - 1] if code else None

    def equal(self, values: Sequence[str]) -> Ints:
        """The codes of values; those that do not occur have none."""
        return np.array(sorted(number + 1 for value in values for number in self._index.find(value)), np.int64)

    def containing(self, needle: str) -> Ints:
        """The codes of the values that contain a folded needle."""
        if self.name == "resource_type":
            return np.array([code for code, key in enumerate(self.all(), 1) if _is_type(key, needle)], np.int64)
        return self._searched.containing(needle) + 1

    def contains(self, codes: Ints, needle: str) -> Ints:
        """For each code whether its value contains a folded needle."""
        if self.name == "resource_type":
            return np.isin(codes, self.containing(needle))
        texts = self._searched.array().take(pa.array(codes.astype(np.int64) - 1, mask=codes == 0))
        return np.asarray(pc.match_substring(texts, needle).fill_null(False))

    def all(self) -> list[str]:
        """Every value, in the order of the codes from 1."""
        return [self.values[number] for number in range(len(self.values))]

    def inside(self, networks: Sequence[Network]) -> Ints:
        """The codes of the values that are addresses of one of the networks."""
        found = np.zeros(len(self), bool)
        for network in networks:
            if network.version == 4:
                found |= (self._v4 >= int(network.network_address)) & (self._v4 <= int(network.broadcast_address))
        if any(network.version == 6 for network in networks):
            for number in np.flatnonzero(self._v4 < 0):
                found[number] |= is_inside(self.values[int(number)], networks)
        return np.flatnonzero(found) + 1

    @cached_property
    def _v4(self) -> Ints:
        """Each value as the number of an IPv4 address, -1 where it is none."""
        return load(self._segment.folder / f"{self.name}.v4.npy")

    @cached_property
    def _searched(self) -> Strings:
        return Strings(self._segment.folder, f"{FOLDED}.folded")


def _is_type(key: str, needle: str) -> bool:
    return needle in fold(key) or needle in fold(vocabulary.resource_label(key))


class People(Column):
    """People as recorded, one code for each distinct id, name, e-mail and role."""

    def __init__(self, segment: Segment, name: str) -> None:
        super().__init__(segment, name)
        self.ids = Strings(segment.folder, f"{name}.ids")
        self.events = load(segment.folder / f"{name}.events.npy")
        """In how many events each code stands, whatever the tab."""
        self.person = load(segment.folder / f"{name}.person.npy")
        """For each record the number of its person, the same for all records of one id; -1 without an id."""
        self.on_team = load(segment.folder / f"{name}.on_team.npy")
        """For each record whether its role is one of the team's."""

    @cached_property
    def _index(self) -> HashIndex:
        return HashIndex(self._segment.folder / f"{self.name}.ids.index.npy", self.ids)

    def record(self, code: int) -> list[str | None]:
        """Id, name, and where the column has them e-mail and role."""
        text = self.text(code)
        found: list[str | None] = json.loads(text) if text else [None] * len(PEOPLE[self.name])
        return found

    @cached_property
    def person_ids(self) -> pa.LargeStringArray:
        """The id of each person, by number."""
        numbers, first = np.unique(self.person, return_index=True)
        return self.ids.array().take(pa.array(first[numbers >= 0]))

    @cached_property
    def known(self) -> Strings:
        """What each person is found by: folded name, e-mail and id, a line each."""
        return Strings(self._segment.folder, f"{self.name}.known")

    @cached_property
    def _searched(self) -> Strings:
        return Strings(self._segment.folder, f"{self.name}.names")
