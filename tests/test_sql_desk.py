"""The SQL desk: the events of the page, asked in SQL, by people who do not get in each other's way."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import ENGINES, opener
from events import batch, event, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_events import publish_odd
from reference import Reference
from stores import flip
from test_engine_answers import Case

from auditlib import metadata
from auditlib.access.principal import Principal
from auditlib.errors import (
    AccessDeniedError,
    CacheError,
    EngineBusyError,
    QueryError,
    QueryRefusedError,
    QueryStoppedError,
    QueryTimeoutError,
)
from auditlib.log import AuditLog, open_log
from auditlib.sandbox import database, desk, pool
from auditlib.sandbox.allowed import OWN, SCALAR, TABLE
from auditlib.sandbox.gate import DEEPEST, LONGEST_TEXT, check_statement
from auditlib.sandbox.question import LONGEST_TIMEOUT, MAX_BYTES, MAX_COLUMNS, MAX_ROWS, TIMEOUT
from auditlib.sandbox.starting import SHOWN, starting_sql
from auditlib.schema import COLUMNS, SCHEMA
from auditlib.store import publish
from auditlib.times import write_utc
from auditlib.view import View

ROOT = Path(__file__).resolve().parents[1]
ALL = "SELECT * FROM events ORDER BY occurred_at DESC NULLS LAST, event_id DESC"
ENDLESS = "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))"
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.fixture(scope="module", params=["demo", "odd"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    store = request.getfixturevalue("demo_store") if request.param == "demo" else publish_odd(tmp_path_factory.mktemp("odd") / "store")
    log = open_log(store)
    yield Case(log, Reference(store))
    log.close()


def column(log: AuditLog, text: str, **options: Any) -> list[Any]:
    return list(log.sql(text, **options).table.column(0).to_pylist())


# -- the events --------------------------------------------------------------------------------------


def test_the_events_are_those_that_are_served_in_every_column(case: Case) -> None:
    result = case.log.sql(ALL)
    assert result.table.schema.names == list(COLUMNS)
    assert [field.type for field in result.table.schema] == [field.type for field in SCHEMA]
    assert result.table.to_pylist() == [{name: each[name] for name in COLUMNS} for each in case.reference.events]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_serves_the_same_events_in_sql(engine: str, odd_log: Callable[[str], AuditLog]) -> None:
    log = odd_log(engine)
    assert column(log, "SELECT count(*) FROM events") == [log.head.events]


@pytest.fixture
def odd_log(tmp_path: Path, cache: Path) -> Iterator[Callable[[str], AuditLog]]:
    store, opened = publish_odd(tmp_path / "odd"), []

    def open_with(engine: str) -> AuditLog:
        opened.append(opener(engine)(store))
        return opened[-1]

    yield open_with
    for log in opened:
        log.close()


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
def test_a_view_as_sql_gives_the_matches_of_the_view_in_its_order(case: Case, data: st.DataObject) -> None:
    view = data.draw(case.views())
    text = starting_sql(view)
    expected = [each["event_id"] for each in case.reference.matches(view)]
    assert column(case.log, f"SELECT event_id FROM ({text})") == expected
    assert case.log.total(view) == len(expected)


def test_a_view_as_sql_reads_as_a_person_would_write_it() -> None:
    view = View.from_link("tab=team&action=!viewed&changed=status&ip=10.0.0.0/8&from=2026-11-12&to=2026-11-19&tz=Asia/Kolkata&order=oldest")
    assert starting_sql(view) == (
        f"SELECT {', '.join(SHOWN)}\n"
        "FROM events\n"
        "WHERE (actor_role IN ('member', 'campaign_manager') OR "
        "(resource_type IN ('interview_booking', 'video_session', 'recording', 'evaluation')) IS NOT TRUE)\n"
        "  AND action IS DISTINCT FROM 'viewed'\n"
        "  AND in_network(ip, '10.0.0.0/8')\n"
        "  AND list_contains(changed_fields(changes), 'status')\n"
        "  AND occurred_at >= TIMESTAMPTZ '2026-11-11 18:30:00+00' AND occurred_at < TIMESTAMPTZ '2026-11-19 18:30:00+00'\n"
        "ORDER BY occurred_at NULLS LAST, event_id"
    )


def test_a_character_that_cannot_be_seen_stands_by_its_number_in_sql() -> None:
    written = starting_sql(View().having("actor", "O'Neil\u202e\u200bx").having("related", "booking:\u00ad"))
    assert "actor_id = 'O''Neil' || chr(8238) || chr(8203) || 'x'" in written
    assert "list_contains(related_ids(related), 'booking:' || chr(173))" in written


def test_times_are_in_utc_whatever_the_machine_says(demo_log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    assert column(demo_log, "SELECT strftime(TIMESTAMPTZ '2026-11-01 00:00:00+00', '%H:%M %Z')") == ["00:00 UTC"]
    assert column(demo_log, "SELECT hour(TIMESTAMPTZ '2026-11-01 00:00:00+00' AT TIME ZONE 'Asia/Kolkata')") == [5]


# -- parameters and results --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["O'Brien; DROP TABLE events", "%_", "", 7, -1.5, True, None, Decimal("1.50"), datetime(2026, 11, 1, 9, tzinfo=UTC), timedelta(days=1)],
)
def test_a_parameter_is_a_value_and_never_sql(demo_log: AuditLog, value: object) -> None:
    (found,) = column(demo_log, "SELECT $given AS given", parameters={"given": value})
    assert found == value or (isinstance(value, timedelta) and found.days == 1)


def test_parameters_are_compared_with_columns(demo_log: AuditLog) -> None:
    since = datetime(2026, 11, 1, tzinfo=UTC)
    text = "SELECT count(*) FROM events WHERE action = $action AND occurred_at >= $since AND resource_type IN (SELECT unnest($types))"
    (found,) = column(demo_log, text, parameters={"action": "updated", "since": since, "types": ["application", "workflow"]})
    view = View.from_link("tab=team&action=updated&type=application&type=workflow&from=2026-11-01&to=9000-01-01&tz=UTC")
    assert found == demo_log.total(view) > 0


def test_a_parameter_that_is_no_plain_value_is_refused(demo_log: AuditLog) -> None:
    with pytest.raises(QueryRefusedError, match="The parameter x is of type object: expected a plain value"):
        demo_log.sql("SELECT $x", parameters={"x": object()})
    with pytest.raises(QueryRefusedError, match="more than 4,194,304 bytes"):
        demo_log.sql("SELECT $x", parameters={"x": "x" * (5 << 20)})


def test_what_is_cut_off_is_said(demo_log: AuditLog) -> None:
    few = demo_log.sql("SELECT event_id FROM events", max_rows=10)
    assert (len(few), few.truncated) == (10, "Truncated: only the first 10 rows are here.")
    exact = demo_log.sql("SELECT event_id FROM events LIMIT 10", max_rows=10)
    assert (len(exact), exact.truncated) == (10, "")
    result = demo_log.sql("SELECT repeat('x', 1000000) AS x FROM range(300)")
    assert 0 < len(result) < 68
    assert result.truncated == "Truncated: only the first rows are here, which fill 64 MiB."


def test_a_result_draws_itself_in_a_notebook_as_text(demo_log: AuditLog) -> None:
    result = demo_log.sql(
        "SELECT '<script>alert(1)</script>' AS \"<b>\", NULL AS n, TIMESTAMPTZ '2026-11-01 09:00:00+00' AS at FROM range(30)"
    )
    drawn = result._repr_html_()
    assert result.columns == ("<b>", "n", "at")
    assert "<script>" not in drawn
    assert "<b>" not in drawn
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in drawn
    assert "<td><i>null</i></td><td>2026-11-01 09:00:00+00:00</td>" in drawn
    assert drawn.count("<tr>") == 21
    assert "The first 20 of 30 rows" in drawn


def test_an_error_says_what_is_wrong_and_what_there_is(demo_log: AuditLog) -> None:
    for text, sentence in {
        "SELECT actr FROM events": r'^The query failed: Referenced column "actr" not found in FROM clause! Candidate bindings: "actor_id"',
        "SELECT 'abc'::INT": r"^The query failed: Could not convert string 'abc' to INT32$",
        "SELEC 1": r'^The query cannot be read: syntax error at or near "SELEC"$',
        "SELECT $x": r"^The query failed: Values were not provided for the following parameters: x$",
    }.items():
        with pytest.raises(QueryError, match=sentence):
            demo_log.sql(text)


def test_a_limit_that_is_none_is_refused(demo_log: AuditLog) -> None:
    with pytest.raises(QueryRefusedError, match="cannot be given 0 seconds"):
        demo_log.sql("SELECT 1", timeout=0)
    with pytest.raises(QueryRefusedError, match="at least one row"):
        demo_log.sql("SELECT 1", max_rows=0)


# -- secrets -----------------------------------------------------------------------------------------

RECORDED = (
    '{"password":"hunter2","user":"anna"}',
    '{"a":{"apiKey":"k-1","note":"x"}}',
    '{"pass\\u0077ord":"hunter2"}',
    '{"to\\u212aen":"hunter2"}',
    '{"body":"{\\"client_secret\\":\\"hunter2\\"}"}',
    '{"Authorization":["Bearer hunter2"]}',
    '{"password":"hunter2" is no JSON',
    '{"nothing":"to hide"}',
    '{"otp":123456}',
)


def test_secrets_are_masked_where_that_is_asked_for_and_nowhere_else(tmp_path: Path, cache: Path) -> None:
    made = [event(number, metadata=text, changes='[{"field":"x","after":{"token":"hunter2"}}]') for number, text in enumerate(RECORDED)]
    publish(tmp_path / "s", [batch(made)], name="a", log_id="acme")
    log = open_log(tmp_path / "s")
    text = "SELECT metadata, changes FROM events ORDER BY event_id"
    assert tuple(column(log, text)) == RECORDED
    shown = log.sql(text, masked=True).table.to_pylist()
    assert [each["metadata"] for each in shown] == [metadata.masked(recorded)[0] for recorded in RECORDED]
    assert "hunter2" not in str([each["changes"] for each in shown])
    for extracting in (
        "SELECT try_cast(metadata AS JSON)->>'$.password' FROM events",
        "SELECT count(*)::VARCHAR FROM events WHERE metadata LIKE '%\"hunter2\"%'",
        "SELECT regexp_extract(metadata, 'hunter.') FROM events WHERE json_valid(metadata)",
        "SELECT value FROM events, json_tree(metadata) WHERE json_valid(metadata) AND type = 'VARCHAR'",
    ):
        assert not any("hunter" in (value or "") for value in column(log, extracting, masked=True))
    log.close()


# -- people ------------------------------------------------------------------------------------------


def in_a_thread(ask: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Starts what is to be asked; its answer, or its error, will be in the list."""
    told: list[object] = []

    def run() -> None:
        try:
            told.append(ask())
        except Exception as error:
            told.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, told


