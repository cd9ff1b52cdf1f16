"""The engine over DuckDB: its connection reaches no file, and it says so when too much is asked of it at once."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import duckdb
import pytest

from auditlib.engine.duckdb.opening import open_engine
from auditlib.engine.turns import Turns, asking
from auditlib.errors import EngineBusyError, EngineError, SupersededError
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


def test_too_many_questions_at_once_are_answered_with_busy(store: Path) -> None:
    log = open_engine(store)
    log._turns = Turns(at_once=1, patience=0.01)
    with log._turns.turn():
        for ask in (
            lambda: log.page(ALL),
            lambda: log.event("ev-000001"),
            lambda: log.facet(ALL, "action", limit=9),
            lambda: log.suggest("actor", "a", limit=9),
        ):
            with pytest.raises(EngineBusyError, match="Too many questions"):
                ask()
    assert log.page(ALL).total == 9
    log.close()


def test_a_question_that_nobody_waits_for_is_interrupted(store: Path) -> None:
    log = open_engine(store)
    started = monotonic()
    with asking("page", lambda: monotonic() < started + 0.2), pytest.raises(SupersededError):
        log._rows("SELECT count(*) FROM range(1_000_000_000_000)")
    assert log.page(ALL).total == 9
    log.close()
