"""Publishing a lake: only what is new is written, what was killed is healed, and a table that is not whole is never answered from."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from typing import Any

import lakes
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import opener
from events import batch, event, events
from odd_events import publish_odd
from stores import flip
from typer.testing import CliRunner

from auditlib.cli import app
from auditlib.engine.lake.head import writing_table
from auditlib.engine.lake.output import HEAD_FILE, Output
from auditlib.engine.lake.publish import publish_lake
from auditlib.engine.turns import asking
from auditlib.errors import DamagedFileError, LakeError, QueryRefusedError, SupersededError
from auditlib.log import AuditLog, open_log
from auditlib.store import configured, publish
from auditlib.store.retention import retire
from auditlib.view import View

pytest.importorskip("ibis", reason="the extra lake is not installed")
URL = "duckdb://"
ROOT = Path(__file__).parents[1]


@pytest.fixture
def lake(store: Path, tmp_path: Path) -> Path:
    return lakes.published(store, tmp_path / "lake")


@pytest.fixture
def open_lake(store: Path, lake: Path) -> Callable[[], AuditLog]:
    return lambda: lakes.opened(URL, lake, store)


def ids(log: AuditLog) -> list[str]:
    return log.events(View(tab="team"))["event_id"].to_pylist() + log.events(View())["event_id"].to_pylist()


def test_a_second_time_nothing_is_written(store: Path, lake: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in lake.rglob("part-*")}
    done = publish_lake(store, str(lake))
    assert (done.written, done.kept, done.removed) == (0, 3, 0)
    assert {path: path.stat().st_mtime_ns for path in lake.rglob("part-*")} == before


def test_a_new_snapshot_adds_files_and_leaves_the_others(store: Path, lake: Path, open_lake: Callable[[], AuditLog]) -> None:
    before = {path: path.stat().st_mtime_ns for path in lake.rglob("part-*")}
    publish(store, [batch(events(5, 50))], name="day-9")
    done = publish_lake(store, str(lake))
    assert (done.written, done.kept, done.removed) == (1, 3, 0)
    assert before.items() <= {path: path.stat().st_mtime_ns for path in lake.rglob("part-*")}.items()
    assert ids(open_lake()) == ids(opener("embedded")(store))


def test_a_later_body_of_an_id_marks_the_earlier_one_in_the_table_too(tmp_path: Path, cache: Path) -> None:
    publish(tmp_path / "s", [batch(events(3))], name="first", log_id="acme")
    lake = lakes.published(tmp_path / "s", tmp_path / "lake")
    publish(tmp_path / "s", [batch([event(1, metadata='{"other":1}'), event(2)])], name="second")
    done = publish_lake(tmp_path / "s", str(lake))
    assert (done.written, done.kept, done.removed) == (2, 0, 2)
    log, expected = lakes.opened(URL, lake, tmp_path / "s"), opener("embedded")(tmp_path / "s")
    assert ids(log) == ids(expected)
    assert [event.conflicts for event in log.page(View(), metadata=False).events] == [
        event.conflicts for event in expected.page(View(), metadata=False).events
    ]
    assert log.head.duplicates == 1


def test_what_was_retired_leaves_the_table(store: Path, lake: Path, open_lake: Callable[[], AuditLog]) -> None:
    retire(store, datetime(2026, 11, 1, 9, 3, tzinfo=UTC), "policy", policy=configured(store))
    done = publish_lake(store, str(lake))
    assert done.removed == 2
    log = open_lake()
    assert ids(log) == ids(opener("embedded")(store))
    assert log.head.events == 6
    assert "policy" in log.head.retired[1]
    assert len(list(lake.rglob("part-*"))) == done.files


class _Killed(Exception):
    pass


@pytest.mark.parametrize("moment", range(4))
def test_a_publisher_that_was_killed_is_finished_by_the_next(
    store: Path, lake: Path, open_lake: Callable[[], AuditLog], moment: int
) -> None:
    before = ids(open_lake())
    publish(store, [batch([event(1, metadata='{"other":1}')]), batch(events(4, 60))], name="day-9")
    steps = 0

    def report(stage: str, done: int, total: int) -> None:
        nonlocal steps
        steps += stage in ("Writing events", "Writing the head")
        if steps > moment:
            raise _Killed

    with pytest.raises(_Killed):
        publish_lake(store, str(lake), report)
    (lake / "events" / ".tmp-part-0.aside").write_bytes(b"half")
    try:
        assert ids(open_lake()) == before
    except LakeError as error:
        assert "is being published anew" in str(error)
    publish_lake(store, str(lake))
    assert ids(open_lake()) == ids(opener("embedded")(store))
    assert not list(lake.rglob(".tmp-*"))


def test_events_of_a_newer_head_are_not_answered_before_it_is_there(store: Path, lake: Path, open_lake: Callable[[], AuditLog]) -> None:
    before, head = ids(open_lake()), (lake / HEAD_FILE).read_bytes()
    publish(store, [batch(events(5, 50))], name="day-9")
    publish_lake(store, str(lake))
    (lake / HEAD_FILE).write_bytes(head)
    assert ids(open_lake()) == before


def test_a_table_that_was_published_to_says_so_when_it_is_asked(store: Path, lake: Path, open_lake: Callable[[], AuditLog]) -> None:
    log = open_lake()
    total = log.total(View())
    publish(store, [batch(events(5, 50))], name="day-9")
    publish_lake(store, str(lake))
    assert log.total(View()) == total
    with pytest.raises(LakeError, match="Newer events have been published"):
        log.total(View().having("action", "updated"))


def test_a_table_without_its_head_or_with_one_of_another_format_is_refused(
    store: Path, lake: Path, open_lake: Callable[[], AuditLog]
) -> None:
    head = pq.read_table(lake / HEAD_FILE)
    for rows, said in (
        (head.slice(0, 0), "has no head"),
        (head.set_column(2, "text", pa.array(["auditlib-lake/2", *head["text"].to_pylist()[1:]])), "is of a newer format"),
        (writing_table(3), "is being published anew"),
        (head.filter(pa.compute.field("kind") != "manifest"), "cannot be read: publish it again"),
    ):
        pq.write_table(rows, lake / HEAD_FILE)
        with pytest.raises(LakeError, match=said) as told:
            open_lake()
        assert str(lake.parent) not in str(told.value)
    (lake / HEAD_FILE).unlink()
    with pytest.raises(LakeError, match="no such lake table"):
        open_lake()


def test_a_table_that_lost_a_file_gives_no_total(lake: Path, open_lake: Callable[[], AuditLog]) -> None:
    next(lake.glob("events/**/*.parquet")).unlink()
    with pytest.raises(LakeError, match=r"holds 6 events of the table, but its head says 9") as told:
        open_lake()
    assert told.value.reason == "partial"


def test_a_table_that_was_rolled_back_is_noticed_by_the_pins(
    store: Path, lake: Path, tmp_path: Path, open_lake: Callable[[], AuditLog]
) -> None:
    shutil.copytree(lake, tmp_path / "old")
    publish(store, [batch(events(5, 50))], name="day-9")
    publish_lake(store, str(lake))
    assert open_lake().head.complete
    shutil.rmtree(lake)
    (tmp_path / "old").rename(lake)
    assert "but 00000004.json was accepted on" in open_lake().head.problem


def test_metadata_that_was_altered_in_the_table_is_not_shown(lake: Path, open_lake: Callable[[], AuditLog]) -> None:
    path = sorted(lake.glob("events/**/*.parquet"))[0]
    table = pq.read_table(path, partitioning=None)
    altered = table.set_column(table.schema.get_field_index("metadata"), "metadata", pa.array(['{"number":99}'] * len(table)))
    pq.write_table(altered, path)
    log = open_lake()
    with pytest.raises(DamagedFileError, match="its metadata is no longer what was published"):
        log.event(altered["event_id"][0].as_py())


def test_a_published_table_is_verified_file_by_file(lake: Path) -> None:
    def verified() -> tuple[int, str]:
        done = CliRunner().invoke(app, ["lake", "verify", str(lake)])
        return done.exit_code, done.stdout

    assert verified() == (0, "6 files, 0 damaged files, 0 stray files\n")
    path = sorted(lake.glob("people/*.parquet"))[0]
    flip(path, 40)
    (lake / "people" / f"part-{'0' * 16}-0000.parquet").write_bytes(b"")
    code, said = verified()
    assert code == 1
    assert f"people/{path.name} is not the file that was written" in said
    assert f"people/part-{'0' * 16}-0000.parquet is named by nobody" in said


@pytest.fixture
def by_day(demo_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo history's table, with a partition for each day."""
    monkeypatch.setattr("auditlib.engine.lake.publish.width_for", lambda events, days: 10)
    return lakes.published(demo_store, tmp_path / "by-day")