def until(condition: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never came true")


def test_a_query_can_be_stopped_from_elsewhere(demo_log: AuditLog) -> None:
    thread, told = in_a_thread(lambda: demo_log.sql(ENDLESS, timeout=60, owner="anna"))
    until(lambda: demo_log.stop_sql("anna"))
    thread.join(20)
    assert isinstance(told[0], QueryStoppedError)
    assert not demo_log.stop_sql("anna")
    assert column(demo_log, "SELECT 1", owner="anna") == [1]


def test_a_query_ends_when_nobody_waits_for_it_any_more(demo_log: AuditLog) -> None:
    asked = iter([False] * 5)
    with pytest.raises(QueryStoppedError):
        demo_log.sql(ENDLESS, timeout=60, stopped=lambda: next(asked, True))


def test_the_next_query_of_an_owner_replaces_the_one_before(demo_log: AuditLog) -> None:
    thread, told = in_a_thread(lambda: demo_log.sql(ENDLESS, timeout=60, owner="ben"))
    until(lambda: any(query.owner == "ben" for query in demo_log._desk._queries))
    assert column(demo_log, "SELECT 2", owner="ben") == [2]
    thread.join(20)
    assert isinstance(told[0], QueryStoppedError)


def test_only_a_few_queries_run_and_a_few_wait_and_the_rest_are_told_so(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "WAITING", 1)
    monkeypatch.setattr(desk, "PATIENCE_SECONDS", 1.0)
    log = open_log(store)
    running = [in_a_thread(lambda owner=owner: log.sql(ENDLESS, timeout=60, owner=owner)) for owner in ("a", "b")]
    until(lambda: log._desk._turns._free == 0)
    waiting, told = in_a_thread(lambda: log.sql("SELECT 1", owner="c"))
    until(lambda: any(query.owner == "c" for query in log._desk._queries))
    with pytest.raises(EngineBusyError, match="Too many questions are waiting"):
        log.sql("SELECT 1", owner="d")
    assert log.total(View()) > 0
    waiting.join(20)
    assert "Too many questions are being answered at once" in str(told[0])
    for owner, (thread, said) in zip(("a", "b"), running, strict=True):
        log.stop_sql(owner)
        thread.join(20)
        assert isinstance(said[0], QueryStoppedError)
    log.close()


def test_no_process_answers_two_people_and_each_keeps_theirs(demo_log: AuditLog) -> None:
    asked = []
    watched = pool.Child.ask

    def noting(child: pool.Child, *arguments: Any) -> Any:
        asked.append((child.person, child.process.pid))
        return watched(child, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool.Child, "ask", noting)
        people = [demo_log.bound_to(Principal(name, name, frozenset({"admin"}))) for name in ("anna", "ben", "anna", "ben")]
        for log in people:
            assert column(log, "SELECT count(*) FROM events") == [demo_log.head.events]
    assert [person for person, _ in asked] == ["anna", "ben", "anna", "ben"]
    assert asked[0][1] == asked[2][1] != asked[1][1] == asked[3][1]


def test_nobody_without_a_role_is_answered(demo_log: AuditLog) -> None:
    for principal in (None, Principal("x", "x", frozenset({"member"}))):
        log = demo_log.bound_to(principal)
        for ask in (lambda log=log: log.sql("SELECT 1"), lambda log=log: log.prepare_sql(), lambda log=log: log.stop_sql("x")):
            with pytest.raises(AccessDeniedError):
                ask()


def test_children_end_with_whoever_asked_even_in_the_middle_of_a_query(demo_store: Path, tmp_path: Path) -> None:
    script = (
        f"import sys; from pathlib import Path; from auditlib.log import open_log; from auditlib.sandbox import pool\n"
        f"log = open_log({str(demo_store)!r}); log.prepare_sql(); watched = pool.Child.ask\n"
        "def ask(child, *rest):\n    print(child.process.pid, flush=True)\n    return watched(child, *rest)\n"
        f"pool.Child.ask = ask\nlog.sql({ENDLESS!r}, timeout=300)\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert asking.stdout
    child = int(asking.stdout.readline())
    os.kill(child, 0)
    os.kill(asking.pid, signal.SIGKILL)
    asking.wait()
    asking.stdout.close()
    until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text())


def test_a_process_that_died_while_it_waited_is_replaced(store: Path) -> None:
    log = open_log(store)
    for person in ("anna", "ben"):
        assert column(log.bound_to(Principal(person, person, frozenset({"admin"}))), "SELECT 1") == [1]
    for child in log._desk._pools[False]._children:
        os.kill(child.process.pid, signal.SIGKILL)
        until(lambda child=child: not child.is_sound)
    for person in ("anna", "ben"):
        assert column(log.bound_to(Principal(person, person, frozenset({"admin"}))), "SELECT 1") == [1]
    log.close()


@pytest.mark.parametrize(
    ("answering", "sentence"),
    [
        ("frames.send(1, b'B', b'no Arrow'); frames.send(1, b'D', b'{}')", "The answer to the query cannot be read"),
        ("frames.send(1, b'D', b'[1')", "The answer to the query cannot be read"),
        ("frames.send(1, b'E', b'7')", "The answer to the query cannot be read"),
        ("os.write(1, b'B' + b'\\xff' * 8)", "The query ended its process"),
        ("[frames.send(1, b'B', bytes(1 << 20)) for _ in range(200)]", "The query ended its process"),
        ("os.abort()", "The query ended its process"),
    ],
)
def test_a_process_that_was_taken_over_can_only_spoil_its_own_answer(
    store: Path, monkeypatch: pytest.MonkeyPatch, answering: str, sentence: str
) -> None:
    begin = "import os, sys; sys.path.append(sys.argv[1]); from auditlib.sandbox import frames; frames.send(1, b'R'); frames.receive(0)"
    log = open_log(store)
    with monkeypatch.context() as patch:
        patch.setattr(pool, "_START", f"{begin}; {answering}")
        with pytest.raises(QueryError, match=sentence):
            log.sql("SELECT 1", timeout=20)
        log._desk._pools[False].close()
        log._desk._pools.clear()
    assert column(log, "SELECT 1") == [1]
    log.close()


def test_closing_stops_what_runs_and_ends_every_process(store: Path) -> None:
    log = open_log(store)
    thread, told = in_a_thread(lambda: log.sql(ENDLESS, timeout=60))
    until(lambda: bool(log._desk._queries))
    log.close()
    thread.join(20)
    assert isinstance(told[0], QueryStoppedError)


# -- the gate ----------------------------------------------------------------------------------------


def test_no_function_of_duckdb_can_be_called_that_is_not_listed() -> None:
    connection = duckdb.connect()

    def serialize(text: str) -> str:
        return str(connection.execute("SELECT json_serialize_sql($1)", [text]).fetchall()[0][0])

    kinds = connection.execute("SELECT DISTINCT function_name, function_type LIKE '%table%' FROM duckdb_functions()").fetchall()
    refused = 0
    for name, is_table in kinds:
        if not name.isidentifier() or name.lower() in (TABLE if is_table else SCALAR):
            continue
        refused += 1
        with pytest.raises((QueryRefusedError, QueryError)):
            check_statement(f"SELECT * FROM {name}(1)" if is_table else f"SELECT {name}(1)", serialize)
    assert refused > 200


# -- locks below the gate ----------------------------------------------------------------------------

UNGUARDED = (
    "import sys; sys.path.append(sys.argv.pop(1)); from auditlib.sandbox import child, gate; gate.check_statement = lambda *_: None; "
)


@pytest.fixture(params=["without the gate", "without the gate and the locked connection"])
def unguarded(request: pytest.FixtureRequest, demo_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditLog]:
    """A log whose children answer any statement, so that only the other locks hold."""
    opened = "child._CONFIG.update(enable_external_access='true'); " if "connection" in request.param else ""
    monkeypatch.setattr(pool, "_START", f"{UNGUARDED}{opened}child.main()")
    log = open_log(demo_store)
    yield log
    log.close()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_csv('{file}')",
        "COPY (SELECT 1) TO '{new}'",
        "COPY (SELECT 1) TO '{file}'",
        "COPY (SELECT 1) TO '{cache}'",
        "ATTACH '{new}' AS x",
        "INSTALL httpfs",
        "UPDATE recorded SET actor_name = 'nobody'",
        "DROP TABLE recorded",
        "SET memory_limit = '100GB'",
        "SELECT * FROM read_parquet('http://127.0.0.1:9/x.parquet')",
    ],
)
def test_without_the_gate_the_other_locks_hold(unguarded: AuditLog, tmp_path: Path, text: str) -> None:
    (tmp_path / "secret").write_text("secret")
    unguarded.prepare_sql()
    cache = next(Path(os.environ["AUDIT_CACHE"]).glob("*/sql-*.duckdb"))
    recorded = cache.read_bytes()
    for word, place in {"file": tmp_path / "secret", "new": tmp_path / "new", "cache": cache}.items():
        text = text.replace("{" + word + "}", str(place))
    with pytest.raises(QueryError):
        unguarded.sql(text, timeout=20)
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert (tmp_path / "secret").read_text() == "secret"
    assert cache.read_bytes() == recorded


