"""Charts of the ready questions and of any two columns, as Vega-Lite specifications: readable without colour, every value written out.

Names from data only ever stand in values of fields that are named here, and in titles of axes: Vega draws both as text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from auditlib import vocabulary
from auditlib.lookalikes import tags
from auditlib.text import shown_line

Spec = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

MOST_LINES: Final = 20
MOST_COLUMNS: Final = 31
MOST_LETTERS: Final = 100
"""How many letters stand above the columns of a grid in one line."""
_GREY: Final = "#868E9A"
_INK: Final = {"light": "#1A1D23", "dark": "#E8EAED"}
_LABELS: Final = {"light": "#4B525D", "dark": "#B0B7C1"}
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_UNKNOWN: Final = "none recorded"
_OF_EVERY_OBJECT: Final = frozenset(
    ("__proto__", "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf")
)
"""Values under which Vega finds what every object of JavaScript has, and then draws nothing; they stand in quotes."""


def chart(key: str, rows: Rows, by: str, per: str, theme: str) -> Spec | None:
    """The chart of a ready question's answer; None where there is nothing to draw."""
    spec = _CHARTS[key](rows, by, per, _INK.get(theme, _INK["light"])) if rows else None
    return spec and spec | {"config": {"axis": {"labelColor": _LABELS.get(theme, _LABELS["light"])}}}


def two_columns(kind: str, x: Sequence[Any], y: Sequence[Any], names: tuple[str, str]) -> Spec | None:
    """Bars or a line of two columns of an answer, in its order; None where the second holds no number."""
    values = [{"x": _name(left), "y": right} for left, right in zip(x, y, strict=True) if isinstance(right, int | float)]
    if not values:
        return None
    horizontal, vertical = (shown_line(name, 60) for name in names)
    mark: Spec = {"type": "line", "point": True} if kind == "line" else {"type": "bar"}
    return {
        "data": {"values": values},
        "height": 300,
        "mark": mark | {"color": _GREY},
        "encoding": {
            "x": {"field": "x", "type": "nominal", "sort": None, "title": horizontal, "axis": {"labelLimit": 110, "labelOverlap": True}},
            "y": {"field": "y", "type": "quantitative", "title": vertical},
            "tooltip": [{"field": "x", "title": "At"}, {"field": "y", "title": "Value", "format": ","}],
        },
    }


def _who(rows: Rows, by: str, per: str, ink: str) -> Spec:
    names = _names(rows, "actor_id", "actor")
    steps = sorted({row[per] for row in rows if row[per] is not None})[-MOST_COLUMNS:]
    written: dict[object, str] = {step: _step(step, per) for step in steps} | {None: "unknown time"}
    pairs = list(dict.fromkeys((row["actor_id"], row["action"]) for row in rows))[:MOST_LINES]
    labels = {pair: f"{names[pair[0]]} · {_action(pair[1])}" for pair in pairs}
    cells = [
        (labels[pair], written[row[per]], row["events"])
        for row in rows
        if (pair := (row["actor_id"], row["action"])) in labels and row[per] in written
    ]
    unknown = [written[None]] if any(column == written[None] for _, column, _ in cells) else []
    return _matrix(cells, list(labels.values()), [*(written[each] for each in steps), *unknown], ink)


def _pivot(rows: Rows, by: str, per: str, ink: str) -> Spec:
    names = _names(rows, "actor_id", "actor")
    people = list(dict.fromkeys(row["actor_id"] for row in rows))[:MOST_LINES]
    often = Counter[str]()
    for row in rows:
        often[row["action"]] += row["events"]
    actions = [action for action, _ in often.most_common(15)]
    cells = [
        (names[row["actor_id"]], _action(row["action"]), row["events"])
        for row in rows
        if row["actor_id"] in people and row["action"] in actions
    ]
    return _matrix(cells, [names[each] for each in people], [_action(each) for each in actions], ink)


def _hours(rows: Rows, by: str, per: str, ink: str) -> Spec | None:
    cells = [(_WEEKDAYS[row["weekday"] - 1], f"{row['hour']:02d}", row["events"]) for row in rows if row["weekday"] is not None]
    return _matrix(cells, list(_WEEKDAYS), [f"{hour:02d}" for hour in range(24)], ink) if cells else None


