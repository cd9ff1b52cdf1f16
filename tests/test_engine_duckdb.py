"""The engine over DuckDB: its connection reaches no file, and it says so when too much is asked of it at once."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from auditlib.engine.duckdb import query
from auditlib.engine.duckdb.opening import open_engine
from auditlib.errors import EngineBusyError, EngineError
from auditlib.view import View

ALL = View(tab="team", rows=100)


def test_the_serving_connection_reaches_no_file_and_cannot_be_unlocked(store: Path) -> None:
    engine = open_engine(store)
    cursor = engine._connection.cursor()
    for statement in (
        f"SELECT * FROM read_parquet('{store}/data/day-0.parquet')",
        f"COPY events TO '{store}/out.csv'",
        f"ATTACH '{store}/other.db'",
        "SET enable_external_access = true",
        "SET threads = 1",
        "DELETE FROM events",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            cursor.execute(statement)
    assert cursor.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
    engine.close()
    with pytest.raises(EngineError, match="The question could not be answered"):
        engine.total(View(tab="team").having("q", "a"))


def test_too_many_questions_at_once_are_answered_with_busy(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "PATIENCE_SECONDS", 0.01)
    log = open_engine(store)
    slots = log._slots
    for _ in range(query.AT_ONCE):
        slots.acquire()
    for ask in (
        lambda: log.page(ALL),
        lambda: log.event("ev-000001"),
        lambda: log.facet(ALL, "action", limit=9),
        lambda: log.suggest("actor", "a", limit=9),
    ):
        with pytest.raises(EngineBusyError, match="Too many questions"):
            ask()
    slots.release()
    assert log.page(ALL).total == 9
    log.close()
