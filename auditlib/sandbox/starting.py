"""A view as SQL over `events`, for people to read and go on from: the same events, in the same order.

A condition that an event without a value does not meet stays unknown in SQL; `IS NOT TRUE` is therefore the complement that
the view means.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from auditlib.text import parted
from auditlib.times import from_micros
from auditlib.view import View
from auditlib.view.predicates import And, AnyOf, Between, Contains, InNetwork, Not, Or, Predicate, Touches

SHOWN: Final = ("occurred_at", "actor_name", "action", "resource_type", "resource_id", "summary", "event_id")

_LISTS: Final = {"changes": "changed_fields(changes)", "related": "related_ids(related)"}
_ORDERS: Final = {
    "newest": "occurred_at DESC NULLS LAST, event_id DESC",
    "oldest": "occurred_at NULLS LAST, event_id",
}


def starting_sql(view: View) -> str:
    """One SELECT that gives the view's matches, whatever its page."""
    return f"SELECT {', '.join(SHOWN)}\nFROM events\nWHERE {conditions(view)}\nORDER BY {_ORDERS[view.order]}"


def conditions(view: View) -> str:
    """What stands behind WHERE for the view's matches, a line for each condition."""
    return "\n  AND ".join(_condition(part) for part in view.predicate().parts)


def instant(micros: int) -> str:
    """An instant in microseconds UTC as SQL writes it; whole seconds, as bounds of a range are."""
    return f"TIMESTAMPTZ '{from_micros(micros):%Y-%m-%d %H:%M:%S}+00'"


def _condition(predicate: Predicate) -> str:
    match predicate:
        case AnyOf(column, (value,)):
            return f"{column} = {_text(value)}"
        case AnyOf(column, values):
            return f"{column} IN ({_texts(values)})"
        case Contains("resource_type", needle):
            folded = "contains(fold(resource_type), {0}) OR contains(fold(resource_label(resource_type)), {0})"
            return f"({folded.format(_text(needle))})"
        case Contains(column, needle):
            return f"contains(fold({column}), {_text(needle)})"
        case Between(start, end):
            return f"occurred_at >= {instant(start)} AND occurred_at < {instant(end)}"
        case InNetwork(values):
            return _joined((f"in_network(ip, {_text(value)})" for value in values), "OR")
        case Touches(column, (value,)):
            return f"list_contains({_LISTS[column]}, {_text(value)})"
        case Touches(column, values):
            return f"list_has_any({_LISTS[column]}, [{_texts(values)}])"
        case Not(AnyOf(column, (value,))):
            return f"{column} IS DISTINCT FROM {_text(value)}"
        case Not(part):
            return f"({_condition(part)}) IS NOT TRUE"
        case And(parts):
            return _joined(map(_condition, parts), "AND") if parts else "true"
        case Or(parts):
            return _joined(map(_condition, parts), "OR") if parts else "false"


def _joined(conditions: Iterable[str], word: str) -> str:
    several = list(conditions)
    return several[0] if len(several) == 1 else f"({f' {word} '.join(several)})"


def _texts(values: Iterable[str]) -> str:
    return ", ".join(map(_text, values))


def _text(value: str) -> str:
    """A text as SQL writes it; a character that cannot be seen by its number, so that nothing in the query is hidden."""
    pieces = parted(value)
    written = [f"chr({ord(piece)})" if place % 2 else _quoted(piece) for place, piece in enumerate(pieces) if piece]
    return " || ".join(written) or "''"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
