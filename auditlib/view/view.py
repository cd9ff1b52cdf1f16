"""The view: everything a link of the Audit Logs page asks, and nothing else.

It is frozen and hashable, and the only state there is: widgets, chips, link, sentence, query, cache
key and command line all come from it. `View.from_link(view.to_query()) == view` for every view.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote, urlencode

from auditlib import times, vocabulary
from auditlib.text import html_table
from auditlib.view import dates, parse
from auditlib.view.filters import FILTERS, Filter
from auditlib.view.predicates import And, AnyOf, Between, Not, Predicate, any_of
from auditlib.view.problems import Problem

ORDERS: Final = ("newest", "oldest")
PAGE_SIZES: Final = (10, 20, 50, 100)
DEFAULT_ROWS: Final = 50
_POSITION: Final = {parameter: place for place, parameter in enumerate(FILTERS)}

NameOf = Callable[[str], str | None]
"""The name of a person id, or None where nobody is known by it."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One value of one filter, asked for or excluded."""

    parameter: str
    value: str
    excluded: bool = False

    @property
    def filter(self) -> Filter:
        """The row of `FILTERS` it belongs to."""
        return FILTERS[self.parameter]

    @property
    def text(self) -> str:
        """The value as a link writes it."""
        return f"!{self.value}" if self.excluded else self.value


