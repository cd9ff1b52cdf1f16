"""What the overview shows of a view: its bars, their scale, and how often each value occurs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from auditlib import times, vocabulary
from auditlib.engine.base import Activity, Count
from auditlib.lookalikes import tags
from auditlib.text import short_id, shown_line, visible
from auditlib.view import View
from auditlib.view.buckets import Buckets
from pages.ui.text import wall_day

SHOWN: Final = 4
MOST_SHOWN: Final = 50
_TICKS: Final = 8
RED: Final = tuple(action.key for action in vocabulary.ACTIONS.values() if action.tone == "red")
"""The actions that the bars show as red slices."""


class Facet(NamedTuple):
    """What can be counted: the link's parameter, its label, and the column it stands for."""

    parameter: str
    label: str
    column: str


FACETS: Final = {
    facet.parameter: facet
    for facet in (
        Facet("action", "Action", "action"),
        Facet("actor", "Actor", "actor_id"),
        Facet("type", "Resource", "resource_type"),
        Facet("outcome", "Outcome", "outcome"),
    )
}


def red_only(view: View) -> View | None:
    """The view's events with a red action; None where its filters leave none."""
    asked = view.values("action")
    left_out = {clause.value for clause in view.clauses if clause.parameter == "action" and clause.excluded}
    actions = [key for key in RED if key not in left_out and (not asked or key in asked)]
    return view.with_only("action", *actions) if actions else None


def bars(total: int, activity: Activity, red: Sequence[int], before: Sequence[int] | None, tz: ZoneInfo) -> dict[str, Any]:
    """The activity part of the overview's data; `before` holds the counts of the period before, where that is compared."""
    cut = activity.buckets
    said = {"total": _events(total), "said": "", "legend": [], "bars": [], "ticks": [], "notes": [], "edges": [], "buttons": []}
    if cut is None:
        return said
    starts = [_wall(edge, tz) for edge in cut.edges]
    drawn = []
    for number, (n, of_red) in enumerate(zip(activity.counts, red, strict=True)):
        earlier = before[number] if before and number < len(before) else None
        drawn.append({"n": n, "red": of_red, "before": earlier, "title": _title(cut, starts, number, n, of_red, earlier)})
    elsewhere = total - sum(activity.counts)
    notes = [f"{_events(elsewhere)} in no bar: without a known time, or far from all others"] if elsewhere else []
    if before is not None:
        difference = sum(activity.counts) - sum(before)
        than = f"{abs(difference):,} {'more' if difference > 0 else 'fewer'} than" if difference else "as many as"
        notes.append(f"{than} in the period before: {sum(before):,}")
    return said | {
        "said": f"one bar is {_one(cut)}",
        "legend": _legend(sum(red), before is not None),
        "bars": drawn,
        "ticks": _ticks(cut, starts),
        "notes": notes,
        "edges": [str(edge) for edge in cut.edges],
    }


def buttons(view: View, *, compared: bool) -> list[list[str]]:
    """What the overview offers beside the bars: each a trigger and its label; nothing without a closed range."""
    if view.previous() is None:
        return []
    return [["compare", "Do not compare" if compared else "Compare with the period before"], ["previous", "Go to the period before"]]


def values(facet: Facet, counts: Sequence[Count], view: View, name_of: Callable[[str], str | None], *, expanded: bool) -> dict[str, Any]:
    """The counts part of the overview's data; what the view asks for or leaves out is marked, and comes first."""
    state = {clause.value: "off" if clause.excluded else "on" for clause in view.clauses if clause.parameter == facet.parameter}
    known = {count.value for count in counts}
    ranked = [*counts, *(Count(value, 0) for value in state if value not in known)]
    shown = sorted(ranked, key=lambda count: count.value not in state)[: max(len(state), MOST_SHOWN if expanded else SHOWN)]
    most = max((count.events for count in shown), default=1) or 1
    labels = {count.value: _label(facet, count.value, name_of) for count in shown}
    told_apart = tags((value, label) for value, label in labels.items() if value is not None and facet.parameter == "actor")
    rows = [
        {
            "value": count.value,
            "label": " · ".join(filter(None, [labels[count.value], told_apart.get((count.value or "", labels[count.value]))])),
            "title": visible(count.value) if count.value is not None else "No value was recorded",
            "n": f"{count.events:,}",
            "count": count.events / most,
            "state": state.get(count.value or "", "") if count.value is not None else "",
        }
        for count in shown
    ]
    several = f"first {MOST_SHOWN}" if len(counts) > MOST_SHOWN else f"all {len(counts)}"
    return {
        "choices": [[each.parameter, each.label] for each in FACETS.values()],
        "chosen": facet.parameter,
        "rows": rows,
        "more": "fewer" if expanded else several if len(counts) > SHOWN else "",
        "expanded": expanded,
    }


