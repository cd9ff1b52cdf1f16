"""The link of the Explore page: a view of the Audit Logs page, a ready question or a query of one's own, and its parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode

from auditlib.view import Problem, View
from pages.ui.explore.parameters import parameters
from pages.ui.explore.questions import BY, PER, QUESTIONS, step

SQL: Final = "sql"
LONGEST: Final = 4 << 10
"""Bytes that a query and its parameters may take in a link."""

_PARAMETER: Final = "p."
_MOST_PARAMETERS: Final = 20

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Exploration:
    """What the page is asked.

    Attributes:
        view: the events that are looked at; its page and rows mean nothing here.
        show: key of a ready question, or `sql`.
        by, per: what a ready question counts, and by which step of time; empty for its own choice.
        sql: the text at the desk.
        parameters: name and value of each `$name` in it.
        problems: what a link asked and could not get; takes no part in equality.
    """

    view: View
    show: str = next(iter(QUESTIONS))
    by: str = ""
    per: str = ""
    sql: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, str]], *, tz: str | None, actions: Iterable[str]) -> Exploration:
        """What the decoded parameters of a link ask; never raises."""
        own: dict[str, str] = {}
        others: Pairs = []
        for name, value in pairs:
            if name in ("show", "by", "per", SQL) or name.startswith(_PARAMETER):
                own.setdefault(name, value)
            else:
                others.append((name, value))
        view = View.from_pairs(others, tz=tz, actions=actions)
        problems = list(view.problems)
        for name, known in (("show", (*QUESTIONS, SQL)), ("by", BY), ("per", PER)):
            if name in own and own[name] not in known:
                problems.append(Problem(name, own.pop(name), f"expected one of {', '.join(known)}"))
        given = tuple((name.removeprefix(_PARAMETER), value) for name, value in own.items() if name.startswith(_PARAMETER))
        asked = cls(
            view,
            own.get("show") or (SQL if own.get(SQL) else next(iter(QUESTIONS))),
            own.get("by", ""),
            own.get("per", ""),
            own.get(SQL, ""),
            given[:_MOST_PARAMETERS],
        )
        if asked.is_too_long:
            problems.append(Problem(SQL, asked.sql, f"expected at most {LONGEST:,} bytes with its parameters"))
            asked = replace(asked, sql="", parameters=())
        return replace(asked, problems=tuple(problems))

    @property
    def is_too_long(self) -> bool:
        """Whether the query and its parameters are too much for a link, which then does without them."""
        return len(urlencode(self._query(), errors="replace")) > LONGEST

    @property
    def chosen_by(self) -> str:
        """What the ready question counts."""
        return self.by or (QUESTIONS[self.show].by if self.show in QUESTIONS else "")

    @property
    def chosen_per(self) -> str:
        """The step of time of the ready question."""
        return self.per or step(self.view)

    @property
    def missing(self) -> tuple[str, ...]:
        """The parameters of the query that have no value yet."""
        given = dict(self.parameters)
        return tuple(name for name in parameters(self.sql) if name not in given)

    def to_pairs(self) -> Pairs:
        """The parameters of the link; what is as at first is not written, nor which page of the table."""
        pairs = [pair for pair in self.view.to_pairs() if pair[0] not in ("page", "rows")]
        if self.show == SQL:
            return [*pairs, *([("show", SQL)] if self.is_too_long or not self.sql else self._query())]
        first = next(iter(QUESTIONS))
        own = (("show", "" if self.show == first else self.show), ("by", self.by), ("per", self.per))
        return [*pairs, *((name, value) for name, value in own if value)]

    def asking(self, sql: str, given: Iterable[tuple[str, str]] = ()) -> Exploration:
        """The same at the desk, with another query and values for its parameters."""
        return replace(self, show=SQL, by="", per="", sql=sql, parameters=tuple(given), problems=())

    def _query(self) -> Pairs:
        return [(SQL, self.sql), *((f"{_PARAMETER}{name}", value) for name, value in self.parameters)]
