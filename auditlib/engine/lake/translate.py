"""Predicate to Ibis expression: the one place that knows how the algebra reads on a lake table.

A comparison with a missing value is unknown, which a filter takes for false; `Not` alone has to be told so. Nothing else stands
around a comparison, so that an engine can skip what it need not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import ibis

from auditlib import times
from auditlib.engine.addresses import networks_of
from auditlib.engine.kinds import types_with
from auditlib.engine.lake.layout import number_key, period_of
from auditlib.engine.lake.ranks import Stretch
from auditlib.errors import EngineError
from auditlib.view.predicates import And, AnyOf, Between, Contains, InNetwork, Not, Or, Predicate, Touches

if TYPE_CHECKING:
    import ibis.expr.types as ir

_LISTS: Final = {"changes": "changed_text", "related": "related_text"}
_SEARCHED: Final = ("actor_name", "resource_id")
_MOST_PERIODS: Final = 100


class Translator:
    """Predicates over one table, whose resource types are known; `width` is that of its periods."""

    def __init__(self, table: ir.Table, resource_types: Iterable[str], width: int) -> None:
        self._table, self._width = table, width
        self._types = tuple(resource_types)

    def expression(self, predicate: Predicate) -> ir.BooleanValue:
        """The condition."""
        table = self._table
        match predicate:
            case AnyOf(column, values):
                return self._any_of(column, values)
            case Contains("resource_type", needle):
                return self._any_of("resource_type", types_with(needle, self._types))
            case Contains(column, _):
                raise EngineError(f"A lake searches {' and '.join(_SEARCHED)} together, not {column} alone", column=column)
            case Between(start, end):
                return self.between(start, end)
            case InNetwork(values):
                keys = table.ip_key
                ranges = (
                    keys.between(*(number_key(network.version, int(end)) for end in (network[0], network[-1])))
                    for network in networks_of(values)
                )
                return ibis.or_(self._any_of("ip", values), *ranges)
            case Touches(column, values):
                texts = table[_LISTS[column]]
                return ibis.or_(*(texts.contains(f"\n{value}\n") for value in values))
            case Not(part):
                return ~self.expression(part).fill_null(False)
            case And(parts):
                return ibis.and_(*(self.expression(part) for part in parts))
            case Or(parts):
                needles, rest = _searches(parts)
                searched = [table.search_text.contains(needle) for needle in needles]
                return ibis.or_(*searched, *(self.expression(part) for part in rest))

    def between(self, start: int, end: int) -> ir.BooleanValue:
        """Whether a known time lies in [start, end), microseconds UTC; names the periods too, so that other partitions are not read."""
        at, period = self._table.occurred_us, self._table.period
        first, last = (self._period(instant) for instant in (start, max(start, end - 1)))
        return ibis.and_(period >= first, period <= last, at >= start, at < end)

    def across(self, stretches: Sequence[Stretch]) -> ir.BooleanValue:
        """Whether a known time lies between the first and the last of some stretches, none longer than a day, which hold all that is
        asked for: what lies between two of them need not be read.
        """
        start, end = min(each.start for each in stretches), max(each.end for each in stretches)
        periods = {self._period(each.start) for each in stretches}
        if len(periods) > _MOST_PERIODS:
            return self.between(start, end)
        at = self._table.occurred_us
        return ibis.and_(self._table.period.isin(sorted(periods)), at >= start, at < end)

    def on_days(self, days: Iterable[str]) -> ir.BooleanValue:
        """Whether a day is one of some, in partitions that hold these."""
        wanted = sorted(set(days))
        periods = sorted({period_of(day, self._width) for day in wanted})
        return self._table.period.isin(periods) & self._table.day.isin(wanted)

    def _period(self, micros: int) -> str:
        inside = min(max(micros, times.FIRST_MICROS), times.LAST_MICROS)
        return period_of(times.from_micros(inside).date().isoformat(), self._width)

    def _any_of(self, column: str, values: Iterable[str]) -> ir.BooleanValue:
        wanted = list(values)
        return self._table[column].isin(wanted) if wanted else ibis.literal(False)


def _searches(parts: tuple[Predicate, ...]) -> tuple[list[str], list[Predicate]]:
    """The needles that both searched columns are asked for, and the parts that are none of these."""
    asked = {column: {part.needle for part in parts if isinstance(part, Contains) and part.column == column} for column in _SEARCHED}
    needles = set.intersection(*asked.values())
    rest = [part for part in parts if not (isinstance(part, Contains) and part.column in _SEARCHED and part.needle in needles)]
    return sorted(needles), rest
