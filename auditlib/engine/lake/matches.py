"""The matches of a view in a lake table: counted by day and by shorter stretches, and fetched by their places."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa

from auditlib import times, vocabulary
from auditlib.engine.lake.layout import UNKNOWN
from auditlib.engine.lake.questions import Questions
from auditlib.engine.lake.ranks import Stretch, narrow
from auditlib.engine.lake.translate import Translator
from auditlib.errors import LakeError
from auditlib.event import AuditEvent
from auditlib.times import to_micros
from auditlib.view import View
from auditlib.view.predicates import And

if TYPE_CHECKING:
    import ibis.expr.types as ir

_DAY_MICROS: Final = 86_400_000_000
_UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Days:
    """How many matches there are on each day that has some, ascending, and how many without a known time."""

    stretches: tuple[Stretch, ...]
    unknown: int

    @property
    def known(self) -> int:
        """How many matches have a known time."""
        return sum(stretch.events for stretch in self.stretches)

    @property
    def total(self) -> int:
        """How many matches there are."""
        return self.known + self.unknown


class Matches:
    """Asks for the matches of views; nothing is kept. Every method raises as `Questions.ask` does."""

    def __init__(self, events: ir.Table, translator: Translator, questions: Questions) -> None:
        self._events, self._translator, self._questions = events, translator, questions

    def of(self, view: View, *, ignoring: Collection[str] = (), also: ir.BooleanValue | None = None) -> ir.Table:
        """The matches as an expression, of which `also` is asked too."""
        asked = self._translator.expression(And(view.predicate(ignoring=ignoring).parts[1:]))  # the first is the tab, which is a partition
        others = [self._events.tab != tab for tab in vocabulary.TABS if tab != view.tab]
        return self._events.filter(*others, asked, *([] if also is None else [also]))

    def unknown(self, view: View, *, ignoring: Collection[str] = ()) -> int:
        """How many matches have no known time; these have a partition of their own."""
        matches = self.of(view, ignoring=ignoring, also=self._translator.on_days([UNKNOWN]))
        found: int = self._questions.ask(matches.aggregate(n=matches.count()))["n"][0].as_py()
        return found

    def days(self, view: View) -> Days:
        """The matches by day."""
        groups = self.of(view).group_by("day").aggregate(n=ibis._.count())
        counts = {row["day"]: row["n"] for row in self._questions.ask(groups).to_pylist()}
        unknown = counts.pop(UNKNOWN, 0)
        starts = ((times.start_of_day(date.fromisoformat(day), _UTC), n) for day, n in sorted(counts.items()))
        return Days(tuple(Stretch(start, start + _DAY_MICROS, n) for start, n in starts), unknown)

    def rows(self, view: View, days: Days, first: int, last: int, columns: Sequence[str]) -> pa.Table:
        """The matches first … last - 1, in the view's order; unknown times stand last in both."""
        tables = []
        if first < min(last, days.known):
            stretches = days.stretches if view.order == "oldest" else days.stretches[::-1]
            near = narrow(stretches, first, min(last, days.known), lambda stretch, width: self._cut(view, stretch, width))
            matches = self.of(view, also=self._translator.across(near.stretches))
            tables.append(self._slice(view, matches, near.skip, min(last, days.known) - first, columns))
        if (start := max(first, days.known)) < last:
            matches = self.of(view, also=self._translator.on_days([UNKNOWN]))
            tables.append(self._slice(view, matches, start - days.known, last - start, columns))
        return pa.concat_tables(tables, promote_options="permissive")

    def _slice(self, view: View, matches: ir.Table, skip: int, count: int, columns: Sequence[str]) -> pa.Table:
        keys = (matches.occurred_us, matches.event_id)
        ordered = [key.asc() for key in keys] if view.order == "oldest" else [key.desc() for key in keys]
        names = list(dict.fromkeys(("occurred_us", "event_id", *columns)))
        found = self._questions.ask(matches.select(names).order_by(ordered).limit(skip + count)).slice(skip)
        if len(found) != count:
            raise LakeError(f"The cluster gave {len(found)} of {count} events; try again in a moment", reason="partial")
        return found.select(list(columns))

    def _cut(self, view: View, stretch: Stretch, width: int) -> list[Stretch]:
        matches = self.of(view, also=self._translator.between(stretch.start, stretch.end))
        cut = [Stretch(start, start + width, n) for start, n in sorted(self.bucketed(matches, width).items())]
        return cut if view.order == "oldest" else cut[::-1]

    def bucketed(self, matches: ir.Table, width: int) -> dict[int, int]:
        """Matches with a known time by the first microsecond of their bucket."""
        known = matches.filter(matches.occurred_us.notnull())
        at = known.occurred_us
        rows = self._questions.ask(known.group_by(start=at - ((at % width) + width) % width).aggregate(n=ibis._.count()))
        return {row["start"]: row["n"] for row in rows.to_pylist()}

    def place(self, view: View, days: Days, event: AuditEvent) -> int | None:
        """How many matches come before an event; None where it is none."""
        same_day = self.of(view, also=self._translator.on_days([day_of(event)]))
        at, ident = same_day.occurred_us, same_day.event_id
        is_before = ident > event.event_id if view.order == "newest" else ident < event.event_id
        before = days.known
        if event.occurred_at is not None:
            micros = to_micros(event.occurred_at)
            is_before = ((at > micros) if view.order == "newest" else (at < micros)) | ((at == micros) & is_before)
            before = sum(day.events for day in days.stretches if (day.start > micros if view.order == "newest" else day.end <= micros))
        counted = same_day.aggregate(found=(ident == event.event_id).sum(), before=is_before.sum())
        row = self._questions.ask(counted).to_pylist()[0]
        return before + (row["before"] or 0) if row["found"] else None


def day_of(event: AuditEvent) -> str:
    """The day of an event as the table names it."""
    return UNKNOWN if event.occurred_at is None else event.occurred_at.date().isoformat()
