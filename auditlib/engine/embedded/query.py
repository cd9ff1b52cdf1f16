"""The embedded engine: views answered from one segment.

The matches of a view are found once and kept; its total, every page, Previous and Next, and its histogram
are then made of binary searches. An unfiltered tab and a single value need no search at all: they are
slices of files.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import BoundedSemaphore, Lock
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditlib import times, vocabulary
from auditlib.engine.base import Count, EventPage, Head, Person, PersonKind, facet_filters, mirrored, page_bounds
from auditlib.engine.embedded.arrays import Ints
from auditlib.engine.embedded.encode import PEOPLE
from auditlib.engine.embedded.evaluate import matches
from auditlib.engine.embedded.matches import Matches
from auditlib.engine.embedded.records import Records
from auditlib.engine.embedded.segment import People, Segment
from auditlib.errors import EngineBusyError
from auditlib.event import AuditEvent
from auditlib.text import fold
from auditlib.view import View
from auditlib.view.predicates import Between, Not, Predicate
from auditlib.view.view import tab_predicate

AT_ONCE: Final = 3
PATIENCE_SECONDS: Final = 15.0
BATCH: Final = 4_096
MOST_KEPT_BYTES: Final = 256 << 20
_KNOWN: Final = Between(-(2**62), 2**62)

Kept = tuple[str, tuple[Predicate, ...]]


class EmbeddedEngine:
    """Answers views from an open segment; see `auditlib.engine.base.Engine` for what each method gives."""

    def __init__(self, segment: Segment, head: Head, records: Records) -> None:
        self.head = head
        self._segment, self._records = segment, records
        self._kept: OrderedDict[Kept, Matches] = OrderedDict()
        self._kept_bytes = 0
        self._lock = Lock()
        self._slots = BoundedSemaphore(AT_ONCE)
        self.actions = frozenset(segment.column("action").all())

    # -- pages ------------------------------------------------------------------------------------

    def page(self, view: View) -> EventPage:
        found = self._matching(view)
        first, last = page_bounds(view, len(found))
        return EventPage(
            view=replace(view, page=first // view.rows + 1),
            events=tuple(self._brief(int(position)) for position in self._slice(view, first, last)),
            total=len(found),
            first=first + 1 if len(found) else 0,
            last=last,
            incomplete=not self.head.complete,
            without_time=self._left_out(view),
        )

    def total(self, view: View) -> int:
        return len(self._matching(view))

    def position(self, view: View, event_id: str) -> int | None:
        position = self._segment.position(event_id)
        if position is None:
            return None
        found = self._matching(view)
        before, after = (int(place) for place in found.before(np.array([position, position + 1])))
        if before == after:
            return None
        known = self._known(found)
        return before if view.order == "newest" else mirrored(before, known, len(found))

    def event_at(self, view: View, position: int) -> str | None:
        if not 0 <= position < self.total(view):
            return None
        return self._segment.event_ids[int(self._slice(view, position, position + 1)[0])]

    def batches(self, view: View, *, whole: bool = True) -> Iterator[pa.RecordBatch]:
        first, last = (0, self.total(view)) if whole else page_bounds(view, self.total(view))
        for start in range(first, last, BATCH):
            yield self._records.batch(self._slice(view, start, min(start + BATCH, last)))

    # -- events -----------------------------------------------------------------------------------

    def event(self, event_id: str) -> AuditEvent | None:
        position = self._segment.position(event_id)
        return None if position is None else self._records.event(position)

    def metadata(self, event_ids: Sequence[str]) -> dict[str, str]:
        positions = {event_id: self._segment.position(event_id) for event_id in event_ids}
        return self._records.metadata({event_id: position for event_id, position in positions.items() if position is not None})

    def _brief(self, position: int) -> AuditEvent:
        """An event with what a list shows of it, from the segment alone."""
        segment = self._segment
        occurred = segment.occurred(position)
        values: dict[str, Any] = {}
        for name, codes in segment.codes.items():
            code = int(codes[position])
            if name in PEOPLE:
                column = segment.column(name)
                assert isinstance(column, People)
                values.update(zip(PEOPLE[name], column.record(code), strict=True))
            else:
                values[name] = segment.column(name).text(code)
        return AuditEvent(
            event_id=segment.event_ids[position],
            occurred_at=None if occurred is None else times.from_micros(occurred),
            summary=segment.details[position] or None,
            snapshot=self._records.snapshot(position),
            conflicts=segment.is_conflicting(position),
            **values,
        )

    # -- counts -----------------------------------------------------------------------------------

    def facet(self, view: View, column: str, *, limit: int) -> list[Count]:
        name = "actor" if column.startswith("actor") else column
        counted = self._counted(self._matching(view, ignoring=facet_filters(column)), view.tab, name)
        counts: Counter[str | None] = Counter()
        for code in np.flatnonzero(counted):
            counts[self._shown(name, column, int(code))] += int(counted[code])
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0] is None, item[0] or ""))
        return [Count(value, events) for value, events in ranked[:limit]]

    def _shown(self, name: str, column: str, code: int) -> str | None:
        found = self._segment.column(name)
        return found.record(code)[PEOPLE[name].index(column)] if isinstance(found, People) else found.text(code)

    def _counted(self, found: Matches, tab: str, name: str) -> Ints:
        """How many matches have each code of a column."""
        codes = self._segment.codes[name]
        groups = len(self._segment.column(name)) + 1
        if len(found) == len(self._segment.on_tab[tab]):
            return np.diff(self._segment.slices(tab, name)[1])
        return np.bincount(codes[found.all()], minlength=groups)

    def histogram(self, view: View, *, bucket_minutes: int) -> list[Count]:
        found, segment = self._matching(view), self._segment
        known = self._known(found)
        if not known:
            return []
        width = bucket_minutes * 60_000_000
        newest, oldest = (segment.occurred(int(found.take(place, place + 1)[0])) for place in (0, known - 1))
        assert newest is not None and oldest is not None
        if newest // width - oldest // width <= known:
            edges = np.arange(oldest // width, newest // width + 2) * width
            before = found.before(np.minimum(segment.until(edges), segment.known))
            counted = {int(edge): int(count) for edge, count in zip(edges, before[:-1] - before[1:], strict=False) if count}
        else:
            buckets = -segment.negated[found.take(0, known)] // width * width
            counted = dict(zip(*(each.tolist() for each in np.unique(buckets, return_counts=True)), strict=True))
        return [Count(None, events, times.from_micros(max(start, times.FIRST_MICROS))) for start, events in sorted(counted.items())]

    def _left_out(self, view: View) -> int:
        """Matches that only the range of days leaves out, because they have no time."""
        if view.span() is None or self._segment.known == self._segment.events:
            return 0
        parts = (*self._parts(view, ignoring=("from",)), Not(_KNOWN))
        return len(self._found(view.tab, parts))

    # -- people -----------------------------------------------------------------------------------

    def suggest(self, kind: PersonKind, text: str, *, limit: int) -> list[Person]:
        people = self._people("actor" if kind == "member" else kind)
        needle = fold(text.strip())
        totals = people.totals(team=kind == "member")
        numbers = people.known.containing(needle)
        numbers = numbers[(people.person[numbers] >= 0) & (totals[people.person[numbers]] > 0)]
        if kind == "member":
            numbers = numbers[people.on_team[numbers]]
        if not len(numbers):
            return []
        persons, first, inverse = np.unique(people.person[numbers], return_index=True, return_inverse=True)
        known = people.known.array().take(pa.array(numbers))
        begins, has_word = (
            np.bincount(inverse, weights=np.asarray(found)) > 0
            for found in (pc.starts_with(known, needle), pc.match_substring(known, f" {needle}"))
        )
        scores = (begins.astype(np.int64) << 42) | (has_word.astype(np.int64) << 41) | totals[persons].astype(np.int64)
        least = np.partition(scores, -limit)[-limit] if len(scores) > limit else 0
        best = [(-int(scores[place]), people.ids[int(numbers[first[place]])]) for place in np.flatnonzero(scores >= least)]
        found = (self._person(people, person_id, team=kind == "member") for _, person_id in sorted(best)[:limit])
        return [person for person in found if person]

    def person(self, person_id: str) -> Person | None:
        return next((found for name in PEOPLE if (found := self._person(self._people(name), person_id))), None)

    def _person(self, people: People, person_id: str, *, team: bool = False) -> Person | None:
        """A person of a column, as recorded last; with `team`, as a member of the team only."""
        codes = [code for code in people.equal([person_id]).tolist() if not team or people.on_team[code - 1]]
        if not codes:
            return None
        newest = min(codes, key=lambda code: self._newest(people.name, code))
        _, known_as, *rest = people.record(newest)
        return Person(person_id, known_as or "", (rest[0] if rest else None) or "", int(people.events[codes].sum()))

    def _people(self, name: str) -> People:
        column = self._segment.column(name)
        assert isinstance(column, People)
        return column

    def _newest(self, name: str, code: int) -> int:
        """The position of the newest event that a code stands in."""
        firsts = []
        for tab in vocabulary.TABS:
            ordered, starts = self._segment.slices(tab, name)
            if starts[code + 1] > starts[code]:
                firsts.append(int(ordered[starts[code]]))
        return min(firsts, default=self._segment.events)

    # -- matches ----------------------------------------------------------------------------------

    def _slice(self, view: View, start: int, stop: int) -> Ints:
        """Positions of the view's matches start … stop - 1, in the view's order."""
        found = self._matching(view)
        if view.order == "newest":
            return found.take(start, stop)
        known = self._known(found)
        newest_first = [found.take(known - min(stop, known), known - start)] if start < known else []
        total = len(found)
        first, last = max(start - known, 0), stop - known
        unknown = [found.take(total - last, total - first)] if last > first else []
        return np.concatenate([piece[::-1] for piece in (*newest_first, *unknown)] or [np.empty(0, np.int64)])

    def _known(self, found: Matches) -> int:
        """How many matches have a known time."""
        return int(found.before(np.array([self._segment.known]))[0])

    def _matching(self, view: View, *, ignoring: Collection[str] = ()) -> Matches:
        return self._found(view.tab, self._parts(view, ignoring=ignoring))

    def _parts(self, view: View, *, ignoring: Collection[str] = ()) -> tuple[Predicate, ...]:
        return tuple(part for part in view.predicate(ignoring=ignoring).parts if part != tab_predicate(view.tab))

    def _found(self, tab: str, parts: tuple[Predicate, ...]) -> Matches:
        key = (tab, parts)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        with self._slot():
            found = matches(self._segment, tab, parts)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._kept_bytes += found.nbytes
            while self._kept_bytes > MOST_KEPT_BYTES and len(self._kept) > 1:
                self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes
        return found

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """One of the few places of those who search at the same time."""
        if not self._slots.acquire(timeout=PATIENCE_SECONDS):
            raise EngineBusyError("Too many questions are being answered at once; please try again in a moment")
        try:
            yield
        finally:
            self._slots.release()

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()
            self._kept_bytes = 0

    def close(self) -> None:
        self.forget()
        self._records.close()