@dataclass(frozen=True, slots=True)
class Chip:
    """One active filter as the page shows it; `view.without(parameter, value)` is what its X does."""

    parameter: str
    value: str
    label: str
    text: str
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What is asked of the log: a tab, filters, a range of days, an order, a page, an open event.

    Attributes:
        tab: `interviews` or `team`.
        clauses: the filters' values, in the order of a link.
        start, end: bounds of the range as a link writes them (`from`, `to`), or None.
        tz: IANA zone in which days are cut and times shown; None is the viewer's own.
        order: `newest` or `oldest` first.
        rows, page: rows a page, and which page, from 1.
        event: id of the event whose panel is open, or an empty text.
        at, n: digest prefix of the head, and total, when the link was copied; else empty, None.
        problems: what a link asked and could not get; takes no part in equality.
    """

    tab: str = vocabulary.INTERVIEWS
    clauses: tuple[Clause, ...] = ()
    start: str | None = None
    end: str | None = None
    tz: str | None = None
    order: str = ORDERS[0]
    rows: int = DEFAULT_ROWS
    page: int = 1
    event: str = ""
    at: str = ""
    n: int | None = None
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        ordered = sorted(dict.fromkeys(self.clauses), key=lambda clause: _POSITION[clause.parameter])
        object.__setattr__(self, "clauses", tuple(ordered))
        if (self.start or self.end) and not self.tz:
            object.__setattr__(self, "tz", "UTC")

    @classmethod
    def from_link(cls, link: str, *, tz: str | None = None, actions: Iterable[str] = ()) -> View:
        """The view of a URL, a path with query, or a bare query string.

        `tz` is the viewer's own zone, in which days are cut where the link names none (UTC where
        unknown, and said); `actions` are action keys honoured besides the vocabulary, those of an
        opened store. Values that cannot be honoured land in `problems`. Raises LinkError for a link
        of another page.
        """
        return parse.view_of(cls, parse.pairs_of(link), tz=tz, actions=actions)

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, str]], *, tz: str | None = None, actions: Iterable[str] = ()) -> View:
        """The view of decoded parameters, as a web framework hands them out; else like `from_link`."""
        return parse.view_of(cls, list(pairs), tz=tz, actions=actions)

    def to_pairs(self) -> list[tuple[str, str]]:
        """The link's parameters, decoded, in the contract's order and without defaults."""
        pairs = [] if self.tab == vocabulary.INTERVIEWS else [("tab", self.tab)]
        pairs += [(clause.parameter, clause.text) for clause in self.clauses]
        optional = (
            ("from", self.start),
            ("to", self.end),
            ("tz", self.tz),
            ("order", self.order if self.order != ORDERS[0] else None),
            ("rows", str(self.rows) if self.rows != DEFAULT_ROWS else None),
            ("page", str(self.page) if self.page != 1 else None),
            ("event", self.event),
            ("at", self.at),
            ("n", None if self.n is None else str(self.n)),
        )
        return pairs + [(parameter, value) for parameter, value in optional if value]

    def to_query(self) -> str:
        """The query string of the link, without `?`; empty for the default view."""
        return urlencode(self.to_pairs(), safe=":/!,@~", quote_via=quote)

    def __str__(self) -> str:
        query = self.to_query()
        return f"/audit?{query}" if query else "/audit"

    # -- neighbours of this view ------------------------------------------------------------------

    def having(self, parameter: str, *values: str, excluded: bool = False) -> View:
        """This view with values of a filter added; what that filter excludes is dropped."""
        rule = FILTERS[parameter]
        kept = [
            clause for clause in self.clauses if clause.parameter != rule.excludes and not (rule.single and clause.parameter == parameter)
        ]
        added = [Clause(parameter, value, excluded) for value in values]
        opposite = {Clause(parameter, value, not excluded) for value in values}
        return self._asking(clauses=tuple(clause for clause in kept if clause not in opposite) + tuple(added))

    def with_only(self, parameter: str, *values: str) -> View:
        """This view with exactly these values of a filter asked for; excluded values stay."""
        others = tuple(clause for clause in self.clauses if clause.parameter != parameter or clause.excluded)
        bare = self._asking(clauses=others)
        return bare.having(parameter, *values) if values else bare

    def without(self, parameter: str, value: str | None = None) -> View:
        """This view without a filter, or without one value of it (as a link writes it); `from` drops the range."""
        if parameter in ("from", "to"):
            return self._asking(start=None, end=None)
        return self._asking(
            clauses=tuple(
                clause for clause in self.clauses if clause.parameter != parameter or (value is not None and clause.text != value)
            )
        )

    def between(self, start: str | None, end: str | None, tz: str | None = None) -> View:
        """This view in a range of days or minutes, bounds written as in a link."""
        return self._asking(start=start, end=end, tz=tz or self.tz)

    def previous(self) -> View | None:
        """This view in the period of the same length right before its range; None where there is no closed range."""
        before = dates.previous(self.start, self.end) if self.start and self.end else None
        return self.between(*before) if before else None

    def on_tab(self, tab: str) -> View:
        """This view on another tab: filters both share, rows, zone and order stay; the rest goes."""
        return self._asking(tab=tab, clauses=tuple(clause for clause in self.clauses if tab in clause.filter.tabs))

    def cleared(self) -> View:
        """Only tab, rows, zone and order of this view."""
        return View(tab=self.tab, tz=self.tz, order=self.order, rows=self.rows)

    def on_page(self, page: int) -> View:
        """This view on another page."""
        return replace(self, page=page, problems=())

    def opened(self, event: str) -> View:
        """This view with the panel of an event open; closed again with an empty id."""
        return replace(self, event=event, problems=())

    def sized(self, rows: int) -> View:
        """This view with so many rows a page, from page 1."""
        return self._asking(rows=rows, at=self.at, n=self.n)

    def ordered(self, order: str) -> View:
        """This view newest or oldest first, from page 1."""
        return self._asking(order=order, at=self.at, n=self.n)

    def _asking(self, **changes: object) -> View:
        return replace(self, **{"page": 1, "event": "", "at": "", "n": None, "problems": (), **changes})  # type: ignore[arg-type]

    # -- what it means ----------------------------------------------------------------------------

    def values(self, parameter: str, *, excluded: bool = False) -> tuple[str, ...]:
        """The values asked for, or excluded, by one filter."""
        return tuple(clause.value for clause in self.clauses if clause.parameter == parameter and clause.excluded is excluded)

    def span(self) -> tuple[int, int] | None:
        """The range as [start, end) in microseconds UTC; None where there is none or it is incomplete."""
        tz = times.zone(self.tz or "UTC")
        if not (self.start and self.end and tz):
            return None
        return dates.lower(self.start, tz), dates.upper(self.end, tz)

    def predicate(self, *, ignoring: Collection[str] = ()) -> And:
        """What each event must meet; `ignoring` leaves filters out (`from` for the range)."""
        parts: list[Predicate] = [tab_predicate(self.tab)]
        for parameter, rule in FILTERS.items():
            if parameter in ignoring:
                continue
            if included := self.values(parameter):
                parts.append(rule.predicate(included))
            if excluded := self.values(parameter, excluded=True):
                parts.append(Not(rule.predicate(excluded)))
        span = self.span()
        if span and "from" not in ignoring:
            parts.append(Between(*span))
        return And(tuple(parts))

    def chips(self, name_of: NameOf | None = None) -> tuple[Chip, ...]:
        """One chip for each active filter value and one for the range; `name_of` turns person ids into names."""
        chips = [Chip(clause.parameter, clause.text, clause.filter.label, _shown(clause, name_of)) for clause in self.clauses]
        if self.start or self.end:
            incomplete = not (self.start and self.end)
            chips.append(Chip("from", self.start or self.end or "", "Dates", dates.show(self.start, self.end), incomplete))
        return tuple(chips)

    def describe(self, name_of: NameOf | None = None) -> str:
        """The view as one English sentence."""
        subject = "Interview events" if self.tab == vocabulary.INTERVIEWS else "Team events"
        parts = [part for rule in FILTERS.values() if (part := _sentence(self, rule, name_of))]
        where = f" where {' and '.join(parts)}" if parts else ""
        if self.start and self.end:
            where += f", {dates.show(self.start, self.end)} ({self.tz})"
        elif self.start or self.end:
            where += f" (dates not applied: {dates.show(self.start, self.end)})"
        opened = f", with event {self.event} open" if self.event else ""
        return f"{subject}{where}, {self.order} first, page {self.page} at {self.rows} rows a page{opened}."

    def _repr_html_(self) -> str:
        told = [("view", self.describe()), ("link", str(self)), *(("note", problem) for problem in self.problems)]
        return html_table(("", ""), told)

    def resolved(self, actions: Iterable[str]) -> View:
        """This view with actions honoured that were reported as unknown and that an opened store knows."""
        known = frozenset(actions)
        taken = [problem for problem in self.problems if problem.parameter == "action" and problem.value.removeprefix("!") in known]
        if not taken:
            return self
        clauses = tuple(Clause("action", problem.value.removeprefix("!"), problem.value.startswith("!")) for problem in taken)
        rest = tuple(problem for problem in self.problems if problem not in taken)
        return replace(self, clauses=self.clauses + clauses, problems=rest)


def tab_predicate(tab: str) -> Predicate:
    """What puts an event on a tab; each event is on at least one."""
    interviews = AnyOf("resource_type", vocabulary.INTERVIEW_TYPES)
    return interviews if tab == vocabulary.INTERVIEWS else any_of(AnyOf("actor_role", vocabulary.TEAM_ROLES), Not(interviews))


def _shown(clause: Clause, name_of: NameOf | None) -> str:
    name = name_of(clause.value) if name_of and clause.filter.person else None
    return ("not " if clause.excluded else "") + (name or clause.filter.show(clause.value))


def _sentence(view: View, rule: Filter, name_of: NameOf | None) -> str:
    parts = []
    for excluded, verb in ((False, "is"), (True, "is not")):
        values = view.values(rule.parameter, excluded=excluded)
        if values:
            shown = " or ".join(_shown(Clause(rule.parameter, value), name_of) for value in values)
            parts.append(f"{rule.label.lower() if rule.parameter != 'ip' else rule.label} {verb} {shown}")
    return " and ".join(parts)
