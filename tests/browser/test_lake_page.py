"""The page on a lake: a range of dates first, search on Enter, who answers is named, and a cluster that is gone is said to be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from auditlib.log import AuditLog
from auditlib.view import View
from browser.conftest import Reader
from browser.serving import Server

sys.path.insert(0, str(Path(__file__).parents[1]))
import lakes
from waiting import soon

pytestmark = pytest.mark.browser
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
def table(served_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lakes.published(served_store, tmp_path_factory.mktemp("lake") / "table")


@pytest.fixture(scope="module")
def lake_server(served_store: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("ibis")
    with (
        lakes.sail() as url,
        Server(served_store, tmp_path_factory.mktemp("lake-server"), settings={"AUDIT_ENGINE": url, "AUDIT_TABLE": str(table)}) as server,
    ):
        yield server


def last_days(log: AuditLog) -> View:
    assert log.head.last_at
    last = min(date.today(), log.head.last_at.date())
    return View(tz="Europe/Berlin").between((last - timedelta(days=29)).isoformat(), last.isoformat(), "Europe/Berlin")


def test_a_link_without_dates_asks_the_last_thirty_days_and_the_whole_record_on_a_click(
    reader: Reader, lake_server: Server, served_log: AuditLog
) -> None:
    page = reader(lake_server).open()
    view = last_days(served_log)
    page.has_link(view.to_query())
    page.has_ids([event.event_id for event in served_log.page(view, metadata=False).events])
    expect(page.page.locator(".st-key-range_given")).to_contain_text("This link names no dates, so Spark at 127.0.0.1 was asked")
    expect(page.text).to_contain_text("Answered by Spark at 127.0.0.1 from head")
    page.page.get_by_role("button", name="Ask the whole record").click()
    whole = View(tz="Europe/Berlin")
    page.has_range(f"1–50 of {served_log.total(whole):,}")
    page.has_ids([event.event_id for event in served_log.page(whole, metadata=False).events])
    expect(page.page.locator(".st-key-range_given")).to_have_count(0)


def test_a_link_with_dates_is_answered_as_it_stands_and_search_waits_for_enter(
    reader: Reader, lake_server: Server, served_log: AuditLog
) -> None:
    view = last_days(served_log).on_tab("team")
    page = reader(lake_server).open(view.to_query())
    page.has_ids([event.event_id for event in served_log.page(view, metadata=False).events])
    page.search.press_sequentially("a")
    page.page.wait_for_timeout(1_000)
    page.has_link(view.to_query())
    page.search.press("Enter")
    found = view.having("q", "a")
    page.has_link(found.to_query())
    page.has_ids([event.event_id for event in served_log.page(found, metadata=False).events])


def test_a_cluster_that_is_gone_is_said_to_be_and_asked_again_on_a_click(
    reader: Reader, serve: Callable[..., Server], served_store: Path, table: Path
) -> None:
    pytest.importorskip("ibis")
    with lakes.sail() as url:
        server = serve(served_store, settings={"AUDIT_ENGINE": url, "AUDIT_TABLE": str(table)})
        page = reader(server).open("tab=team&from=2000-01-01&to=2100-01-01&tz=UTC")
        expect(page.rows).not_to_have_count(0)
    page.search.fill("a")
    page.search.press("Enter")
    expect(page.text).to_contain_text("Spark at 127.0.0.1 did not answer", timeout=60_000)
    page.page.get_by_role("button", name="Try again").click()
    expect(page.text).to_contain_text("did not answer", timeout=60_000)
    expect(page.page.get_by_role("button", name="Try again")).to_be_visible()


def test_a_question_that_takes_long_is_cancelled_there_too_and_asked_again_on_a_click(
    reader: Reader, served_store: Path, table: Path, served_log: AuditLog, tmp_path: Path
) -> None:
    pytest.importorskip("ibis")
    psycopg = pytest.importorskip("psycopg")
    from auditlib.engine.lake.load import load_lake

    view = View(tz="Europe/Berlin", tab="team").between("2000-01-01", "2100-01-01", "Europe/Berlin")
    with ExitStack() as stack:
        url = stack.enter_context(lakes.postgres())
        load_lake(str(table), url, "audit")
        watcher = stack.enter_context(psycopg.connect(url, autocommit=True))
        holder = stack.enter_context(psycopg.connect(url))
        server = stack.enter_context(Server(served_store, tmp_path, settings={"AUDIT_ENGINE": url, "AUDIT_TABLE": "audit"}))
        page = reader(server).open(view.to_query())
        expect(page.text).to_contain_text("Answered by PostgreSQL at 127.0.0.1")
        holder.execute("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
        page.search.fill("a")
        page.search.press("Enter")
        expect(page.text).to_contain_text("Asking PostgreSQL at 127.0.0.1")
        assert soon(lambda: watcher.execute(WAITING).fetchone() == (1,))
        page.page.get_by_role("button", name="Cancel").click()
        expect(page.text).to_contain_text("Cancelled. PostgreSQL at 127.0.0.1 was not asked to the end.")
        assert soon(lambda: watcher.execute(WAITING).fetchone() == (0,))
        found = view.having("q", "a")
        page.has_link(found.to_query())
        holder.rollback()
        page.page.get_by_role("button", name="Ask again").click()
        page.has_ids([event.event_id for event in served_log.page(found, metadata=False).events])
