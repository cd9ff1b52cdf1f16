"""The embedded engine: views answered from the sealed segments of one head.

The matches of a view are found once and kept; its total, every page, Previous and Next, and its histogram
are then made of binary searches. An unfiltered tab and a single value need no search at all: they are
slices of files.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from threading import Lock
from typing import Final

import numpy as np
import pyarrow as pa

from auditlib import times
from auditlib.engine.base import Count, EventPage, Head, Person, PersonKind, facet_filters, mirrored, page_bounds
from auditlib.engine.embedded.arrays import Ints
from auditlib.engine.embedded.encode import PEOPLE
from auditlib.engine.embedded.evaluate import matches
from auditlib.engine.embedded.layers import Found, Layers, Spot
from auditlib.engine.embedded.matches import Matches
from auditlib.engine.embedded.people import Directory
from auditlib.engine.embedded.records import Records
from auditlib.engine.embedded.segment import People, Segment
from auditlib.engine.turns import Turns
from auditlib.event import AuditEvent
from auditlib.view import View
from auditlib.view.predicates import Between, Not, Predicate
from auditlib.view.view import tab_predicate

BATCH: Final = 4_096
MOST_KEPT_BYTES: Final = 256 << 20
_KNOWN: Final = Between(-(2**62), 2**62)

Kept = tuple[str, tuple[Predicate, ...]]


class EmbeddedEngine:
    """Answers views from open segments; see `auditlib.engine.base.Engine` for what each method gives."""

    answered_by = ""

    def __init__(self, layers: Layers, head: Head, records: Records) -> None:
        self.head = head
        self._layers, self._records = layers, records
        self._people = {name: Directory(layers, name) for name in PEOPLE}
        self._kept: OrderedDict[Kept, Found] = OrderedDict()
        self._kept_bytes = 0
        self._lock = Lock()
        self._turns = Turns()
        self.actions = frozenset(action for segment in layers.segments for action in segment.column("action").all())

    # -- pages ------------------------------------------------------------------------------------

    def page(self, view: View) -> EventPage:
        found = self._matching(view)
        first, last = page_bounds(view, len(found))
        return EventPage(
            view=replace(view, page=first // view.rows + 1),
            events=tuple(map(self._records.brief, _slice(view, found, first, last))),
            total=len(found),
            first=first + 1 if len(found) else 0,
            last=last,
            incomplete=not self.head.complete,
            without_time=self._left_out(view),
        )

    def total(self, view: View) -> int:
        return len(self._matching(view))

    def position(self, view: View, event_id: str) -> int | None:
        spot = self._layers.find(event_id)
        if spot is None:
            return None
        found = self._matching(view)
        place = found.place(spot)
        return place if place is None or view.order == "newest" else mirrored(place, found.known, len(found))

    def event_at(self, view: View, position: int) -> str | None:
        found = self._matching(view)
        if not 0 <= position < len(found):
            return None
        return self._layers.event_id(_slice(view, found, position, position + 1)[0])

    def batches(self, view: View, *, whole: bool = True) -> Iterator[pa.RecordBatch]:
        found = self._matching(view)
        first, last = (0, len(found)) if whole else page_bounds(view, len(found))
        for start in range(first, last, BATCH):
            yield self._records.batch(_slice(view, found, start, min(start + BATCH, last)))

    # -- events -----------------------------------------------------------------------------------

    def event(self, event_id: str) -> AuditEvent | None:
        spot = self._layers.find(event_id)
        return None if spot is None else self._records.event(spot)

    def metadata(self, event_ids: Sequence[str]) -> dict[str, str]:
        spots = {event_id: self._layers.find(event_id) for event_id in event_ids}
        return self._records.metadata({event_id: spot for event_id, spot in spots.items() if spot is not None})

    # -- counts -----------------------------------------------------------------------------------

    def facet(self, view: View, column: str, *, limit: int) -> list[Count]:
        name = "actor" if column.startswith("actor") else column
        found = self._matching(view, ignoring=facet_filters(column))
        counts: Counter[str | None] = Counter()
        for segment, mine in zip(self._layers.segments, found.matches, strict=True):
            counted = _counted(segment, mine, view.tab, name)
            for code in np.flatnonzero(counted):
                counts[_shown(segment, name, column, int(code))] += int(counted[code])
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0] is None, item[0] or ""))
        return [Count(value, events) for value, events in ranked[:limit]]

    def histogram(self, view: View, *, bucket_minutes: int) -> list[Count]:
        counts: Counter[int] = Counter()
        for segment, mine in zip(self._layers.segments, self._matching(view).matches, strict=True):
            counts.update(_buckets(segment, mine, bucket_minutes * 60_000_000))
        return [Count(None, events, times.from_micros(max(start, times.FIRST_MICROS))) for start, events in sorted(counts.items())]

    def span(self, view: View, *, skipping: int = 0) -> tuple[int, int] | None:
        found = self._matching(view)
        known = found.known
        if known <= 2 * skipping:
            return None
        last, first = (found.take(place, place + 1)[0] for place in (skipping, known - 1 - skipping))
        return -self._layers.all[first.layer].key(first.position), -self._layers.all[last.layer].key(last.position)

    def spread(self, view: View, edges: Sequence[int]) -> list[int]:
        counts = np.zeros(len(edges) - 1, np.int64)
        for segment, mine in zip(self._layers.segments, self._matching(view).matches, strict=True):
            counts += _between(segment, mine, np.array(edges, np.int64))
        return counts.tolist()

    def _left_out(self, view: View) -> int:
        """Matches that only the range of days leaves out, because they have no time."""
        if view.span() is None or all(segment.known == segment.events for segment in self._layers.segments):
            return 0
        parts = (*_parts(view, ignoring=("from",)), Not(_KNOWN))
        return len(self._found(view.tab, parts))

    # -- people -----------------------------------------------------------------------------------

    def suggest(self, kind: PersonKind, text: str, *, limit: int) -> list[Person]:
        is_member = kind == "member"
        return self._people["actor" if is_member else kind].suggest(text, team=is_member, limit=limit)

    def person(self, person_id: str) -> Person | None:
        return next((found for people in self._people.values() if (found := people.person(person_id))), None)

    # -- matches ----------------------------------------------------------------------------------

    def _matching(self, view: View, *, ignoring: Collection[str] = ()) -> Found:
        return self._found(view.tab, _parts(view, ignoring=ignoring))

    def _found(self, tab: str, parts: tuple[Predicate, ...]) -> Found:
        key = (tab, parts)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        with self._turns.turn():
            found = Found(self._layers, [matches(segment, tab, parts) for segment in self._layers.segments])
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._kept_bytes += found.nbytes
            while self._kept_bytes > MOST_KEPT_BYTES and len(self._kept) > 1:
                self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes
        return found

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()
            self._kept_bytes = 0

    def close(self) -> None:
        self.forget()
        self._records.close()


def _parts(view: View, *, ignoring: Collection[str] = ()) -> tuple[Predicate, ...]:
    return tuple(part for part in view.predicate(ignoring=ignoring).parts if part != tab_predicate(view.tab))


def _slice(view: View, found: Found, start: int, stop: int) -> list[Spot]:
    """The view's matches start … stop - 1, in the view's order."""
    if view.order == "newest":
        return found.take(start, stop)
    known, total = found.known, len(found)
    timed = found.take(known - stop, known - start) if start < known else []
    unknown = found.take(total + known - stop, total + known - max(start, known)) if stop > known else []
    return [*reversed(timed), *reversed(unknown)]


def _shown(segment: Segment, name: str, column: str, code: int) -> str | None:
    """The value of a column that a code stands for."""
    values = segment.column(name)
    return values.record(code)[PEOPLE[name].index(column)] if isinstance(values, People) else values.text(code)


def _counted(segment: Segment, found: Matches, tab: str, name: str) -> Ints:
    """How many matches have each code of a column."""
    if len(found) == len(segment.on_tab[tab]):
        return np.diff(segment.slices(tab, name)[1])
    return np.bincount(segment.codes[name][found.all()], minlength=len(segment.column(name)) + 1)


def _span(segment: Segment, found: Matches) -> tuple[int, int] | None:
    """The earliest and the latest known time of matches, in microseconds."""
    known = int(found.before(np.array([segment.known]))[0])
    if not known:
        return None
    last, first = (-int(segment.negated[found.take(place, place + 1)[0]]) for place in (0, known - 1))
    return first, last


def _between(segment: Segment, found: Matches, edges: Ints) -> Ints:
    """How many matches lie from each edge to before the next."""
    before = found.before(np.minimum(segment.until(edges), segment.known))
    return before[:-1] - before[1:]


def _buckets(segment: Segment, found: Matches, width: int) -> dict[int, int]:
    """Matches with a known time by the first microsecond of their bucket."""
    span = _span(segment, found)
    if span is None:
        return {}
    first, last = (micros // width for micros in span)
    if last - first > len(found):
        known = int(found.before(np.array([segment.known]))[0])
        starts, counts = np.unique(-segment.negated[found.take(0, known)] // width * width, return_counts=True)
    else:
        starts = np.arange(first, last + 2) * width
        counts = _between(segment, found, starts)
    filled = np.flatnonzero(counts)
    return dict(zip(starts[filled].tolist(), counts[filled].tolist(), strict=True))
