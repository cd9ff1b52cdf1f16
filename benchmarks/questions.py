"""The questions every engine is asked, as links, and how raw Parquet is asked the same in plain SQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb

from auditlib.engine.base import Engine
from auditlib.engine.duckdb.translate import types_with
from auditlib.text import fold
from auditlib.view import View
from auditlib.view.predicates import And, AnyOf, Between, Contains, Not, Or, Predicate

PAGES: Final = {
    "first page": "",
    "a page in the middle": "page={middle}",
    "last page": "page=999999999",
    "oldest first, in the middle": "order=oldest&page={middle}",
    "one action": "action=cancelled",
    "one action, page 201": "action=cancelled&page=201",
    "all but one action": "action=!updated",
    "one action in 90 days": "action=updated&from=2026-06-01&to=2026-08-29&tz=Europe/Berlin",
    "one candidate": "candidate=C100007",
    "one team member": "tab=team&member=U1007",
    "search: common word": "q=recording",
    "search: part of a name": "q=hans",
    "search: rare part of an id": "q=7f3a9c",
    "search: no match": "q=zzzzqq",
    "network": "ip=203.0.113.0/24",
    "changed field": "changed=status",
    "three filters and search, page 20": "q=a&action=updated&outcome=success&changed=slot&page=20",
}


def ask_page(engine: Engine, view: View) -> int:
    """Asks for a page as the table shows it, and for the exact total; returns the total."""
    return engine.page(view).total


def parquet_asker(store: Path) -> Callable[[View], int]:
    """How the same is asked of the snapshot files directly, by one SQL query for the page and one for the total."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{store}/data/*.parquet')")

    def ask(view: View) -> int:
        condition, parameters = _sql(And(view.predicate().parts))
        total = int(connection.execute(f"SELECT count(*) FROM events WHERE {condition}", parameters).fetchall()[0][0])
        page = min(view.page, max(1, -(-total // view.rows)))
        way = "DESC" if view.order == "newest" else "ASC"
        connection.execute(
            "SELECT event_id, epoch_us(occurred_at), actor_name, action, resource_type, resource_id, summary FROM events "
            f"WHERE {condition} ORDER BY occurred_at {way} NULLS LAST, event_id {way} LIMIT {view.rows} OFFSET {(page - 1) * view.rows}",
            parameters,
        ).fetchall()
        return total

    return ask


def _sql(predicate: Predicate) -> tuple[str, list[object]]:
    match predicate:
        case AnyOf(column, values):
            return f"coalesce({column} IN ({', '.join('?' * len(values))}), false)", list(values)
        case Contains("resource_type", needle):
            types = types_with(
                needle, ("interview_booking", "video_session", "recording", "evaluation", "application", "candidate", "message")
            )
            return _sql(AnyOf("resource_type", tuple(types))) if types else ("false", [])
        case Contains(column, needle):
            return f"coalesce(contains(lower({column}), ?), false)", [fold(needle)]
        case Between(start, end):
            return "coalesce(epoch_us(occurred_at) >= ? AND epoch_us(occurred_at) < ?, false)", [start, end]
        case Not(part):
            condition, parameters = _sql(part)
            return f"NOT {condition}", parameters
        case And(parts) | Or(parts):
            word = " AND " if isinstance(predicate, And) else " OR "
            asked = [_sql(part) for part in parts]
            return f"({word.join(text for text, _ in asked)})", [value for _, values in asked for value in values]
        case _:
            raise NotImplementedError
