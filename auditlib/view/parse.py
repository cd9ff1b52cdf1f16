"""Link to view: every parameter read, checked, and reported where it cannot be honoured."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import available_timezones

from auditlib import times, vocabulary
from auditlib.errors import LinkError
from auditlib.schema import EVENT_ID
from auditlib.text import one_line
from auditlib.view import dates
from auditlib.view.filters import FILTERS
from auditlib.view.problems import Problem, near

if TYPE_CHECKING:
    from auditlib.view.view import Clause, View

MOST_PARAMETERS: Final = 300
SINGLE: Final = ("tab", "from", "to", "tz", "order", "rows", "page", "event", "at", "n")
PARAMETERS: Final = ("tab", *FILTERS, *SINGLE[1:])
"""Every parameter, in the order in which a link writes them."""

MOST_NUMBER: Final = 10**15
"""What a larger number is taken for: a page that lies past the end of any log all the same."""

_NUMBER: Final = re.compile(r"\d{1,1000}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{8,64}")
_EVENT: Final = re.compile(rf"{EVENT_ID}(~[0-9a-f]{{12}})?")
"""An id as recorded, or as a log spells it where an earlier event claims the same one."""
_BARE_QUERY: Final = re.compile(r"[^/?#:&=]*=")


def pairs_of(link: str) -> list[tuple[str, str]]:
    """The decoded parameters of a URL, a path with query, or a bare query string.

    Raises LinkError where the path is not that of the Audit Logs page.
    """
    link = link.strip()
    if not _BARE_QUERY.match(link):
        try:
            parts = urlsplit(link)
        except ValueError:
            raise LinkError(f"Cannot read the link {one_line(link, 80)!r}: not a URL", link=link) from None
        if parts.path.strip("/") and not parts.path.rstrip("/").endswith("/audit") and parts.path != "audit":
            raise LinkError(f"Cannot read the link {one_line(link, 80)!r}: expected one of the Audit Logs page, /audit?…", link=link)
        link = parts.query
    return parse_qsl(link.split("#", 1)[0], keep_blank_values=True, errors="replace")


def view_of(cls: type[View], pairs: list[tuple[str, str]], *, tz: str | None, actions: Iterable[str]) -> View:
    """The view of decoded parameters, with a problem for each value that cannot be honoured."""
    return _Reading(pairs, frozenset(actions)).view(cls, tz)


class _Reading:
    """One pass over a link's parameters, collecting problems on the way."""

    def __init__(self, pairs: list[tuple[str, str]], actions: frozenset[str]) -> None:
        self.actions = actions | vocabulary.ACTIONS.keys()
        self.problems: list[Problem] = []
        self.first: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        for parameter, value in pairs[:MOST_PARAMETERS]:
            self._sort(parameter, value)
        if len(pairs) > MOST_PARAMETERS:
            self._problem("…", f"{len(pairs) - MOST_PARAMETERS} more", f"expected at most {MOST_PARAMETERS} parameters")

    def view(self, cls: type[View], own_tz: str | None) -> View:
        tab = self._one_of("tab", tuple(vocabulary.TABS), vocabulary.INTERVIEWS)
        clauses = self._clauses(tab)
        start, end = self._bound("from"), self._bound("to")
        if start and end and dates.is_reversed(start, end):
            self._problem("from", start, f"it lies after to='{end}'", verb="Swapped")
            start, end = end, start
        tz = self._zone(own_tz, dated=bool(start or end))
        if start and start == end and not dates.is_day(start):
            self._problem("to", start, "the range is empty, since this minute is not included; choose a later one", verb="Note")
        return cls(
            tab=tab,
            clauses=clauses,
            start=start,
            end=end,
            tz=tz,
            order=self._one_of("order", ("newest", "oldest"), "newest"),
            rows=int(self._one_of("rows", ("10", "20", "50", "100"), "50")),
            page=self._number("page", least=1) or 1,
            event=self._matching("event", _EVENT, "expected an event id"),
            at=self._matching("at", _DIGEST, "expected 8 to 64 hexadecimal digits"),
            n=self._number("n", least=0),
            problems=tuple(self.problems),
        )

    def _sort(self, parameter: str, value: str) -> None:
        if parameter in FILTERS and not FILTERS[parameter].single:
            self.asked.append((parameter, value))
        elif parameter not in PARAMETERS:
            self._problem(parameter, value, "no such parameter", near(parameter, PARAMETERS))
        elif parameter not in self.first:
            self.first[parameter] = value
        elif self.first[parameter] != value:
            self._problem(parameter, value, "given more than once; the first one counts")

    def _clauses(self, tab: str) -> tuple[Clause, ...]:
        from auditlib.view.view import Clause

        asked = [("q", self.first["q"])] if "q" in self.first else []
        clauses: list[Clause] = []
        for parameter, text in asked + self.asked:
            rule = FILTERS[parameter]
            excluded = text.startswith("!") and not rule.single
            value = text[1:] if excluded else text
            if tab not in rule.tabs:
                self._problem(parameter, text, f"not a filter of {vocabulary.TABS[tab].label}")
            elif parameter == "action" and value in self.actions:
                clauses.append(Clause(parameter, value, excluded))
            elif expected := rule.check(value):
                self._problem(parameter, text, expected, near(value, self.actions) if parameter == "action" else "")
            elif parameter == "action":
                self._problem(parameter, text, "no such action", near(value, self.actions))
            else:
                clauses.append(Clause(parameter, value, excluded))
        return self._without_excluded(clauses)

    def _without_excluded(self, clauses: list[Clause]) -> tuple[Clause, ...]:
        """Of two filters that exclude each other the one that stands first in a link wins."""
        given = {clause.parameter for clause in clauses}
        losing = {FILTERS[parameter].excludes for parameter in FILTERS if parameter in given}
        losing = {parameter for parameter in losing & given if PARAMETERS.index(parameter) > PARAMETERS.index(FILTERS[parameter].excludes)}
        for clause in clauses:
            if clause.parameter in losing:
                self._problem(clause.parameter, clause.text, f"cannot be combined with {clause.filter.excludes}")
        return tuple(clause for clause in clauses if clause.parameter not in losing)

    def _bound(self, parameter: str) -> str | None:
        value = self.first.get(parameter)
        if value is None:
            return None
        expected = dates.check(value)
        if expected:
            self._problem(parameter, value, expected)
            return None
        return value

    def _zone(self, own: str | None, *, dated: bool) -> str | None:
        name = self.first.get("tz")
        if name is not None:
            if times.zone(name):
                return name
            self._problem("tz", name, "no such time zone", near(name, _zones()))
        if not dated:
            return None
        if own and times.zone(own):
            return own
        self._problem("tz", "UTC", "the link names no usable zone for its days, so they are cut in UTC", verb="Assumed")
        return "UTC"

    def _one_of(self, parameter: str, known: tuple[str, ...], default: str) -> str:
        value = self.first.get(parameter, default)
        if value in known:
            return value
        self._problem(parameter, value, f"expected one of {', '.join(known)}; {default} is used", near(value, known))
        return default

    def _number(self, parameter: str, *, least: int) -> int | None:
        value = self.first.get(parameter)
        if value is None:
            return None
        if _NUMBER.fullmatch(value) and int(value) >= least:
            return min(int(value), MOST_NUMBER)
        self._problem(parameter, value, f"expected a whole number from {least}")
        return None

    def _matching(self, parameter: str, pattern: re.Pattern[str], expected: str) -> str:
        value = self.first.get(parameter)
        if value is None or pattern.fullmatch(value):
            return value or ""
        self._problem(parameter, value, expected)
        return ""

    def _problem(self, parameter: str, value: str, reason: str, suggestion: str = "", verb: str = "Ignored") -> None:
        self.problems.append(Problem(parameter, value, reason, suggestion, verb))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