def _movers(rows: Rows, by: str, per: str, ink: str) -> Spec:
    names = _named(rows, by)
    values = [
        {
            "line": name,
            "now": row["this_period"],
            "before": row["period_before"],
            "words": f"{row['period_before']:,} → {row['this_period']:,} ({row['change']:+,})",
            "end": max(row["this_period"], row["period_before"]),
        }
        for name, row in zip(names, rows[:MOST_LINES], strict=False)
    ]
    line = _line([value["line"] for value in values])
    tip = [{"field": "line", "title": "What"}, {"field": "words", "title": "Before and now"}]
    return {
        "data": {"values": values},
        "height": {"step": 26},
        "encoding": {"y": line, "tooltip": tip},
        "layer": [
            {"mark": {"type": "bar", "color": _GREY, "opacity": 0.6}, "encoding": {"x": {"field": "now", **_AMOUNT}}},
            {"mark": {"type": "tick", "color": ink, "thickness": 2, "size": 18}, "encoding": {"x": {"field": "before", **_AMOUNT}}},
            _words("words", "end", ink),
        ],
    }


def _seen(rows: Rows, by: str, per: str, ink: str) -> Spec | None:
    known = [(name, row) for name, row in zip(_named(rows, by), rows, strict=False) if row["first_seen"] is not None]
    values = [
        {
            "line": name,
            "first": row["first_seen"].isoformat(),
            "last": row["last_seen"].isoformat(),
            "words": f"{row['events']:,}",
            "when": f"{row['first_seen']:%Y-%m-%d %H:%M} – {row['last_seen']:%Y-%m-%d %H:%M} UTC",
        }
        for name, row in known
    ]
    if not values:
        return None
    days = (max(row["last_seen"] for _, row in known) - min(row["first_seen"] for _, row in known)).days
    axis = {"title": "UTC", "grid": True, "labelOverlap": True, "format": "%d %b %Y" if days > 4 else "%d %b %H:%M"}
    scale = {"type": "temporal", "scale": {"type": "utc"}, "axis": axis}
    tip = [{"field": "line", "title": "What"}, {"field": "when", "title": "First and last"}, {"field": "words", "title": "Events"}]
    ends: Spec = {"type": "point", "filled": True, "size": 45, "color": ink, "opacity": 1}
    return {
        "data": {"values": values},
        "height": {"step": 26},
        "encoding": {"y": _line([value["line"] for value in values]), "tooltip": tip},
        "layer": [
            {
                "mark": {"type": "bar", "height": 4, "color": _GREY},
                "encoding": {"x": {"field": "first", **scale}, "x2": {"field": "last"}},
            },
            {"mark": ends | {"shape": "circle"}, "encoding": {"x": {"field": "first", **scale}}},
            {"mark": ends | {"shape": "square"}, "encoding": {"x": {"field": "last", **scale}}},
            _words("words", "last", ink, **scale),
        ],
    }


def _rare(rows: Rows, by: str, per: str, ink: str) -> Spec:
    values = [
        {"line": name, "events": row["events"], "words": f"{row['events']:,}"} for name, row in zip(_named(rows, by), rows, strict=False)
    ]
    tip = [{"field": "line", "title": "What"}, {"field": "words", "title": "Events"}]
    return {
        "data": {"values": values},
        "height": {"step": 26},
        "encoding": {"y": _line([value["line"] for value in values]), "tooltip": tip},
        "layer": [
            {"mark": {"type": "bar", "color": _GREY, "opacity": 0.6}, "encoding": {"x": {"field": "events", **_AMOUNT}}},
            _words("words", "events", ink),
        ],
    }


_AMOUNT: Final[Spec] = {"type": "quantitative", "axis": {"title": None, "tickMinStep": 1, "format": "~s"}}
_CHARTS: Final[Mapping[str, Callable[[Rows, str, str, str], Spec | None]]] = {
    "who": _who, "pivot": _pivot, "hours": _hours, "movers": _movers, "seen": _seen, "rare": _rare,
}  # fmt: skip