def chosen_range(edges: Sequence[int], tz: ZoneInfo) -> tuple[str, str]:
    """The bounds of a range from the first to the last of some edges, as a link writes them: days where it is of days."""
    start, end = (_wall(edge, tz) for edge in (edges[0], edges[-1]))
    if start == start.replace(hour=0, minute=0, second=0) and end == end.replace(hour=0, minute=0, second=0):
        return start.date().isoformat(), (end - timedelta(days=1)).date().isoformat()
    return start.isoformat(timespec="minutes"), end.isoformat(timespec="minutes")


def _wall(micros: int, tz: ZoneInfo) -> datetime:
    try:
        return times.from_micros(micros).astimezone(tz).replace(tzinfo=None)
    except OverflowError:
        return datetime.min if micros < 0 else datetime.max


def _events(number: int) -> str:
    return f"{number:,} event" + ("" if number == 1 else "s")


def _one(cut: Buckets) -> str:
    step = str(cut.step)
    return step if step[0].isdigit() else f"{'an' if step == 'hour' else 'a'} {step}"


def _legend(red: int, before: bool) -> list[list[str]]:
    shown = [["", "all others"], ["red", f"failed or cancelled, {red:,}"]] if red else []
    return [*shown, *([["before", "the period before"]] if before else [])]


def _title(cut: Buckets, starts: Sequence[datetime], number: int, n: int, red: int, before: int | None) -> str:
    start, end = starts[number], starts[number + 1]
    unit = cut.step.unit
    if unit in ("minute", "hour"):
        when = f"{wall_day(start)} {start:%H:%M} – {end:%H:%M}"
    elif unit == "day":
        when = f"{start:%A} {wall_day(start)}"
    elif unit == "year" and cut.step.count == 1:
        when = f"{start.year}"
    else:
        when = f"{wall_day(start)} – {wall_day(end - timedelta(days=1))}"
    red_part = f", {red:,} failed or cancelled" if red else ""
    return f"{when}: {_events(n)}{red_part}" + (f"; {before:,} in the period before" if before is not None else "")


def _ticks(cut: Buckets, starts: Sequence[datetime]) -> list[tuple[float, str]]:
    """A few labels under the bars: at the first bar of a day, month or year, else at regular places."""
    count = len(cut)
    unit = cut.step.unit
    if unit in ("minute", "hour"):
        turns = [number for number in range(count) if number == 0 or starts[number].date() != starts[number - 1].date()]
        if len(turns) < 3:
            return [(number / count, f"{starts[number]:%H:%M}") for number in range(0, count, max(1, -(-count // _TICKS)))]
        return [(number / count, f"{starts[number]:%a} {starts[number].day}") for number in turns[:: max(1, -(-len(turns) // _TICKS))]]
    form = {"day": "%d %b", "week": "%d %b", "month": "%b %Y", "year": "%Y"}[unit]
    return [(number / count, starts[number].strftime(form).lstrip("0")) for number in range(0, count, max(1, -(-count // _TICKS)))]


def _label(facet: Facet, value: str | None, name_of: Callable[[str], str | None]) -> str:
    if value is None:
        return "none recorded"
    match facet.parameter:
        case "action":
            return shown_line(vocabulary.action(value).label, 120)
        case "actor":
            return shown_line(name_of(value) or short_id(value), 120)
        case "type":
            return shown_line(vocabulary.resource_label(value), 120)
    return shown_line(vocabulary.OUTCOMES.get(value, value), 120)
