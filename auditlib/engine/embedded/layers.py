"""Layers: the sealed segments of one head, read as one log in one total order.

Each segment holds a run of the served files. The order over all of them is the log's: time descending,
event id descending, unknown times last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np

from auditlib.engine.embedded.arrays import Ints
from auditlib.engine.embedded.matches import Matches
from auditlib.engine.embedded.segment import Segment
from auditlib.engine.snapshots import Place

_NEVER: Final = 2**63 - 1
"""Stands for an unknown time among negated times: behind all others."""


class Spot(NamedTuple):
    """Where an event stands: number of its layer, position in the segment."""

    layer: int
    position: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A segment, and where its files and rows begin among all that is served."""

    segment: Segment
    first_file: int
    first_row: int

    def key(self, position: int) -> int:
        """What events are ordered by before their ids: the negated time."""
        return int(self.segment.negated[position]) if position < self.segment.known else _NEVER

    def before(self, key: int, event_id: str) -> int:
        """How many events of the layer come before an event of any layer."""
        segment = self.segment
        if key == _NEVER:
            first, last = segment.known, segment.events
        else:
            first, last = (int(np.searchsorted(segment.negated, key, side)) for side in ("left", "right"))
        while first < last:
            middle = (first + last) // 2
            if segment.event_ids[middle] > event_id:
                first = middle + 1
            else:
                last = middle
        return first


class Layers:
    """All layers, in the order of publishing."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        layers, file, row = [], 0, 0
        for segment in segments:
            layers.append(Layer(segment, file, row))
            file += len(segment.part_starts) - 1
            row += int(segment.part_starts[-1])
        self.all = tuple(layers)
        self._marked: Ints = np.unique(np.concatenate([np.empty(0, np.int64), *(segment.marks for segment in segments)]))

    @property
    def segments(self) -> list[Segment]:
        """The segments of the layers."""
        return [layer.segment for layer in self.all]

    @property
    def events(self) -> int:
        """How many events there are."""
        return sum(segment.events for segment in self.segments)

    @property
    def duplicates(self) -> int:
        """How many identical repeats were left out."""
        return sum(segment.duplicates for segment in self.segments)

    @property
    def first(self) -> int | None:
        """The earliest known time in microseconds, or None."""
        return min((segment.first for segment in self.segments if segment.first is not None), default=None)

    @property
    def last(self) -> int | None:
        """The latest known time in microseconds, or None."""
        return max((segment.last for segment in self.segments if segment.last is not None), default=None)

    def find(self, event_id: str) -> Spot | None:
        """Where the event of an id stands; of several the one published first."""
        for number, segment in enumerate(self.segments):
            position = segment.position(event_id)
            if position is not None:
                return Spot(number, position)
        return None

    def event_id(self, spot: Spot) -> str:
        """The id under which an event is shown."""
        return self.all[spot.layer].segment.event_ids[spot.position]

    def place(self, spot: Spot) -> Place:
        """Where an event stands in the served files."""
        layer = self.all[spot.layer]
        place = layer.segment.place(spot.position)
        return Place(layer.first_file + place.file, place.row, place.digest)

    def is_conflicting(self, spot: Spot) -> bool:
        """Whether another event claims the same id, or the same native id, with other content."""
        layer = self.all[spot.layer]
        if layer.segment.is_conflicting(spot.position):
            return True
        row = layer.first_row + int(layer.segment.origin[spot.position])
        place = int(np.searchsorted(self._marked, row))
        return place < len(self._marked) and int(self._marked[place]) == row


class Found:
    """The matches of a view in all layers, counted through in the log's order."""

    def __init__(self, layers: Layers, matches: Sequence[Matches]) -> None:
        self._layers, self.matches = layers, tuple(matches)
        self._total = sum(map(len, matches))

    def __len__(self) -> int:
        return self._total

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return sum(found.nbytes for found in self.matches)

    @property
    def known(self) -> int:
        """How many matches have a known time; they come first."""
        return sum(
            int(found.before(np.array([layer.segment.known]))[0]) for found, layer in zip(self.matches, self._layers.all, strict=True)
        )

    def place(self, spot: Spot) -> int | None:
        """How many matches come before a match; None for an event that is none."""
        before, after = (int(count) for count in self.matches[spot.layer].before(np.array([spot.position, spot.position + 1])))
        return None if before == after else sum(self._before(spot))

    def take(self, start: int, stop: int) -> list[Spot]:
        """The matches at places start … stop - 1."""
        start, stop = max(start, 0), min(stop, self._total)
        if start >= stop:
            return []
        if len(self.matches) == 1:
            return [Spot(0, position) for position in self.matches[0].take(start, stop).tolist()]
        near = [
            (layer.key(position), Spot(number, position))
            for number, (layer, found, cut) in enumerate(zip(self._layers.all, self.matches, self._cuts(start), strict=True))
            for position in found.take(cut, min(len(found), cut + stop - start)).tolist()
        ]
        near.sort(key=itemgetter(0))
        return list(islice(self._in_order(near), stop - start))

    def _in_order(self, near: list[tuple[int, Spot]]) -> Iterator[Spot]:
        """Spots in the order of their keys, those of one key by event id descending."""
        for _, group in groupby(near, itemgetter(0)):
            spots = [spot for _, spot in group]
            if len({spot.layer for spot in spots}) > 1:
                spots.sort(key=self._layers.event_id, reverse=True)
            yield from spots

    def _before(self, spot: Spot) -> list[int]:
        """How many matches of each layer come before an event."""
        key, event_id = self._layers.all[spot.layer].key(spot.position), self._layers.event_id(spot)
        counts = []
        for number, (layer, found) in enumerate(zip(self._layers.all, self.matches, strict=True)):
            position = spot.position if number == spot.layer else layer.before(key, event_id)
            counts.append(int(found.before(np.array([position]))[0]))
        return counts

    def _cuts(self, rank: int) -> list[int]:
        """How many of each layer's matches are among the first so many of all.

        Narrows bounds on each: the middle match of the widest span tells how many of all come before it.
        """
        low = [0] * len(self.matches)
        high = [min(len(found), rank) for found in self.matches]
        while sum(low) < rank < sum(high):
            widest = max(range(len(low)), key=lambda number: high[number] - low[number])
            middle = (low[widest] + high[widest]) // 2
            pivot = int(self.matches[widest].take(middle, middle + 1)[0])
            counts = self._before(Spot(widest, pivot))
            if sum(counts) < rank:
                low = [max(bound, count) for bound, count in zip(low, counts, strict=True)]
                low[widest] = max(low[widest], middle + 1)
            else:
                high = [min(bound, count) for bound, count in zip(high, counts, strict=True)]
        return low if sum(low) == rank else high
