"""Naive DuckDB: one table of everything, asked in plain SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from benchmarks.peers.source import events_sql
from benchmarks.peers.sql import SqlPeer


class Naive(SqlPeer):
    title = "naive DuckDB"
    setup = "one table in a file, events in the order of time, no index; a page is ORDER BY, LIMIT, OFFSET."
    version = duckdb.__version__
    whole = "SELECT metadata, * EXCLUDE (occurred_at, recorded_at) FROM events WHERE event_id = {}"

    def load(self, store: Path, folder: Path) -> None:
        self._connection = duckdb.connect(str(folder / "events.duckdb"))
        self._connection.execute("SET TimeZone = 'UTC'")
        self._make(store)

    def _make(self, store: Path) -> None:
        self._connection.execute(f"CREATE TABLE events AS {events_sql(store)}")
        self._connection.execute("CHECKPOINT")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def close(self) -> None:
        self._connection.close()


PEER = Naive
