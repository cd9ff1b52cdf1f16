"""Predicate to SQL: the one place that knows how the algebra reads on the cache's tables.

Values travel as parameters only. A comparison with a missing value is false, never unknown, so that
`Not` is a plain complement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from auditlib.engine.addresses import numbers_in
from auditlib.engine.kinds import types_with
from auditlib.view.predicates import And, AnyOf, Between, Contains, InNetwork, Not, Or, Predicate, Touches

Sql = tuple[str, list[object]]

_DISTINCT: Final = {"actor_name": "actor_names", "resource_id": "resource_ids"}
_LISTS: Final = {"changes": "changed_fields", "related": "related_pairs"}


class Translator:
    """Predicates over one cache, whose distinct resource types and addresses it looks up when needed."""

    def __init__(self, resource_types: Iterable[str], addresses: Callable[[], Iterable[str]]) -> None:
        self._types = tuple(resource_types)
        self._addresses = addresses

    def sql(self, predicate: Predicate) -> Sql:
        """The condition and its parameters."""
        match predicate:
            case AnyOf(column, values):
                return self._any_of(column, values)
            case Contains("resource_type", needle):
                return self._any_of("resource_type", types_with(needle, self._types))
            case Contains(column, needle):
                return f"coalesce({column} IN (SELECT value FROM {_DISTINCT[column]} WHERE contains(folded, ?)), false)", [needle]
            case Between(start, end):
                return "coalesce(occurred >= ? AND occurred < ?, false)", [start, end]
            case InNetwork(values):
                recorded = list(self._addresses())
                return self._any_of("ip", [recorded[number] for number in numbers_in(values, recorded)])
            case Touches(column, values):
                return f"coalesce(list_has_any({_LISTS[column]}, ?::VARCHAR[]), false)", [list(values)]
            case Not(part):
                condition, parameters = self.sql(part)
                return f"NOT {condition}", parameters
            case And(parts):
                return self._joined(parts, " AND ", "true")
            case Or(parts):
                return self._joined(parts, " OR ", "false")

    def _joined(self, parts: tuple[Predicate, ...], word: str, empty: str) -> Sql:
        if not parts:
            return empty, []
        translated = [self.sql(part) for part in parts]
        return f"({word.join(condition for condition, _ in translated)})", [value for _, values in translated for value in values]

    @staticmethod
    def _any_of(column: str, values: Iterable[str]) -> Sql:
        wanted = list(values)
        if not wanted:
            return "false", []
        if len(wanted) > 20:
            return f"coalesce({column} IN (SELECT unnest(?::VARCHAR[])), false)", [wanted]
        return f"coalesce({column} IN ({', '.join('?' * len(wanted))}), false)", [*wanted]
