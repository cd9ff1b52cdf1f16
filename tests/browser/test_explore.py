"""The Explore page: ready questions over the filters of a link, the SQL desk, and queries that nobody waits for any more."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest
from events import batch, event
from playwright.sync_api import Page, expect

from auditlib.log import AuditLog
from auditlib.store import publish
from auditlib.view import View
from browser.audit_page import SETTLED, AuditPage
from browser.conftest import Reader
from browser.serving import Server

ENDLESS = "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))"
HOSTILE = '**x** [a](javascript:alert(1)) ![p](http://evil.test/p.png) <img src="http://evil.test/q.png"> :red[y]'


def opened(audit: AuditPage, **query: str) -> Page:
    """The page at a link."""
    audit.page.goto(f"{audit.base}/explore?{urlencode(query)}")
    expect(audit.page.get_by_role("heading", name="Explore")).to_be_visible(timeout=30_000)
    return audit.page


def answered(page: Page, rows: str) -> None:
    """Waits until the answer has so many rows."""
    expect(page.locator(".st-key-explore_status")).to_contain_text(f"Done {rows} in", timeout=30_000)
    expect(page.locator(SETTLED)).to_be_visible()


def choose_row(page: Page, number: int) -> None:
    """Presses a cell of a row of the result, counted from 1; the table is one drawing."""
    page.locator(".dvn-scroller").first.click(position={"x": 90, "y": 35 * number + 17})


def children(server: Server) -> set[int]:
    """The processes that a server's queries are answered by."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            command = status.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if parent == server._process.pid and b"auditlib.sandbox.child" in command:
            found.add(int(status.parent.name))
    return found


