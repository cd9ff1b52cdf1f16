"""The ready questions of the Explore page: each is one SELECT over the events of a view, for people to read and go on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from auditlib.sandbox.starting import conditions, instant
from auditlib.view import View

MOST_ROWS: Final = 2_000


class Grouping(NamedTuple):
    """What can be counted: the label, the column that tells one from another, and what is selected of it."""

    label: str
    key: str
    columns: str


BY: Final = {
    "actor": Grouping("Actor", "actor_id", "actor_id, max(actor_name) AS actor"),
    "action": Grouping("Action", "action", "action"),
    "type": Grouping("Resource", "resource_type", "resource_type"),
    "ip": Grouping("IP address", "ip", "ip"),
}
PER: Final = ("day", "week", "month")

_LONGEST_BY_DAY, _LONGEST_BY_WEEK = 31, 31 * 7


@dataclass(frozen=True, slots=True)
class Question:
    """One ready question.

    Attributes:
        key: its name in a link.
        label: its name on the page.
        help: what it answers, as a sentence.
        by: what it counts at first; empty where there is no choice.
        per: whether it has steps of time.
        write: the SQL of a view in a zone, by a key of `BY` and a step of `PER`.
    """

    key: str
    label: str
    help: str
    by: str
    per: bool
    write: Callable[[View, ZoneInfo, str, str], str]


def step(view: View) -> str:
    """The step of time that gives a view's range not too many columns; a month where it has no range."""
    if not (view.start and view.end):
        return "month"
    days = (date.fromisoformat(view.end[:10]) - date.fromisoformat(view.start[:10])).days
    return "day" if days <= _LONGEST_BY_DAY else "week" if days <= _LONGEST_BY_WEEK else "month"


def _who(view: View, tz: ZoneInfo, by: str, per: str) -> str:
    return (
        f"SELECT actor_id, max(actor_name) AS actor, action,\n"
        f"  date_trunc('{per}', {_clock(tz)})::DATE AS {per},\n"
        f"  count(*) AS events, sum(count(*)) OVER (PARTITION BY actor_id, action)::BIGINT AS in_all\n"
        f"FROM events\nWHERE {conditions(view)}\n"
        f"GROUP BY actor_id, action, {per}\n"
        f"ORDER BY in_all DESC, actor_id, action, {per}"
    )


def _pivot(view: View, tz: ZoneInfo, by: str, per: str) -> str:
    return (
        f"SELECT actor_id, max(actor_name) AS actor, action,\n"
        f"  count(*) AS events, sum(count(*)) OVER (PARTITION BY actor_id)::BIGINT AS in_all\n"
        f"FROM events\nWHERE {conditions(view)}\n"
        f"GROUP BY actor_id, action\n"
        f"ORDER BY in_all DESC, actor_id, events DESC, action"
    )


def _hours(view: View, tz: ZoneInfo, by: str, per: str) -> str:
    return (
        f"SELECT isodow(wall) AS weekday, dayname(wall) AS day, hour(wall) AS hour, count(*) AS events\n"
        f"FROM (\n  SELECT {_clock(tz)} AS wall\n  FROM events\n  WHERE {conditions(view)}\n)\n"
        f"GROUP BY ALL\nORDER BY weekday, hour"
    )


def _movers(view: View, tz: ZoneInfo, by: str, per: str) -> str:
    earlier = view.previous()
    now, before = view.span(), earlier.span() if earlier else None
    if not (now and before):
        raise ValueError("the view has no period before")
    grouping = BY[by]
    return (
        f"SELECT {grouping.columns},\n"
        f"  count(*) FILTER ({_within(now)}) AS this_period,\n"
        f"  count(*) FILTER ({_within(before)}) AS period_before,\n"
        f"  this_period - period_before AS change\n"
        f"FROM events\nWHERE {conditions(view.without('from'))}\n"
        f"  AND occurred_at >= {instant(before[0])} AND occurred_at < {instant(now[1])}\n"
        f"GROUP BY {grouping.key}\n"
        f"ORDER BY abs(change) DESC, this_period DESC, {grouping.key}"
    )


def _seen(view: View, tz: ZoneInfo, by: str, per: str) -> str:
    return _ranked(view, BY[by], "first_seen DESC NULLS LAST", "min_by(event_id, occurred_at) AS event_id")


def _rare(view: View, tz: ZoneInfo, by: str, per: str) -> str:
    return _ranked(view, BY[by], "events", "max_by(event_id, occurred_at) AS event_id")


def _ranked(view: View, grouping: Grouping, order: str, one: str) -> str:
    return (
        f"SELECT {grouping.columns}, count(*) AS events,\n"
        f"  min(occurred_at) AS first_seen, max(occurred_at) AS last_seen, {one}\n"
        f"FROM events\nWHERE {conditions(view)}\n"
        f"GROUP BY {grouping.key}\n"
        f"ORDER BY {order}, {grouping.key}"
    )


def _clock(tz: ZoneInfo) -> str:
    return f"occurred_at AT TIME ZONE '{tz.key}'"


def _within(span: tuple[int, int]) -> str:
    return f"occurred_at >= {instant(span[0])} AND occurred_at < {instant(span[1])}"


QUESTIONS: Final = {
    question.key: question
    for question in (
        Question("who", "Who, what, when", "Who did what, how often, in each step of time.", "", True, _who),
        Question("pivot", "Who × action", "Who does what.", "", False, _pivot),
        Question("hours", "Hours of the week", "At which hours of the week things happen, by the clock of the zone.", "", False, _hours),
        Question("movers", "Top movers", "What grew or shrank most. Bars: this period. Marks: the period before.", "actor", False, _movers),
        Question(
            "seen", "First and last seen", "What appeared when, the newest first. Circle: first. Square: last.", "actor", False, _seen
        ),
        Question("rare", "Rarest", "What occurs least often.", "action", False, _rare),
    )
}
