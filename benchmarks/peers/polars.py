"""Polars: the files of the store, scanned lazily for each question."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from ipaddress import ip_network
from operator import and_, or_
from pathlib import Path
from typing import Final

import polars as pl

from auditlib.engine.base import facet_filters
from auditlib.engine.duckdb.translate import types_with
from auditlib.view import View
from auditlib.view.predicates import And, AnyOf, Between, Contains, InNetwork, Not, Or, Predicate, Touches
from benchmarks.history import TYPES
from benchmarks.peers import LIMIT, PEOPLE
from benchmarks.peers.source import prefix

_LISTED: Final = ("event_id", "occurred_at", "actor_id", "actor_name", "action", "outcome", "resource_type", "resource_id", "summary")
_MICROS: Final = pl.col("occurred_at").dt.epoch("us")


class Polars:
    title = "Polars"
    setup = "the store's own files, scanned lazily and collected by the streaming engine; nothing is loaded."
    version = pl.__version__
    keyset = False

    def load(self, store: Path, folder: Path) -> None:
        self._events = pl.scan_parquet(f"{store}/data/*.parquet")

    def total(self, view: View) -> int:
        return int(self._collected(self._matching(view).select(pl.len())).item())

    def page(self, view: View) -> list[str]:
        newest = view.order == "newest"
        ordered = self._matching(view).select(_LISTED).sort("occurred_at", "event_id", descending=newest, nulls_last=True)
        return self._collected(ordered.slice((view.page - 1) * view.rows, view.rows))["event_id"].to_list()

    def after(self, view: View, micros: int, event_id: str) -> list[str]:
        raise NotImplementedError

    def facet(self, view: View, column: str) -> list[tuple[str | None, int]]:
        counted = self._matching(view, ignoring=facet_filters(column)).group_by(column).len()
        ranked = counted.sort("len", column, descending=[True, False], nulls_last=True).head(LIMIT)
        return self._collected(ranked).rows()

    def histogram(self, view: View, minutes: int) -> list[tuple[int, int]]:
        width = minutes * 60_000_000
        known = self._matching(view).filter(pl.col("occurred_at").is_not_null())
        return self._collected(known.group_by((_MICROS // width * width).alias("start")).len().sort("start")).rows()

    def suggest(self, kind: str, text: str) -> list[tuple[str, int]]:
        name, person = f"{kind}_name", f"{kind}_id"
        people = self._events.filter(pl.col(person).is_not_null()).group_by(person).agg(pl.col(name).max(), pl.len())
        known = (pl.col(name) + "\n" + pl.col(person)).str.to_lowercase()
        ranks = [known.str.starts_with(text), known.str.contains(f" {text}", literal=True), pl.col("len")]
        found = people.filter(known.str.contains(text, literal=True)).sort(*ranks, person, descending=[True, True, True, False])
        return self._collected(found.head(PEOPLE).select(person, "len")).rows()

    def event(self, event_id: str) -> str:
        return str(self._collected(self._events.filter(pl.col("event_id") == event_id))["metadata"].item())

    def forget(self) -> None:
        """Nothing is kept here."""

    def close(self) -> None:
        """Nothing runs for it."""

    @staticmethod
    def _collected(frame: pl.LazyFrame) -> pl.DataFrame:
        return frame.collect(engine="streaming")

    def _matching(self, view: View, *, ignoring: Sequence[str] = ()) -> pl.LazyFrame:
        return self._events.filter(self._condition(view.predicate(ignoring=ignoring)))

    def _condition(self, predicate: Predicate) -> pl.Expr:
        match predicate:
            case AnyOf(column, values):
                return pl.col(column).is_in(list(values))
            case Contains("resource_type", needle):
                return self._condition(AnyOf("resource_type", tuple(types_with(needle, TYPES))))
            case Contains(column, needle):
                return pl.col(column).str.to_lowercase().str.contains(needle, literal=True)
            case Between(start, end):
                return pl.col("occurred_at").is_between(_instant(start), _instant(end), closed="left")
            case InNetwork(values):
                return reduce(or_, [pl.col("ip").str.starts_with(prefix(ip_network(value))) for value in values])
            case Touches(column, values):
                named = [pl.col(column).str.contains(f'"field":"{value}"', literal=True) for value in values]
                return reduce(or_, named)
            case Not(part):
                return ~self._condition(part).fill_null(False)
            case And(parts):
                return reduce(and_, map(self._condition, parts))
            case Or(parts):
                return reduce(or_, map(self._condition, parts))


def _instant(micros: int) -> pl.Expr:
    return pl.lit(micros).cast(pl.Datetime("us", "UTC"))


PEER = Polars