def processor_seconds(process: int) -> float:
    """How long a process has been at work; nothing for one that is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(condition: Callable[[], bool], page: Page) -> None:
    for _ in range(300):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never came true")


def test_the_filters_of_the_table_come_along_and_a_ready_question_goes_on_at_the_desk(audit: AuditPage, served_log: AuditLog) -> None:
    view = View.from_link("tab=team&action=updated")
    actors = set(served_log.events(view)["actor_id"].to_pylist())
    audit.open("tab=team&action=updated")
    page = audit.page
    page.get_by_test_id("stMain").get_by_role("link", name="Explore").click()
    expect(page.locator(".st-key-explore_events")).to_contain_text(f"{served_log.total(view):,} events Action Updated")
    page.get_by_role("radio", name="Rarest").click()
    page.get_by_role("radio", name="Actor", exact=True).click()
    answered(page, f"{len(actors):,} rows")
    expect(page).to_have_url(f"{audit.base}/explore?tab=team&action=updated&show=rare&by=actor")
    expect(page.locator(".st-key-explore_drawn").locator("canvas:visible, svg:visible").first).to_be_visible()
    page.get_by_text("SQL of this answer").click()
    page.get_by_role("button", name="Open in the SQL desk").click()
    expect(page.locator(".st-key-sql textarea")).to_have_value(re.compile(r"^SELECT actor_id, max\(actor_name\) AS actor"))
    answered(page, f"{len(actors):,} rows")
    page.get_by_role("link", name="Change the filters").click()
    audit.has_link("tab=team&action=updated")


def test_a_query_comes_with_its_link_asks_for_its_parameters_and_leaves_as_a_file(
    audit: AuditPage, served_log: AuditLog, tmp_path: Path
) -> None:
    page = opened(audit, sql="SELECT action, count(*) AS n FROM events WHERE action = $wanted GROUP BY action")
    expect(page.get_by_text("Fill in wanted, then run.")).to_be_visible()
    page.locator(".st-key-p_wanted input").fill("updated")
    page.keyboard.press("Enter")
    answered(page, "1 row")
    expect(page).to_have_url(re.compile(r"p\.wanted=updated$"))
    page.locator(".st-key-explore_download button").first.click()
    page.get_by_role("button", name="Prepare file").click()
    file = audit.download(page.get_by_role("link", name=re.compile(r"^Download \(")), tmp_path)
    (n,) = served_log.sql("SELECT count(*) FROM events WHERE action = 'updated'").table.column(0).to_pylist()
    assert file.read_bytes() == f"action,n\r\nupdated,{n}\r\n".encode()
    assert re.fullmatch(r"audit-sql-head\d+-[0-9a-f]{12}-\d{8}T\d{6}Z\.csv", file.name)


def test_a_row_with_an_event_id_opens_that_event_and_a_value_there_leads_to_the_table(audit: AuditPage, served_log: AuditLog) -> None:
    event_id = served_log.page(View(tab="team").having("action", "status_changed").sized(10), metadata=False).events[0].event_id
    page = opened(audit, sql=f"SELECT event_id, action FROM events WHERE event_id = '{event_id}'")
    answered(page, "1 row")
    choose_row(page, 1)
    expect(audit.panel).to_contain_text("Status Changed")
    expect(page).to_have_url(re.compile(f"event={event_id}"))
    page.keyboard.press("Escape")
    expect(audit.panel).to_have_count(0)
    expect(page).not_to_have_url(re.compile("event="))
    audit.settle()
    for _ in range(5):  # the table is drawn anew when an entry closes, and takes no press until it is
        choose_row(page, 1)
        with suppress(AssertionError):
            expect(audit.panel).to_be_visible(timeout=3_000)
            break
    audit.panel.locator("header .pivot").click()
    expect(audit.chips.first).to_contain_text("Actor")
    expect(audit.rows.first).to_be_visible()


def test_a_refusal_is_one_sentence_without_a_path_and_the_next_query_works(audit: AuditPage, served_store: Path) -> None:
    page = opened(audit, sql=f"SELECT * FROM read_parquet('{served_store}/data/*.parquet')")
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("The function read_parquet cannot be called here")
    page.locator(".st-key-sql textarea").fill("SELECT * FROM duckdb_settings()")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("The function duckdb_settings cannot be called here")
    assert str(served_store) not in page.content()
    page.locator(".st-key-sql textarea").fill("SELECT 1 AS one")
    page.get_by_role("button", name="Run").click()
    answered(page, "1 row")


def test_what_a_link_cannot_get_is_said_and_a_long_query_stays_out_of_the_link(audit: AuditPage) -> None:
    page = opened(audit, show="pie", sql="x" * 5_000)
    expect(audit.problems).to_contain_text("Ignored show='pie': expected one of who, pivot")
    expect(audit.problems).to_contain_text("expected at most 4,096 bytes with its parameters")
    page.locator(".st-key-sql textarea").fill(f"SELECT 1 AS one -- {'y' * 5_000}")
    page.keyboard.press("Control+Enter")
    answered(page, "1 row")
    expect(page.get_by_text("This query is not in the link")).to_be_visible()
    expect(page).to_have_url(f"{audit.base}/explore?show=sql")


def test_a_query_can_be_cancelled_and_one_that_nobody_waits_for_ends(server: Server, reader: Reader) -> None:
    audit = reader()
    page = opened(audit, sql=ENDLESS)
    page.get_by_role("button", name="Cancel").click(timeout=30_000)
    expect(page.get_by_text("The query was stopped.")).to_be_visible()
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    before = {process: processor_seconds(process) for process in children(server)}
    busy: list[int] = []

    def is_found() -> bool:
        busy[:] = [process for process in children(server) if processor_seconds(process) > before.get(process, 0.0) + 0.3]
        return bool(busy)

    until(is_found, page)
    watching = audit.page.context.new_page()
    page.close()
    until(lambda: not set(busy) & children(server), watching)
    assert server.health()["status"] == "ok"


def test_names_from_data_are_text_in_charts_tables_and_saved_queries(tmp_path: Path, serve: Callable[..., Server], reader: Reader) -> None:
    publish(tmp_path / "s", [batch([event(number, actor_name=HOSTILE, action="a") for number in range(3)])], name="a")
    audit = reader(serve(tmp_path / "s"))
    page = opened(audit, show="pivot")
    answered(page, "1 row")
    column = HOSTILE.replace('"', "'")
    page = opened(audit, sql=f'SELECT actor_name AS "{column}", count(*) AS n FROM events GROUP BY 1')
    answered(page, "1 row")
    page.get_by_role("button", name="Saved").click()
    page.locator(".st-key-save_name input").fill(HOSTILE[:80])
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="**x** [a](javascript:alert(1))")).to_be_visible()
    assert page.locator("img[src*=evil], a[href*=javascript]").count() == 0


@pytest.mark.parametrize("options", [{"viewport": {"width": 390, "height": 844}}, {"color_scheme": "dark"}], ids=["phone", "dark"])
def test_nothing_scrolls_sideways(options: dict[str, object], server: Server, reader: Reader) -> None:
    audit = reader(server, **options)
    for query in ({"show": "pivot"}, {"sql": "SELECT *, 1 AS n FROM events LIMIT 5"}):
        page = opened(audit, **query)
        expect(page.locator(".st-key-explore_status")).to_contain_text("rows in")
        expect(page.locator(SETTLED)).to_be_visible()
        assert page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        main = page.get_by_test_id("stMain")
        assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 0


def test_an_outsider_is_refused(server: Server, reader: Reader) -> None:
    audit = reader(server, extra_http_headers={"X-Forwarded-For": "203.0.113.9"})
    audit.page.goto(f"{audit.base}/explore?sql=SELECT+1")
    expect(audit.text).to_contain_text("Admins only.")
    expect(audit.page.locator(".st-key-explore_status")).to_have_count(0)


@pytest.mark.long
def test_many_heavy_queries_queue_or_are_told_to_wait_and_the_server_answers(server: Server, reader: Reader) -> None:
    pages = [opened(reader(), show="sql") for _ in range(10)]
    for page in pages:
        expect(page.locator(SETTLED)).to_be_visible()
        page.locator(".st-key-sql textarea").fill(ENDLESS)
    for page in pages:
        page.keyboard.press("Control+Enter")
    pages[0].wait_for_timeout(5_000)  # ten browsers draw their pages on this machine too
    waiting, seconds = list(pages), []
    for _ in range(300):
        asked = time.monotonic()
        assert server.health()["status"] == "ok"
        seconds.append(time.monotonic() - asked)
        waiting = [page for page in waiting if not page.get_by_test_id("stAlertContentError").count()]
        if not waiting:
            break
        pages[0].wait_for_timeout(200)
    told = [page.get_by_test_id("stAlertContentError").inner_text() for page in pages]
    assert any("Too many questions are being answered at once" in each for each in told)
    assert any("took longer than 10 seconds" in each for each in told)
    assert sorted(seconds)[len(seconds) // 2] < 1
