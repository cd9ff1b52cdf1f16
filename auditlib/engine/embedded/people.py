"""People: everyone a head speaks of in one column, whatever the layer, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditlib.engine.base import Person
from auditlib.engine.embedded.arrays import Ints
from auditlib.engine.embedded.layers import Layers, Spot
from auditlib.text import fold


class Directory:
    """The people of a column of all layers; a person is one id, whatever names were recorded with it."""

    def __init__(self, layers: Layers, name: str) -> None:
        self._layers, self._name = layers, name
        self._columns = [segment.people(name) for segment in layers.segments]

    def suggest(self, text: str, *, team: bool, limit: int) -> list[Person]:
        """People whose name, e-mail or id contains the text; those that begin with it first, then by events.

        With `team`, members of the team alone.
        """
        needle = fold(text.strip())
        totals = self._team_totals if team else self._totals
        matched, begins, has_word = (np.zeros(len(totals), bool) for _ in range(3))
        for column, numbers in zip(self._columns, self._numbers, strict=True):
            records = column.known.containing(needle)
            records = records[(numbers[records] >= 0) & (column.on_team[records] if team else True)]
            persons, known = numbers[records], column.known.array().take(pa.array(records))
            matched[persons] = True
            begins[persons[np.asarray(pc.starts_with(known, needle))]] = True
            has_word[persons[np.asarray(pc.match_substring(known, f" {needle}"))]] = True
        found = np.flatnonzero(matched & (totals > 0))
        scores = (begins[found].astype(np.int64) << 42) | (has_word[found].astype(np.int64) << 41) | totals[found].astype(np.int64)
        least = np.partition(scores, -limit)[-limit] if len(scores) > limit else 0
        best = [(-int(scores[place]), self._id(int(found[place]))) for place in np.flatnonzero(scores >= least)]
        people = (self.person(person_id, team=team) for _, person_id in sorted(best)[:limit])
        return [person for person in people if person]

    def person(self, person_id: str, *, team: bool = False) -> Person | None:
        """A person of the column, as recorded last; with `team`, as a member of the team only."""
        newest: tuple[int, str] | None = None
        record: list[str | None] = []
        events = 0
        for number, (layer, column) in enumerate(zip(self._layers.all, self._columns, strict=True)):
            named = column.equal([person_id]).tolist()
            codes = [code for code in named if column.events[code] and (not team or column.on_team[code - 1])]
            if not codes:
                continue
            events += int(column.events[codes].sum())
            position, code = min((layer.segment.newest(self._name, code), code) for code in codes)
            key = (layer.key(position), self._layers.event_id(Spot(number, position)))
            if newest is None or key[0] < newest[0] or (key[0] == newest[0] and key[1] > newest[1]):
                newest, record = key, column.record(code)
        if newest is None:
            return None
        _, known_as, *rest = record
        return Person(person_id, known_as or "", (rest[0] if rest else None) or "", events)

    @cached_property
    def _encoded(self) -> pa.DictionaryArray:
        """Everyone's id, layer after layer, as numbers of distinct ids."""
        return pa.concat_arrays([column.person_ids for column in self._columns]).dictionary_encode()

    @cached_property
    def _numbers(self) -> Sequence[Ints]:
        """For each layer's records the number of their person among all layers; -1 without an id."""
        if len(self._columns) <= 1:
            return [column.person for column in self._columns]
        starts = np.cumsum([len(column.person_ids) for column in self._columns])
        numbers = np.split(self._encoded.indices.to_numpy().astype(np.int64), starts[:-1])
        return [np.append(each, -1)[column.person] for each, column in zip(numbers, self._columns, strict=True)]

    def _id(self, number: int) -> str:
        ids = self._columns[0].person_ids if len(self._columns) == 1 else self._encoded.dictionary
        return str(ids[number])

    @cached_property
    def _totals(self) -> Ints:
        return self._summed([numbers >= 0 for numbers in self._numbers])

    @cached_property
    def _team_totals(self) -> Ints:
        return self._summed([(numbers >= 0) & column.on_team for numbers, column in zip(self._numbers, self._columns, strict=True)])

    def _summed(self, counted: Sequence[Ints]) -> Ints:
        count = max((int(numbers.max(initial=-1)) + 1 for numbers in self._numbers), default=0)
        totals = np.zeros(count, np.int64)
        for numbers, column, these in zip(self._numbers, self._columns, counted, strict=True):
            totals += np.bincount(numbers[these], weights=column.events[1:][these], minlength=count).astype(np.int64)
        return totals