def _matrix(cells: Sequence[tuple[str, str, int]], lines: Sequence[str], columns: Sequence[str], ink: str) -> Spec:
    """A grid of numbers, the darker the more."""
    values = [{"line": line, "column": column, "events": events, "words": _short(events)} for line, column, events in cells]
    tip = [{"field": "line", "title": "What"}, {"field": "column", "title": "When or which"}, {"field": "events", "format": ","}]
    shade = {"field": "events", "type": "quantitative", "scale": {"type": "sqrt", "range": [0.12, 0.6]}, "legend": None}
    is_flat = len(columns) * (max(map(len, columns), default=0) + 2) < MOST_LETTERS
    axis = {"title": None, "orient": "top", "labelAngle": 0 if is_flat else -40, "labelOverlap": False, "labelLimit": 130}
    column = {
        "field": "column",
        "type": "nominal",
        "sort": list(columns),
        "scale": {"domain": list(columns)},
        "axis": axis | {"labelFontSize": 12},
    }
    return {
        "data": {"values": values},
        "height": {"step": 26},
        "encoding": {"y": _line(lines), "x": column, "tooltip": tip},
        "layer": [
            {"mark": {"type": "rect", "color": _GREY, "cornerRadius": 2}, "encoding": {"opacity": shade}},
            {"mark": {"type": "text", "color": ink, "fontSize": 11}, "encoding": {"text": {"field": "words"}}},
        ],
    }


def _line(lines: Sequence[str]) -> Spec:
    domain = list(lines)
    axis = {"title": None, "labelLimit": 230, "labelFontSize": 12, "labelFlush": False}
    return {"field": "line", "type": "nominal", "sort": domain, "scale": {"domain": domain}, "axis": axis}


def _words(field: str, at: str, ink: str, **scale: Any) -> Spec:
    mark = {"type": "text", "align": "left", "dx": 8, "color": ink, "fontSize": 11}
    return {"mark": mark, "encoding": {"text": {"field": field}, "x": {"field": at, **(scale or _AMOUNT)}}}


def _named(rows: Rows, by: str) -> list[str]:
    """What each of the first rows stands for, each name once."""
    shown = rows[:MOST_LINES]
    match by:
        case "actor":
            names = _names(shown, "actor_id", "actor")
            return [names[row["actor_id"]] for row in shown]
        case "action":
            return [_action(row["action"]) for row in shown]
        case "type":
            return [_name(row["resource_type"]) for row in shown]
    return [_name(row["ip"]) for row in shown]


def _names(rows: Rows, key: str, name: str) -> dict[Any, str]:
    """A name for each id: the recorded one, with the id where several read the same, and letters that may mislead."""
    found: dict[Any, str] = {}
    for row in rows:
        found[row[key]] = max(found.get(row[key], ""), row[name] or "")
    told_apart = tags((each or "", called) for each, called in found.items() if called)

    def shown(each: Any, called: str) -> str:
        tag = told_apart.get((each or "", called))
        return f"{shown_line(called, 40)} ({shown_line(tag, 40)})" if tag else _name(called or each)

    return {each: shown(each, called) for each, called in found.items()}


def _name(value: object) -> str:
    shown = _UNKNOWN if value in (None, "") else shown_line(str(value), 60)
    return f'"{shown}"' if shown in _OF_EVERY_OBJECT else shown


def _action(key: str) -> str:
    return _name(vocabulary.action(key).label)


def _step(first: date, per: str) -> str:
    """The words above a column that begins at a day."""
    last = first + timedelta(days=6)
    match per:
        case "month":
            return f"{first:%b %Y}"
        case "week":
            return f"{first.day}{'' if first.month == last.month else f' {first:%b}'} – {last.day} {last:%b}"
    return f"{first.day} {first:%b}"


def _short(number: int) -> str:
    return f"{number:,}" if number < 10_000 else f"{number / 1_000:,.0f}k" if number < 10_000_000 else f"{number / 1_000_000:,.0f}M"
