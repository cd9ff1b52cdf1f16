"""The plain engine: views answered from one cache file, opened read-only.

The positions that match a view are found once, in one scan of the narrow columns, and kept: every
further page of the view is a slice of them. An unfiltered page needs no scan at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from auditlib import times, vocabulary
from auditlib.engine.base import Count, EventPage, Head, Person, PersonKind, facet_filters, mirrored, page_bounds
from auditlib.engine.duckdb.load import KEPT
from auditlib.engine.duckdb.positions import PositionCache, Positions
from auditlib.engine.duckdb.translate import Translator
from auditlib.engine.snapshots import Place, SnapshotReader
from auditlib.engine.turns import Turns, check
from auditlib.errors import EngineError
from auditlib.event import AuditEvent
from auditlib.schema import SCHEMA, TIMESTAMP
from auditlib.text import fold
from auditlib.view import View
from auditlib.view.predicates import And, Between, Not
from auditlib.view.view import tab_predicate

BATCH: Final = 4096

_FIELDS: Final = (*KEPT, "occurred", "recorded", "snapshot", "conflicts")
_ROW: Final = ", ".join(_FIELDS)
_AT_PLACES: Final = "pos BETWEEN ? AND ? AND pos IN (SELECT unnest(?::INTEGER[]))"


class DuckDBEngine:
    """Answers views from an open cache; see `auditlib.engine.base.Engine` for what each method gives."""

    answered_by = ""

    def __init__(self, connection: duckdb.DuckDBPyConnection, head: Head, reader: SnapshotReader) -> None:
        self.head = head
        self._connection = connection
        self._reader = reader
        self._turns = Turns()
        self._positions = PositionCache()
        self._on_tab = {tab: self._scalar(f"SELECT count({tab}_pos) FROM events") for tab in vocabulary.TABS}
        self._known = {tab: self._scalar(f"SELECT count({tab}_pos) FROM events WHERE occurred IS NOT NULL") for tab in vocabulary.TABS}
        self._first_unknown = self._scalar("SELECT count(occurred) FROM events")
        self.actions = frozenset(self._column("SELECT DISTINCT action FROM events"))
        self._addresses: list[str] | None = None
        self._translator = Translator(self._column("SELECT DISTINCT resource_type FROM events"), self._recorded_addresses)

    # -- pages ------------------------------------------------------------------------------------

    def page(self, view: View) -> EventPage:
        first, last = page_bounds(view, self.total(view))
        events = self._events_at(self._slice(view, first, last))
        return EventPage(
            view=replace(view, page=first // view.rows + 1),
            events=events,
            total=self.total(view),
            first=first + 1 if events else 0,
            last=first + len(events),
            incomplete=not self.head.complete,
            without_time=self._left_out(view),
        )

    def total(self, view: View) -> int:
        return self._on_tab[view.tab] if _is_whole_tab(view) else len(self._matching(view))

    def position(self, view: View, event_id: str) -> int | None:
        found = self._rows(f"SELECT pos, {view.tab}_pos FROM events WHERE event_id = ?", [event_id])
        if not found or found[0][1] is None:
            return None
        place, on_tab = found[0]
        if _is_whole_tab(view):
            index: int | None = on_tab
            known, total = self._known[view.tab], self._on_tab[view.tab]
        else:
            matching = self._matching(view)
            index, known, total = matching.index(place), matching.known, len(matching)
        if index is None or view.order == "newest":
            return index
        return mirrored(index, known, total)

    def event_at(self, view: View, position: int) -> str | None:
        if not 0 <= position < self.total(view):
            return None
        events = self._events_at(self._slice(view, position, position + 1))
        return events[0].event_id if events else None

    def batches(self, view: View, *, whole: bool = True) -> Iterator[pa.RecordBatch]:
        first, last = (0, self.total(view)) if whole else page_bounds(view, self.total(view))
        for start in range(first, last, BATCH):
            yield self._batch(self._slice(view, start, min(start + BATCH, last)))

    def _batch(self, places: Sequence[int]) -> pa.RecordBatch:
        with self._cursor() as cursor:
            query = f"SELECT {_ROW}, pos, file, file_row, digest FROM events WHERE {_AT_PLACES}"
            found = cursor.sql(query, params=_at_places(places)).to_arrow_table()
        found = found.take(np.argsort(found["pos"].to_numpy())[np.argsort(np.argsort(places))])
        where = (found[name].to_pylist() for name in ("file", "file_row", "digest"))
        texts = self._reader.metadata([Place(*place) for place in zip(*where, strict=True)])
        columns = {
            "occurred_at": found["occurred"].cast(TIMESTAMP),
            "recorded_at": found["recorded"].cast(TIMESTAMP),
            "metadata": pa.array(texts, pa.string()),
        }
        ordered = [columns[name] if name in columns else found[name] for name in SCHEMA.names]
        return pa.table(ordered, schema=SCHEMA).combine_chunks().to_batches()[0]

    # -- one event --------------------------------------------------------------------------------

    def event(self, event_id: str) -> AuditEvent | None:
        found = self._rows(f"SELECT {_ROW} FROM events WHERE event_id = ?", [event_id])
        return _event(found[0]) if found else None

    def metadata(self, event_ids: Sequence[str]) -> dict[str, str]:
        query = "SELECT event_id, file, file_row, digest FROM events WHERE event_id IN (SELECT unnest(?::VARCHAR[]))"
        found = self._rows(query, [list(event_ids)])
        texts = self._reader.metadata([Place(file, row, digest) for _, file, row, digest in found])
        return dict(zip((event_id for event_id, *_ in found), texts, strict=True))

    # -- counts -----------------------------------------------------------------------------------

    def facet(self, view: View, column: str, *, limit: int) -> list[Count]:
        condition, parameters = self._condition(view, ignoring=facet_filters(column))
        rows = self._rows(
            f"SELECT {column}, count(*) AS n FROM events WHERE {condition} GROUP BY 1 ORDER BY n DESC, 1 NULLS LAST LIMIT ?",
            [*parameters, limit],
        )
        return [Count(value, events) for value, events in rows]

    def histogram(self, view: View, *, bucket_minutes: int) -> list[Count]:
        width = bucket_minutes * 60_000_000
        start = f"occurred - ((occurred % {width}) + {width}) % {width}"
        condition, parameters = self._condition(view)
        rows = self._rows(
            f"SELECT {start} AS start, count(*) FROM events WHERE occurred IS NOT NULL AND {condition} GROUP BY 1 ORDER BY 1",
            parameters,
        )
        return [Count(None, events, times.from_micros(max(start, times.FIRST_MICROS))) for start, events in rows]

    def span(self, view: View, *, skipping: int = 0) -> tuple[int, int] | None:
        condition, parameters = self._condition(view)
        known = f"FROM events WHERE occurred IS NOT NULL AND {condition}"
        if self._scalar(f"SELECT count(*) {known}", parameters) <= 2 * skipping:
            return None
        ends = (f"SELECT occurred {known} ORDER BY occurred {way} LIMIT 1 OFFSET {skipping}" for way in ("ASC", "DESC"))
        first, last = (self._scalar(end, parameters) for end in ends)
        return first, last

    def spread(self, view: View, edges: Sequence[int]) -> list[int]:
        condition, parameters = self._condition(view)
        rows = self._rows(
            f"SELECT len(list_filter(?::BIGINT[], lambda edge: edge <= occurred)), count(*) FROM events WHERE {condition} GROUP BY 1",
            [list(edges), *parameters],
        )
        counts = dict(rows)
        return [counts.get(number, 0) for number in range(1, len(edges))]

    def _left_out(self, view: View) -> int:
        """Matches that only the range of days leaves out, because they have no time."""
        span = view.span()
        if span is None or self._first_unknown == self.head.events:
            return 0
        condition, parameters = self._translator.sql(And((view.predicate(ignoring=("from",)), Not(Between(-(2**63), 2**63 - 1)))))
        return self._scalar(f"SELECT count(*) FROM events WHERE pos >= ? AND {condition}", [self._first_unknown, *parameters])

    # -- people -----------------------------------------------------------------------------------

    def suggest(self, kind: PersonKind, text: str, *, limit: int) -> list[Person]:
        needle = fold(text.strip())
        rows = self._rows(_SUGGEST, {"kind": kind, "needle": needle, "limit": limit})
        return [Person(*row) for row in rows]

    def person(self, person_id: str) -> Person | None:
        rows = self._rows(_PERSON, [person_id])
        return Person(*rows[0]) if rows else None

    # -- positions --------------------------------------------------------------------------------

    def _slice(self, view: View, start: int, stop: int) -> list[int]:
        """Positions in the log of the view's matches start … stop-1, in the view's order."""
        if not _is_whole_tab(view):
            return self._matching(view).slice(view.order, start, stop)
        column, known, total = f"{view.tab}_pos", self._known[view.tab], self._on_tab[view.tab]
        on_tab = range(start, stop)
        wanted = list(on_tab) if view.order == "newest" else [mirrored(index, known, total) for index in on_tab]
        if not wanted:
            return []
        rows = self._rows(f"SELECT {column}, pos FROM events WHERE {column} BETWEEN ? AND ?", [min(wanted), max(wanted)])
        place = dict(rows)
        return [place[index] for index in wanted]

    def _matching(self, view: View) -> Positions:
        predicate = view.predicate()
        found = self._positions.get(predicate)
        if found is None:
            condition, parameters = self._condition(view)
            with self._cursor() as cursor:
                table = cursor.sql(f"SELECT pos FROM events WHERE {condition} ORDER BY pos", params=parameters).to_arrow_table()
            values = table.column(0).to_numpy().astype(np.int32, copy=False)
            found = Positions(values, int(np.searchsorted(values, self._first_unknown)))
            self._positions.put(predicate, found)
        return found

    def _condition(self, view: View, *, ignoring: Collection[str] = ()) -> tuple[str, list[object]]:
        parts = [part for part in view.predicate(ignoring=ignoring).parts if part != tab_predicate(view.tab)]
        condition, parameters = self._translator.sql(And(tuple(parts)))
        return f"{view.tab}_pos IS NOT NULL AND {condition}", parameters

    def _events_at(self, places: Sequence[int]) -> tuple[AuditEvent, ...]:
        if not places:
            return ()
        rows = self._rows(f"SELECT {_ROW}, pos FROM events WHERE {_AT_PLACES}", _at_places(places))
        by_place = {row[-1]: _event(row) for row in rows}
        return tuple(by_place[place] for place in places)

    # -- the connection ---------------------------------------------------------------------------

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with self._connection.cursor() as cursor, self._turns.turn(cursor.interrupt):
                yield cursor
        except duckdb.Error as error:
            check()
            raise EngineError(f"The question could not be answered: {str(error).splitlines()[0]}") from error

    def _rows(self, sql: str, parameters: object = ()) -> list[tuple]:  # type: ignore[type-arg]
        with self._cursor() as cursor:
            return cursor.execute(sql, parameters).fetchall()

    def _scalar(self, sql: str, parameters: object = ()) -> int:
        return int(self._rows(sql, parameters)[0][0])

    def _column(self, sql: str) -> list[str]:
        return [row[0] for row in self._rows(sql)]

    def _recorded_addresses(self) -> list[str]:
        if self._addresses is None:
            self._addresses = self._column("SELECT value FROM addresses")
        return self._addresses

    def forget(self) -> None:
        self._positions.clear()

    def close(self) -> None:
        self._connection.close()
        self._reader.close()


def _is_whole_tab(view: View) -> bool:
    return not view.clauses and view.span() is None


def _at_places(places: Sequence[int]) -> list[object]:
    return [min(places), max(places), list(places)]


def _event(row: Sequence[object]) -> AuditEvent:
    values = dict(zip(_FIELDS, row, strict=False))
    at, recorded = values.pop("occurred"), values.pop("recorded")
    return AuditEvent(
        occurred_at=None if at is None else times.from_micros(at),  # type: ignore[arg-type]
        recorded_at=None if recorded is None else times.from_micros(recorded),  # type: ignore[arg-type]
        **values,  # type: ignore[arg-type]
    )


_SUGGEST: Final = """
SELECT id, coalesce(arg_min(name, newest), '') AS name, coalesce(arg_min(email, newest), ''), sum(events)::BIGINT AS n
FROM people WHERE kind = $kind
GROUP BY id HAVING bool_or(contains(folded, $needle))
ORDER BY bool_or(starts_with(folded, $needle)) DESC, bool_or(contains(folded, ' ' || $needle)) DESC, n DESC, id
LIMIT $limit"""

_PERSON: Final = """
SELECT id, coalesce(arg_min(name, newest), ''), coalesce(arg_min(email, newest), ''), max(in_part)::BIGINT
FROM (
  SELECT *, sum(events) OVER (PARTITION BY kind) AS in_part FROM people WHERE id = ?
) GROUP BY id"""
