"""The lake engine: views answered by a cluster or server, over a table that `lake publish` wrote.

One count per day answers a view's total and says on which days its page lies; only those are then read. What was
answered is kept by view for as long as the table is the one that was opened, for all sessions together.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

import ibis
import pyarrow as pa

from auditlib import times
from auditlib.engine.base import Count, EventPage, Person, PersonKind, facet_filters, page_bounds
from auditlib.engine.lake.head import Published
from auditlib.engine.lake.matches import Days, Matches, day_of
from auditlib.engine.lake.people import Directory
from auditlib.engine.lake.questions import Questions
from auditlib.engine.lake.translate import Translator
from auditlib.errors import DamagedFileError, LakeError
from auditlib.event import AuditEvent
from auditlib.schema import COLUMNS, EVENT_ID, SCHEMA
from auditlib.view import View
from auditlib.view.predicates import Predicate

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from auditlib.engine.lake.connection import Connection

BATCH: Final = 20_000
MOST_KEPT: Final = 1_000
_TIMES: Final = {"occurred_at": "occurred_us", "recorded_at": "recorded_us"}
_RECORDED: Final = tuple(_TIMES.get(name, name) for name in COLUMNS)
_LISTED: Final = (*(name for name in _RECORDED if name != "metadata"), "snapshot", "conflicts")
_IS_ID: Final = re.compile(rf"{EVENT_ID}(~[0-9a-f]{{12}})?")

T = TypeVar("T")


class LakeEngine:
    """Answers views from a lake table; see `auditlib.engine.base.Engine` for what each method gives.

    Every method raises LakeError besides, where the cluster does not answer or the table is not the one that was opened.
    """

    def __init__(
        self, connection: Connection, questions: Questions, events: ir.Table, head: ir.Table, found: Published, people: Directory
    ) -> None:
        self.head, self.actions = found.head, found.actions
        self.answered_by = connection.title
        self._connection, self._questions, self._people = connection, questions, people
        self._events = events.filter(events.snapshot <= found.head.seq)
        self._summary = head.filter(head.kind == "summary").select("text")
        self._text, self._without_time = found.text, found.without_time
        self._translator = Translator(self._events, found.resource_types, found.width)
        self._matches = Matches(self._events, self._translator, questions)
        self._kept: OrderedDict[object, Any] = OrderedDict()
        self._seen: OrderedDict[str, AuditEvent] = OrderedDict()
        self._lock = Lock()

    # -- pages ------------------------------------------------------------------------------------

    def page(self, view: View) -> EventPage:
        first, last = page_bounds(view, self.total(view))
        events = self._page(view, first, last)
        return EventPage(
            view=replace(view, page=first // view.rows + 1),
            events=events,
            total=self.total(view),
            first=first + 1 if events else 0,
            last=last,
            incomplete=not self.head.complete,
            without_time=self._left_out(view) if view.span() and self._without_time else 0,
        )

    def total(self, view: View) -> int:
        return self._days(view).total

    def position(self, view: View, event_id: str) -> int | None:
        event = self.event(event_id)
        if event is None:
            return None
        key = ("place", view.order, _parts(view), event_id)
        return self._once(key, lambda: self._matches.place(view, self._days(view), event))

    def event_at(self, view: View, position: int) -> str | None:
        if not 0 <= position < self.total(view):
            return None
        start = position - position % view.rows
        return self._page(view, start, min(start + view.rows, self.total(view)))[position - start].event_id

    def batches(self, view: View, *, whole: bool = True) -> Iterator[pa.RecordBatch]:
        first, last = (0, self.total(view)) if whole else page_bounds(view, self.total(view))
        for start in range(first, last, BATCH):
            table = self._rows(view, start, min(start + BATCH, last), (*_RECORDED, "metadata_sha256"))
            self.check_published()
            _check_metadata(table)
            columns = [table[_TIMES.get(name, name)].cast(SCHEMA.field(name).type) for name in COLUMNS]
            yield pa.table(columns, schema=SCHEMA).combine_chunks().to_batches()[0]

    # -- one event --------------------------------------------------------------------------------

    def event(self, event_id: str) -> AuditEvent | None:
        with self._lock:
            seen = self._seen.get(event_id)
        if seen is None and _IS_ID.fullmatch(event_id):
            rows = self._checked(self._events.filter(self._events.event_id == event_id).select(_LISTED)).to_pylist()
            if rows:
                seen = _event(rows[0])
                self._remember((seen,))
        return seen

    def metadata(self, event_ids: Sequence[str]) -> dict[str, str]:
        wanted = [event for event in map(self.event, event_ids) if event is not None]
        if not wanted:
            return {}
        events = self._events
        of_days = self._translator.on_days(map(day_of, wanted))
        found = events.filter(of_days, events.event_id.isin([event.event_id for event in wanted]))
        table = self._checked(found.select("event_id", "metadata", "metadata_sha256"))
        _check_metadata(table)
        return dict(zip(table["event_id"].to_pylist(), table["metadata"].to_pylist(), strict=True))

    # -- counts -----------------------------------------------------------------------------------

    def facet(self, view: View, column: str, *, limit: int) -> list[Count]:
        def counted() -> list[Count]:
            matches = self._matches.of(view, ignoring=facet_filters(column))
            groups = matches.group_by(matches[column].name("value")).aggregate(n=ibis._.count())
            ranked = groups.order_by(groups.n.desc(), groups.value.asc(nulls_first=False)).limit(limit)
            rows = [(row["value"], row["n"]) for row in self._questions.ask(ranked).to_pylist()]
            return [Count(*row) for row in sorted(rows, key=lambda row: (-row[1], row[0] is None, row[0] or ""))]

        return self._once(("facet", column, limit, _parts(view, ignoring=facet_filters(column))), counted)

    def histogram(self, view: View, *, bucket_minutes: int) -> list[Count]:
        def counted() -> list[Count]:
            starts = self._matches.bucketed(self._matches.of(view), bucket_minutes * 60_000_000)
            return [Count(None, n, times.from_micros(max(start, times.FIRST_MICROS))) for start, n in sorted(starts.items())]

        return self._once(("histogram", bucket_minutes, _parts(view)), counted)

    def span(self, view: View, *, skipping: int = 0) -> tuple[int, int] | None:
        known = self._days(view).known
        if known <= 2 * skipping:
            return None

        def ends() -> tuple[int, int]:
            newest = replace(view, order="newest")
            first, last = (self._rows(newest, place, place + 1, ("occurred_us",)) for place in (known - 1 - skipping, skipping))
            return first["occurred_us"][0].as_py(), last["occurred_us"][0].as_py()

        return self._once(("span", skipping, _parts(view)), ends)

    def spread(self, view: View, edges: Sequence[int]) -> list[int]:
        def counted() -> list[int]:
            matches = self._matches.of(view, also=self._translator.between(edges[0], edges[-1]))
            number = matches.occurred_us.bucket(list(edges), close_extreme=False)
            rows = self._questions.ask(matches.group_by(number=number).aggregate(n=ibis._.count())).to_pylist()
            counts = {row["number"]: row["n"] for row in rows}
            return [counts.get(place, 0) for place in range(len(edges) - 1)]

        return self._once(("spread", tuple(edges), _parts(view)), counted) if len(edges) > 1 else []

    # -- people -----------------------------------------------------------------------------------

    def suggest(self, kind: PersonKind, text: str, *, limit: int) -> list[Person]:
        return self._people.suggest(kind, text, limit=limit)

    def person(self, person_id: str) -> Person | None:
        return self._people.person(person_id)

    # -- matches ----------------------------------------------------------------------------------

    def _days(self, view: View) -> Days:
        return self._once(("days", _parts(view)), lambda: self._matches.days(view))

    def _left_out(self, view: View) -> int:
        """How many events a range of dates leaves out for want of a time."""
        ignoring = ("from",)
        return self._once(("unknown", _parts(view, ignoring=ignoring)), lambda: self._matches.unknown(view, ignoring=ignoring))

    def _rows(self, view: View, first: int, last: int, columns: Sequence[str]) -> pa.Table:
        return self._matches.rows(view, self._days(view), first, last, columns)

    def _page(self, view: View, first: int, last: int) -> tuple[AuditEvent, ...]:
        found = self._once(
            ("page", view.order, _parts(view), first, last),
            lambda: tuple(map(_event, self._rows(view, first, last, _LISTED).to_pylist())) if first < last else (),
        )
        self._remember(found)
        return found

    # -- what is kept -----------------------------------------------------------------------------

    def check_published(self) -> None:
        """Raises LakeError where the table is no longer the one that was opened."""
        found = self._questions.ask(self._summary)["text"].to_pylist()
        if found != [self._text]:
            raise LakeError("Newer events have been published to this table; open it again", reason="newer")

    def _checked(self, expression: ir.Table) -> pa.Table:
        found = self._questions.ask(expression)
        self.check_published()
        return found

    def _once(self, key: object, make: Callable[[], T]) -> T:
        """An answer kept from before, or made now, of the table that was opened."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                kept: T = self._kept[key]
                return kept
        made = make()
        self.check_published()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def _remember(self, events: Sequence[AuditEvent]) -> None:
        with self._lock:
            self._seen.update((event.event_id, event) for event in events)
            while len(self._seen) > MOST_KEPT:
                self._seen.popitem(last=False)

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()
            self._seen.clear()

    def close(self) -> None:
        self.forget()
        self._connection.close()


def _parts(view: View, *, ignoring: Collection[str] = ()) -> tuple[Predicate, ...]:
    return view.predicate(ignoring=ignoring).parts


def _event(row: dict[str, Any]) -> AuditEvent:
    for name, column in _TIMES.items():
        at = row.pop(column)
        row[name] = None if at is None else times.from_micros(at)
    return AuditEvent(**row)


def _check_metadata(table: pa.Table) -> None:
    for text, digest in zip(table["metadata"].to_pylist(), table["metadata_sha256"].to_pylist(), strict=True):
        if sha256(text.encode()).hexdigest() != digest:
            raise DamagedFileError("This event cannot be shown in full: its metadata is no longer what was published", reason="changed")
