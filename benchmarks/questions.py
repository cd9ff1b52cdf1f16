"""The questions: what a reader asks of the log, as links, and how anyone who answers is asked and timed."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final, Literal

from auditlib.engine.base import Engine, EventPage, page_bounds
from auditlib.text import fold
from auditlib.times import to_micros
from auditlib.view import View
from benchmarks.peers import Peer

DEEP: Final = 100_001
SPREAD: Final = 60
"""From so many places of the log are single events asked for: more than our engines keep what they read."""
LEAST, MOST = 5, 25
ENOUGH_SECONDS, PATIENCE_SECONDS = 0.3, 20.0
_KOLKATA: Final = "from=2026-06-01&to=2026-08-29&tz=Asia/Kolkata"
_CHATHAM: Final = "from=2026-03-02&to=2026-03-08&tz=Pacific/Chatham"


@dataclass(frozen=True, slots=True)
class Question:
    """One question: a page with its total, the page after a known event, counts by value or time, people by name, one event.

    `of` is the facet's column, the bucket's minutes, the kind and text of people, ids of events that are asked for in turn,
    or the time and id that the page comes after. `group` names the target it belongs to.
    """

    key: str
    title: str
    link: str = ""
    kind: Literal["page", "next", "facet", "histogram", "suggest", "event"] = "page"
    of: tuple[str, ...] = ()
    group: str = ""


def questions(engine: Engine) -> list[Question]:
    """All questions, with the values of some taken from the log itself: a key that exists, a fragment that is rare."""
    whole = View()
    pages = -(-engine.total(whole) // whole.rows)
    deep = min(DEEP, pages * 9 // 10)
    middle = _page(engine, whole, pages // 2).events[0]
    before = _page(engine, whole, deep - 1).events[-1]
    candidate = next(each.candidate_id for each in _page(engine, whole, pages // 3).events if each.candidate_id)
    spread = tuple(_page(engine, whole, pages * place // SPREAD).events[0].event_id for place in range(SPREAD))
    rare = fold(middle.resource_id or "")[-7:]
    after = (str(to_micros(before.occurred_at)) if before.occurred_at else "", before.event_id)
    counted = {"q": "q=hans", "ip": "ip=203.0.113.0/24", "changed": "changed=status", "actor": f"actor={middle.actor_id}"}
    named = {"q": "a search", "ip": "a network", "changed": "a changed field", "actor": "one actor"}
    return [
        Question("first", "first page", group="slice"),
        Question("second", "second page", "page=2", group="slice"),
        Question("deep", f"page {deep:,}", f"page={deep}", group="slice"),
        Question("next", f"page {deep:,}, by Next from the one before, without a total", f"page={deep}", "next", after),
        Question("last", "last page", "page=999999999", group="slice"),
        Question("oldest", "oldest first, in the middle", f"order=oldest&page={pages // 2}", group="slice"),
        Question("action", "one action", "action=cancelled"),
        Question("action-deep", "one action, page 201", "action=cancelled&page=201"),
        Question("except", "all but one action", "action=!updated"),
        Question("action-range", "one action in 90 days", f"action=updated&{_KOLKATA}"),
        Question("candidate", "one candidate", f"candidate={candidate}", group="key"),
        Question("resource", "one resource", f"resource={middle.resource_type}:{middle.resource_id}", group="key"),
        Question("member", "one team member", f"tab=team&member={middle.actor_id}", group="key"),
        Question("event", "one event with its metadata", kind="event", of=spread, group="key"),
        Question("common", "search: common word", "q=recording"),
        Question("name", "search: part of a name", "q=hans"),
        Question("rare", "search: rare part of an id", f"q={rare}"),
        Question("none", "search: no match", "q=zzzzqq"),
        Question("network", "network", "ip=203.0.113.0/24"),
        Question("changed", "changed field", "changed=status"),
        Question("filters", "three filters and search, page 20", "q=a&action=updated&outcome=success&changed=slot&page=20"),
        Question("facet-all", "actions of all", "", "facet", ("action",), "counts"),
        Question("facet-range", "actions of 90 days", _KOLKATA, "facet", ("action",), "counts"),
        Question("facet-actors", "actors of 90 days", _KOLKATA, "facet", ("actor_name",), "counts"),
        Question("facet-types", "resource types of a week", f"tab=team&{_CHATHAM}", "facet", ("resource_type",), "counts"),
        Question("days-all", "events per day", "", "histogram", ("1440",), "counts"),
        Question("hours-range", "events per hour of 90 days", _KOLKATA, "histogram", ("60",), "counts"),
        Question("days-action", "events per day of one action", "action=updated", "histogram", ("1440",), "counts"),
        *(Question(f"facet-{key}", f"actions with {named[key]}", link, "facet", ("action",), "filtered") for key, link in counted.items()),
        *(Question(f"days-{key}", f"per day with {named[key]}", link, "histogram", ("1440",), "filtered") for key, link in counted.items()),
        Question("suggest", "candidates named “an…”", kind="suggest", of=("candidate", "an")),
    ]


def _page(engine: Engine, view: View, number: int) -> EventPage:
    return engine.page(view.on_page(max(1, number)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered first, as plain values that can be compared, and in how many seconds.

    `seconds` is the median of all runs; `counting` is what of it the total took, where it was asked for apart.
    """

    value: Any
    seconds: float
    counting: float
    fastest: float
    slowest: float
    runs: int


def answer(peer: Peer, question: Question, *, once: bool = False) -> Answer:
    """Asks until the median stands: five times or more, unless that takes too long or `once` is enough; nothing is kept from before.

    The slowest, as a rule the first, which imports and maps what it needs, does not count towards what is enough.
    """
    asked = asker(peer, question)
    runs: list[float] = []
    counting: list[float] = []
    values: list[Any] = []
    while len(runs) < LEAST or (len(runs) < MOST and sum(runs) - max(runs) < ENOUGH_SECONDS):
        peer.forget()
        start = time.perf_counter()
        value, counted = asked()
        values.append(value)
        runs.append(time.perf_counter() - start)
        counting.append(counted)
        if once or sum(runs) > PATIENCE_SECONDS:
            break
    return Answer(values[0], statistics.median(runs), statistics.median(counting), min(runs), max(runs), len(runs))


def asker(peer: Peer, question: Question) -> Callable[[], tuple[Any, float]]:
    """Asks the question once: what was answered, and the seconds that the total took, where it was asked for apart."""
    view = View.from_link(question.link)
    of = question.of
    match question.kind:
        case "page":
            return lambda: _counted_page(peer, view)
        case "next":
            return lambda: (peer.after(view, int(of[0]), of[1]), 0.0)
        case "facet":
            return lambda: ([list(each) for each in peer.facet(view, of[0])], 0.0)
        case "histogram":
            return lambda: ([list(each) for each in peer.histogram(view, int(of[0]))], 0.0)
        case "suggest":
            return lambda: ([list(each) for each in peer.suggest(of[0], of[1])], 0.0)
        case "event":
            ids = cycle(of)
            return lambda: (hashlib.sha256(peer.event(next(ids)).encode()).hexdigest(), 0.0)


def _counted_page(peer: Peer, view: View) -> tuple[Any, float]:
    start = time.perf_counter()
    total = peer.total(view)
    counted = time.perf_counter() - start
    first, _ = page_bounds(view, total)
    return [total, peer.page(view.on_page(first // view.rows + 1))], counted
