"""Links: what one opens, how the address follows what is done, Back and Forward."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from auditlib.log import AuditLog
from auditlib.view import View
from browser.audit_page import AuditPage
from browser.conftest import Reader
from browser.serving import ROOT, Server
from browser.slow_line import SlowLine

pytestmark = pytest.mark.browser


def test_a_cold_link_on_a_fresh_server_shows_tab_filters_page_and_entry(
    serve: Callable[..., Server], served_store: Path, served_log: AuditLog, reader: Reader
) -> None:
    view = View.from_link("tab=team&action=created&action=updated&from=2026-06-01&to=2026-11-01&tz=Europe/Berlin&rows=20&page=3")
    page = served_log.page(view)
    event = page.events[4].event_id
    audit = reader(serve(served_store))
    audit.page.goto(f"{audit.base}{view.opened(event)}")
    expect(audit.panel).to_contain_text(event)
    expect(audit.panel.locator(".position")).to_have_text(f"{page.first + 4} of {page.total:,}")
    audit.has_range(f"{page.first}–{page.last} of {page.total:,}")
    audit.has_chips("Action Created", "Action Updated", "Dates 1 Jun – 1 Nov 2026")
    audit.has_ids([each.event_id for each in page.events])
    expect(audit.page.get_by_role("tab", name="Team")).to_have_attribute("aria-selected", "true")
    audit.has_link(view.opened(event).to_query())


def test_escape_closes_the_entry_and_back_and_forward_open_and_close_it_again(audit: AuditPage) -> None:
    audit.open("action=created&rows=10&page=2")
    shown = audit.ids()
    audit.open_row(3)
    audit.has_link(f"action=created&rows=10&page=2&event={shown[3]}")
    audit.page.keyboard.press("Escape")
    expect(audit.panel).to_be_hidden()
    audit.has_link("action=created&rows=10&page=2")
    audit.page.go_back()
    expect(audit.panel).to_contain_text(shown[3])
    audit.page.go_forward()
    expect(audit.panel).to_be_hidden()
    audit.has_link("action=created&rows=10&page=2")
    audit.has_ids(shown)


@pytest.mark.parametrize("way", ["the X", "a click beside it"])
def test_the_entry_also_closes_by(way: str, audit: AuditPage) -> None:
    audit.open("rows=10")
    audit.open_row(0)
    if way == "the X":
        audit.panel.get_by_role("button", name="Close").click()
    else:
        audit.page.mouse.click(500, 860)
    expect(audit.panel).to_be_hidden()
    audit.has_link("rows=10")


def test_the_list_stays_where_it_was_while_an_entry_opens_and_closes(audit: AuditPage) -> None:
    audit.open("rows=100")
    audit.rows.nth(70).scroll_into_view_if_needed()
    top = audit.rows.nth(70).bounding_box()
    audit.open_row(70)
    assert audit.rows.nth(70).bounding_box() == top
    audit.page.keyboard.press("Escape")
    expect(audit.panel).to_be_hidden()
    audit.settle()
    assert audit.rows.nth(70).bounding_box() == top


def test_changing_tab_keeps_rows_and_shared_filters_and_goes_to_page_1(audit: AuditPage) -> None:
    audit.open("q=BK&candidate=nobody&outcome=success&rows=10")
    audit.drop_chip("Candidate")
    audit.press("Next")
    audit.has_link("q=BK&outcome=success&rows=10&page=2")
    audit.choose_tab("Team")
    audit.has_link("tab=team&q=BK&outcome=success&rows=10")
    audit.has_chips("Search “BK”", "Outcome Success")
    audit.choose_tab("Interviews")
    audit.has_link("q=BK&outcome=success&rows=10")


def test_a_filter_of_one_tab_only_is_dropped_on_the_other(audit: AuditPage, served_log: AuditLog) -> None:
    someone = served_log.suggest("interviewer", "a", limit=1)[0]
    audit.open(f"action=created&interviewer={someone.id}")
    audit.choose_tab("Team")
    audit.has_link("tab=team&action=created")
    audit.has_chips("Action Created")


def test_back_walks_through_pages_filters_and_tabs(audit: AuditPage) -> None:
    audit.open()
    audit.press("Next")
    audit.has_link("page=2")
    audit.choose_tab("Team")
    audit.has_link("tab=team")
    audit.page.go_back()
    audit.has_link("page=2")
    audit.has_range("51–100 of 1,650")
    expect(audit.page.get_by_role("tab", name="Interviews")).to_have_attribute("aria-selected", "true")
    audit.page.go_back()
    audit.has_range("1–50 of 1,650")
    audit.page.go_forward()
    audit.has_range("51–100 of 1,650")


BROKEN = {
    "colour=red&rows=7&page=0&action=updatd&tab=everything": (
        "Ignored colour='red': no such parameter.",
        "Ignored rows='7': expected one of 10, 20, 50, 100; 50 is used.",
        "Ignored page='0': expected a whole number from 1.",
        "Ignored action='updatd': no such action. Did you mean 'updated'?",
        "Ignored tab='everything': expected one of interviews, team; interviews is used.",
    ),
    "page=-1&q=a&q=b&from=2026-10-02&to=2026-10-01&interviewer=U1&candidate=C1": (
        "Ignored page='-1': expected a whole number from 1.",
        "Ignored q='b': given more than once; the first one counts.",
        "Swapped from='2026-10-02': it lies after to='2026-10-01'.",
        "Ignored candidate='C1': cannot be combined with interviewer.",
    ),
    f"q={'x' * 201}&page=1e21&from=yesterday&to=2026-10-01&event=%3Cscript%3E": (
        "expected at most 200 characters, found 201.",
        "Ignored page='1e21': expected a whole number from 1.",
        "Ignored from='yesterday': expected YYYY-MM-DD or YYYY-MM-DDTHH:MM.",
        "Ignored event='<script>': expected an event id.",
    ),
    f"q={'x' * 3_000}&from=2026-10-01&to=2026-10-02&tz=Mars/Olympus&resource=BK1": (
        "expected at most 200 characters, found 3000.",
        "Ignored tz='Mars/Olympus': no such time zone.",
        "Ignored resource='BK1': expected kind:id, such as interview_booking:BK1.",
    ),
    "tab=team&q=a%00b&candidate=C1&action=![](http://evil.test/x.png)&action=%E2%80%AEdeta": (
        "expected text without control characters.",
        "Ignored candidate='C1': not a filter of Team.",
        "Ignored action='![](http://evil.test/x.png)': expected an action key",
        r"Ignored action='\u202edeta': expected an action key such as updated.",
    ),
    "&".join(f"a{number}=1" for number in range(320)): ("Ignored a0='1': no such parameter.", "And "),
}
HONOURED = {
    "bidi text": "q=%E2%80%AEdlog",
    "quotes": "q=%27%20OR%201%3D1%20--",
    "percent": "q=100%25",
    "underscore": "q=ann_lee",
    "backslash": "q=C%3A%5CUsers",
    "zero width": "q=%E2%80%8B",
    "entity": "q=%26amp%3B",
}


@pytest.mark.parametrize("query", BROKEN, ids=lambda query: query[:40])
def test_a_broken_link_leads_to_a_valid_page_with_a_sentence(query: str, audit: AuditPage) -> None:
    audit.open(query)
    expect(audit.problems).to_contain_text("Part of this link was ignored.")
    for sentence in BROKEN[query]:
        expect(audit.problems).to_contain_text(sentence)
    expect(audit.text).not_to_contain_text("Traceback")
    audit.has_link(View.from_link(query, tz="Europe/Berlin").to_query())


@pytest.mark.parametrize("text", HONOURED)
def test_odd_characters_in_a_search_are_plain_text(text: str, audit: AuditPage, served_log: AuditLog) -> None:
    view = View.from_link(HONOURED[text])
    audit.open(HONOURED[text])
    expect(audit.search).to_have_value(view.values("q")[0])
    audit.has_link(view.to_query())
    audit.has_ids([event.event_id for event in served_log.page(view).events])
    expect(audit.problems).to_be_hidden()


@pytest.mark.parametrize("link", ["", "tab=team&rows=20&page=2", "q=recording&order=oldest&rows=10", "action=!viewed&outcome=failure"])
def test_the_command_line_lists_exactly_the_rows_of_the_page(link: str, audit: AuditPage, served_store: Path, tmp_path: Path) -> None:
    audit.open(link)
    command = [sys.executable, "-m", "auditlib", "query", audit.page.url, "--store", str(served_store), "--format", "jsonl"]
    places = {"AUDIT_CACHE": str(tmp_path / "cache"), "AUDIT_STATE": str(tmp_path / "state")}
    done = subprocess.run(command, capture_output=True, check=True, cwd=ROOT, env=os.environ | places)
    assert audit.ids() == [json.loads(line)["event_id"] for line in done.stdout.splitlines()]
    assert done.stderr == b""


def test_clicks_over_a_slow_line_are_all_taken(reader: Reader) -> None:
    audit = reader()
    line = SlowLine(audit.page, seconds=0.25)
    audit.page.goto(f"{audit.base}/audit?rows=10")
    line.wait_for("1–10 of")
    for _ in range(3):
        audit.page.locator(".st-key-next button").evaluate("button => button.click()")
        line.wait(0.2)
    line.wait_for("31–40 of")
    audit.rows.nth(2).locator(".toggle button").evaluate("button => button.click()")
    line.wait(1)
    audit.has_link("rows=10&page=4")
    audit.has_range("31–40 of 1,650")