def garble_other_days(lake: Path, days: set[str]) -> None:
    """Makes every file unreadable that holds events of other days; those without a time are left, and the one that names the columns."""
    kept = {"period=unknown", *(f"period=p{day}" for day in days)}
    _, *others = sorted(lake.glob("events/*/*/*.parquet"))
    assert len(others) > 20
    for path in (path for path in others if path.parent.parent.name not in kept):
        path.write_bytes(b"not Parquet")


def test_a_range_of_days_reads_no_file_of_another_day(demo_store: Path, by_day: Path) -> None:
    expected, log = opener("embedded")(demo_store), lakes.opened(URL, by_day, demo_store)
    midst = expected.page(replace(View(), page=10), metadata=False).events[0].occurred_at
    assert midst
    days = {(midst + timedelta(days=later)).date().isoformat() for later in range(3)}
    garble_other_days(by_day, days)
    for view in (View(tab=tab).between(min(days), max(days), "UTC") for tab in ("interviews", "team")):
        page, wanted = log.page(view, metadata=False), expected.page(view, metadata=False)
        assert page.total > 0
        assert (page.total, page.without_time) == (wanted.total, wanted.without_time)
        assert [event.event_id for event in page.events] == [event.event_id for event in wanted.events]


def test_a_page_reads_no_file_of_a_day_without_a_match(demo_store: Path, by_day: Path) -> None:
    expected, log = opener("embedded")(demo_store), lakes.opened(URL, by_day, demo_store)
    candidates = sorted({each for each in expected.events(View())["candidate_id"].to_pylist() if each})[:60]
    views = [View().having("candidate", candidate) for candidate in candidates]
    pages = [page for page in (expected.page(view, metadata=False) for view in views) if all(event.occurred_at for event in page.events)]
    days = [sorted({f"{event.occurred_at:%Y-%m-%d}" for event in page.events}) for page in pages]
    wanted, its_days = next((page, its) for page, its in zip(pages, days, strict=True) if len(its) > 2 and page.total == len(page.events))
    assert log.total(wanted.view) == wanted.total
    garble_other_days(by_day, set(its_days))
    assert [event.event_id for event in log.page(wanted.view, metadata=False).events] == [event.event_id for event in wanted.events]