# -- the derived database ----------------------------------------------------------------------------


def derived(cache: Path) -> list[Path]:
    return sorted(path for path in cache.glob("*/*") if path.name.startswith(("sql-", ".build-")))


def test_the_database_is_built_once_with_progress_and_found_again(store: Path, cache: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    log = open_log(store)
    assert derived(cache) == []
    log.prepare_sql(lambda *step: seen.append(step))
    assert seen == [(database.STAGE, 0, 9), (database.STAGE, 3, 9), (database.STAGE, 6, 9), (database.STAGE, 9, 9)]
    built = derived(cache)
    assert [path.suffix for path in built] == [".duckdb", ".json"]
    assert built[0].stat().st_mode & 0o777 == 0o400
    log.close()
    again = open_log(store)
    again.prepare_sql(lambda *step: seen.append(step))
    assert len(seen) == 4
    assert column(again, "SELECT count(*) FROM events") == [9]
    again.close()


def test_a_log_goes_on_with_its_head_and_the_next_one_gets_a_database_of_its_own(store: Path, cache: Path) -> None:
    old = open_log(store)
    assert column(old, "SELECT count(*) FROM events") == [9]
    publish(store, [batch(events(2, 100))], name="later", log_id="acme")
    new = open_log(store)
    assert column(new, "SELECT count(*) FROM events") == [11]
    assert len(derived(cache)) == 2
    assert column(old.bound_to(Principal("x", "x", frozenset({"admin"}))), "SELECT count(*) FROM events") == [9]
    old.close()
    new.close()


def test_a_database_that_was_written_to_is_built_anew(store: Path, cache: Path) -> None:
    log = open_log(store)
    log.prepare_sql()
    log.close()
    (built, _) = derived(cache)
    flip(built, 5_000)
    log = open_log(store)
    assert column(log, "SELECT count(*) FROM events") == [9]
    log.close()


def test_a_quarantined_snapshot_is_in_no_answer(store: Path) -> None:
    flip(store / "data" / "day-1.parquet", 700)
    log = open_log(store)
    assert list(log.head.quarantined) == [2]
    assert sorted(column(log, "SELECT event_id FROM events")) == [f"ev-{number:06d}" for number in (0, 1, 2, 6, 7, 8)]
    log.close()


def test_a_disk_without_space_is_told_before_anything_is_written(store: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SPACE", 10**9)
    log = open_log(store)
    with pytest.raises(CacheError, match=r"the cache folder needs [\d,]+ MiB of space, [\d,]+ MiB are free"):
        log.sql("SELECT 1")
    assert derived(cache) == []
    log.close()


def test_a_build_that_ends_early_leaves_nothing_behind(store: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_START", "raise SystemExit(1)")
    log = open_log(store)
    with pytest.raises(CacheError, match="could not be prepared for SQL: the process that does it has ended"):
        log.prepare_sql()
    assert derived(cache) == []
    log.close()


# -- the command -------------------------------------------------------------------------------------


def run(store: Path, *arguments: str, given: str = "", check: bool = True) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "auditlib", "sql", *arguments, "--store", str(store)]
    done = subprocess.run(command, cwd=ROOT, input=given.encode(), capture_output=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


def test_the_command_writes_json_lines_that_other_programs_read(demo_store: Path, demo_log: AuditLog) -> None:
    text = "SELECT action, count(*) AS n, max(occurred_at) AS last FROM events WHERE actor_role = $role GROUP BY ALL ORDER BY action"
    done = run(demo_store, "-", "--format", "jsonl", "--param", "role=member", given=text)
    expected = demo_log.sql(text, parameters={"role": "member"}).table.to_pylist()
    assert [json.loads(line) for line in done.stdout.splitlines()] == [{**each, "last": write_utc(each["last"])} for each in expected]
    assert len(expected) > 3
    assert done.stderr == b""


def test_the_command_ends_with_2_and_one_line_for_what_is_refused_wrong_or_late(demo_store: Path) -> None:
    for arguments, sentence in {
        ("DROP TABLE events",): "Error: Only a SELECT statement is answered",
        ("SELECT nothing FROM events",): "Error: The query failed: Referenced column",
        (ENDLESS, "--timeout", "0.5"): "Error: The query took longer than 0.5 seconds",
        ("SELECT 1", "--param", "x"): "Error: Invalid value: 'x' is no parameter: expected name=value",
    }.items():
        done = run(demo_store, *arguments, check=False)
        assert (done.returncode, done.stdout) == (2, b"")
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith(sentence)


def test_the_command_says_what_it_cut_off_and_writes_to_a_file(demo_store: Path, tmp_path: Path) -> None:
    done = run(demo_store, "SELECT event_id FROM events", "--rows", "5", "--format", "csv", "--output", str(tmp_path / "x.csv"))
    assert (done.stdout, done.stderr) == (b"", b"Truncated: only the first 5 rows are here.\n")
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 6


def test_a_timeout_is_told_with_its_seconds(demo_log: AuditLog) -> None:
    with pytest.raises(QueryTimeoutError, match=r"took longer than 0\.5 seconds"):
        demo_log.sql(ENDLESS, timeout=0.5)


# -- the document ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", re.findall(r"^```sql\n(.*?)^```$", (ROOT / "docs" / "sql.md").read_text(encoding="utf-8"), re.M | re.S))
def test_a_query_of_the_document_is_answered(demo_log: AuditLog, text: str) -> None:
    parameters = dict(re.findall(r"^-- (\w+) = (.+)$", text, re.MULTILINE))
    result = demo_log.sql(text, parameters=parameters)
    assert len(result) > 0
    assert not result.truncated


def test_the_document_names_every_function_of_its_own_and_every_limit() -> None:
    text = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
    for name in OWN:
        assert f"`{name}(" in text
    for said in (
        f"{MAX_ROWS:,} rows",
        f"{MAX_BYTES >> 20} MiB",
        f"{MAX_COLUMNS:,}",
        f"{TIMEOUT:.0f} seconds",
        f"up to {LONGEST_TIMEOUT:.0f}",
    ):
        assert said in text
    for said in (
        f"{desk.AT_ONCE} queries; {desk.WAITING} wait, {desk.PATIENCE_SECONDS:.0f} seconds",
        f"{LONGEST_TEXT >> 10} KiB, {DEEPEST} brackets",
    ):
        assert said in text


def test_every_allowed_function_exists_in_this_duckdb(demo_log: AuditLog) -> None:
    known = {row[0].lower() for row in duckdb.connect().execute("SELECT function_name FROM duckdb_functions()").fetchall()}
    grammar = {
        "coalesce",
        "current_date",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "grouping",
        "grouping_id",
        "ifnull",
        "position",
    }
    assert SCALAR - known - grammar - set(OWN) == set()


def test_the_database_of_an_earlier_head_is_removed_when_a_newer_one_is_opened(store: Path, cache: Path) -> None:
    log = open_log(store)
    assert log.sql("SELECT count(*) AS n FROM events").table["n"].to_pylist() == [9]
    log.close()
    (before,) = cache.glob("*/sql-*.duckdb")
    open_log(store).close()
    assert before.exists()
    publish(store, [batch(events(1, 50))], name="day-3")
    open_log(store).close()
    assert not list(cache.glob("*/sql-*"))
