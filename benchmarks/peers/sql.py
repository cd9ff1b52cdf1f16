"""Views in SQL: one translation for every peer that speaks it; what differs between them are a few methods."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, ClassVar

from auditlib.engine.base import facet_filters
from auditlib.engine.duckdb.translate import types_with
from auditlib.view import View
from auditlib.view.predicates import And, AnyOf, Between, Contains, InNetwork, Not, Or, Predicate, Touches
from auditlib.view.view import tab_predicate
from benchmarks.history import TYPES
from benchmarks.peers import LIMIT, PEOPLE
from benchmarks.peers.source import quoted


def people_sql(*kinds: str) -> str:
    """A query for the people of some kinds: id, how many events they are in, and what they are found by."""
    return " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, {kind}_id AS id, count(*) AS events, lower(max({kind}_name)) || '\n' || lower({kind}_id) AS known "
        f"FROM events WHERE {kind}_id IS NOT NULL GROUP BY {kind}_id"
        for kind in kinds
    )


class SqlPeer:
    """A table `events` with the columns of `source.py`; the questions hold no value that would need more than quotes."""

    keyset: ClassVar[bool] = False
    version = ""
    time = "micros"
    whole = "SELECT metadata, * FROM events WHERE event_id = {}"
    people = "({}) AS people"

    def rows(self, query: str) -> Sequence[Sequence[Any]]:
        """The rows of a query."""
        raise NotImplementedError

    # -- what differs -----------------------------------------------------------------------------

    def contains(self, column: str, needle: str) -> str:
        """The condition that a column contains a folded needle."""
        return f"contains(lower({column}), {quoted([needle])})"

    def touches(self, values: tuple[str, ...]) -> str:
        """The condition that `changes` name one of the fields."""
        return f"list_has_any(changed, [{quoted(values)}])"

    def inside(self, network: IPv4Network | IPv6Network) -> str:
        """The condition that the address lies in a network."""
        return f"ip_number BETWEEN {int(network.network_address)} AND {int(network.broadcast_address)}"

    def instant(self, micros: int) -> str:
        """A time, to be compared with the column of times."""
        return str(micros)

    def bucket(self, width: int) -> str:
        """The first microsecond of an event's bucket."""
        return f"micros // {width} * {width}"

    def order(self, view: View) -> str:
        """The log's order, or the reverse; unknown times last."""
        way = "DESC" if view.order == "newest" else "ASC"
        return f"{self.time} {way} NULLS LAST, event_id {way}"

    # -- what is the same -------------------------------------------------------------------------

    def total(self, view: View) -> int:
        return int(self.rows(f"SELECT count(*) FROM events WHERE {self._where(view)}")[0][0])

    def page(self, view: View) -> list[str]:
        offset = (view.page - 1) * view.rows
        return self._listed(f"{self._where(view)} ORDER BY {self.order(view)} LIMIT {view.rows} OFFSET {offset}")

    def after(self, view: View, micros: int, event_id: str) -> list[str]:
        known = f"({self.time}, event_id) < ({micros}, {quoted([event_id])})"
        return self._listed(f"{self._where(view)} AND {known} ORDER BY {self.order(view)} LIMIT {view.rows}")

    def facet(self, view: View, column: str) -> list[tuple[str | None, int]]:
        condition = self._where(view, ignoring=facet_filters(column))
        found = self.rows(
            f"SELECT {column}, count(*) AS n FROM events WHERE {condition} GROUP BY {column} "
            f"ORDER BY n DESC, {column} NULLS LAST LIMIT {LIMIT}"
        )
        return [(value, int(count)) for value, count in found]

    def histogram(self, view: View, minutes: int) -> list[tuple[int, int]]:
        bucket = self.bucket(minutes * 60_000_000)
        condition = f"{self._where(view)} AND micros IS NOT NULL"
        found = self.rows(f"SELECT {bucket} AS bucket, count(*) AS n FROM events WHERE {condition} GROUP BY bucket ORDER BY bucket")
        return [(int(start), int(count)) for start, count in found]

    def suggest(self, kind: str, text: str) -> list[tuple[str, int]]:
        people = self.people.format(people_sql(kind))
        first, word, anywhere = (quoted([f"{before}{text}%"]) for before in ("", "% ", "%"))
        found = self.rows(
            f"SELECT id, events FROM {people} WHERE kind = '{kind}' AND known LIKE {anywhere} "
            f"ORDER BY known LIKE {first} DESC, known LIKE {word} DESC, events DESC, id LIMIT {PEOPLE}"
        )
        return [(person, int(count)) for person, count in found]

    def event(self, event_id: str) -> str:
        return str(self.rows(self.whole.format(quoted([event_id])))[0][0])

    def forget(self) -> None:
        """Nothing is kept here; what the system keeps in memory stays."""

    def _listed(self, rest: str) -> list[str]:
        columns = "event_id, micros, actor_id, actor_name, action, outcome, resource_type, resource_id, summary"
        return [row[0] for row in self.rows(f"SELECT {columns} FROM events WHERE {rest}")]

    def _where(self, view: View, *, ignoring: Sequence[str] = ()) -> str:
        parts = [part for part in view.predicate(ignoring=ignoring).parts if part != tab_predicate(view.tab)]
        return " AND ".join([view.tab, *map(self._condition, parts)])

    def _condition(self, predicate: Predicate) -> str:
        match predicate:
            case AnyOf(column, values):
                return f"{column} IN ({quoted(values)})" if values else "false"
            case Contains("resource_type", needle):
                return self._condition(AnyOf("resource_type", tuple(types_with(needle, TYPES))))
            case Contains(column, needle):
                return self.contains(column, needle)
            case Between(start, end):
                return f"{self.time} >= {self.instant(start)} AND {self.time} < {self.instant(end)}"
            case InNetwork(values):
                return f"({' OR '.join(self.inside(ip_network(value)) for value in values)})"
            case Touches(_, values):
                return self.touches(values)
            case Not(part):
                return f"NOT coalesce({self._condition(part)}, false)"
            case And(parts):
                return f"({' AND '.join(map(self._condition, parts))})"
            case Or(parts):
                possible = [condition for part in parts if (condition := self._condition(part)) != "false"]
                return f"({' OR '.join(possible)})" if possible else "false"