def test_links_are_answered_by_a_lake_on_the_command_line(demo_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, link, run = tmp_path / "lake", "tab=team&q=a&action=updated", CliRunner()
    expected = opener("embedded")(demo_store)
    done = run.invoke(app, ["lake", "publish", "--store", str(demo_store), "--output", str(lake)])
    assert done.exit_code == 0
    assert f"Published {expected.head.events:,} events of head 3" in done.stderr
    monkeypatch.setenv("AUDIT_ENGINE", URL)
    refused = run.invoke(app, ["query", link, "--count"])
    assert isinstance(refused.exception, LakeError)
    assert "AUDIT_TABLE is not set" in str(refused.exception)
    monkeypatch.setenv("AUDIT_TABLE", str(lake))
    assert run.invoke(app, ["query", link, "--count"]).stdout.strip() == str(expected.total(View.from_link(link)))


def test_without_the_extra_choosing_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ibis.py").write_text("raise ModuleNotFoundError('No module named ibis', name='ibis')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("AUDIT_ENGINE", "sc://127.0.0.1:1")
    monkeypatch.setenv("AUDIT_TABLE", "events")
    command = [sys.executable, "-m", "auditlib", "query", "tab=team", "--count"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "Error: AUDIT_ENGINE asks for a lake, but ibis is not installed: python -m pip install 'audit-logs[lake]'\n"


def test_nothing_of_it_is_imported_unless_it_is_chosen(demo_store: Path) -> None:
    code = f"import auditlib; auditlib.open_log({str(demo_store)!r}).close()\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"ibis", "pyspark", "sqlglot", "grpc"}.isdisjoint(done.stdout.split())


def test_a_cluster_that_is_down_is_said_to_be_without_its_password() -> None:
    from auditlib.engine.lake.opening import open_lake as connected

    for url, who in (
        (f"sc://127.0.0.1:{lakes.free_port()}/;token=s3cret", "Spark at 127.0.0.1"),
        (f"postgres://u:s3cret@127.0.0.1:{lakes.free_port()}/x", "PostgreSQL at 127.0.0.1"),
    ):
        with pytest.raises(LakeError, match=f"{who} did not answer") as told:
            connected(url, "events")
        assert told.value.reason == "unreachable"
        assert "s3cret" not in str(told.value)


class _Slow:
    """A connection whose answer never comes."""

    title, at_once = "Spark at host", 1

    def __init__(self) -> None:
        self.stopped = Signal()

    def run(self, expression: Any, tag: str) -> pa.Table:
        self.stopped.wait(30)
        raise RuntimeError("interrupted")

    def interrupt(self, tag: str) -> None:
        self.stopped.set()


def test_a_cluster_that_is_slow_is_stopped_and_said_to_be() -> None:
    from auditlib.engine.lake.questions import Questions

    slow = _Slow()
    with pytest.raises(LakeError, match="Spark at host took longer than 0 seconds"):
        Questions(slow, 0.1).ask(None)  # type: ignore[arg-type]
    assert slow.stopped.wait(10)


def test_a_question_that_nobody_waits_for_is_stopped() -> None:
    from auditlib.engine.lake.questions import Questions

    slow, asked = _Slow(), Signal()
    with asking("someone", lambda: not asked.is_set()), pytest.raises(SupersededError):
        asked.set()
        Questions(slow).ask(None)  # type: ignore[arg-type]
    assert slow.stopped.wait(10)
    slow = _Slow()
    with asking("someone", iter([True] * 3 + [False] * 99).__next__), pytest.raises(SupersededError):
        Questions(slow).ask(None)  # type: ignore[arg-type]
    assert slow.stopped.wait(10)


def test_sql_is_refused_on_a_lake_in_a_sentence(open_lake: Callable[[], AuditLog]) -> None:
    with pytest.raises(QueryRefusedError, match=r"SQL is answered from a store that this machine reads itself, not by DuckDB"):
        open_lake().sql("select 1")


def test_an_address_that_is_no_table_is_refused() -> None:
    from auditlib.engine.lake.connection import connect

    with pytest.raises(LakeError, match="names no table"):
        connect(URL, "events; drop table x")


def test_the_output_cannot_be_where_nothing_can_be_written(store: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(LakeError, match="cannot be read or written where it should be"):
        publish_lake(store, str(tmp_path / "taken"))
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "lake.json").write_text('{"format":"auditlib-lake/9","parts":[]}', encoding="utf-8")
    with pytest.raises(LakeError, match="auditlib-lake/9"):
        publish_lake(store, str(tmp_path / "lake"))
    assert Output(str(tmp_path / "fresh")).manifest() == (0, {})


def test_odd_events_are_published_each_once(tmp_path: Path, cache: Path) -> None:
    store = publish_odd(tmp_path / "odd")
    log = open_log(store)
    table = pq.read_table(lakes.published(store, tmp_path / "lake") / "events")
    assert sorted(table["event_id"].to_pylist()) == sorted({*ids(log)})
