"""The ledger: what people do in a browser is recorded once each, can be read like the log, and is refused where it cannot be recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from identity import Provider, sign_in
from playwright.sync_api import Browser, expect
from waiting import soon

from auditlib.access.proof import lines, verify_ledger
from auditlib.text import short_id
from browser.audit_page import SETTLED, AuditPage
from browser.conftest import Reader
from browser.serving import Server

pytestmark = pytest.mark.browser

LINK = "tab=team&action=updated&rows=10"


class Told:
    """What the ledger of a server was told since now."""

    def __init__(self, server: Server) -> None:
        self._ledgers = server.folder / "state" / "ledger"
        self._before = 0
        self._before = len(self.entries())

    @property
    def folder(self) -> Path:
        (found,) = self._ledgers.iterdir()
        return found

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in lines(self.folder)][self._before :] if self._ledgers.is_dir() else []

    def actions(self) -> list[str]:
        return [entry["action"] for entry in self.entries()]

    def become(self, *actions: str) -> list[dict[str, Any]]:
        """Waits until exactly these actions are told, oldest first; gives their entries."""
        soon(lambda: self.actions() == list(actions))
        assert self.actions() == list(actions)
        return self.entries()


@pytest.fixture(scope="module")
def shared(small_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that several tests share; nobody else uses it."""
    with Server(small_store, tmp_path_factory.mktemp("ledger")) as running:
        yield running


@pytest.fixture
def started(shared: Server, reader: Reader) -> tuple[AuditPage, Told]:
    """A browser of its own on the server, and what its ledger is told from now on."""
    return reader(shared), Told(shared)


def prepare(audit: AuditPage, label: str) -> None:
    audit.page.locator(".st-key-export button").first.click()
    audit.page.locator(".st-key-export_format").get_by_role("combobox").click()
    audit.pick(label)
    audit.press("Prepare file")


def desk(audit: AuditPage, sql: str) -> None:
    audit.page.goto(f"{audit.base}/explore?show=sql&sql={sql}")
    expect(audit.page.get_by_role("heading", name="Explore")).to_be_visible(timeout=30_000)


def opened(audit: AuditPage, query: str = "") -> AuditPage:
    """The ledger, at a link."""
    audit.page.goto(f"{audit.base}/ledger?{query}" if query else f"{audit.base}/ledger")
    expect(audit.range).to_be_visible(timeout=30_000)
    return audit.settle()


def told_rows(audit: AuditPage) -> list[str]:
    """Action and resource of each row that the page shows."""
    return [" ".join(text.split()) for text in audit.page.locator("tr.row").locator("td:nth-child(3), td:nth-child(4)").all_inner_texts()]


def test_each_thing_that_is_done_is_told_once_with_who_did_it_and_of_which_head(started: tuple[AuditPage, Told], tmp_path: Path) -> None:
    audit, told = started
    audit.open(LINK)
    (viewed,) = told.become("viewed")
    head = requests.get(f"{audit.base}/healthz").json()["head"].partition(":")[2]
    assert (viewed["who"]["id"], viewed["who"]["local"], viewed["head"]) == ("local", True, head)
    assert viewed["link"] == f"/audit?{LINK}"
    assert viewed["count"] == int(audit.range.inner_text().replace(",", "").split()[-1])
    assert viewed["agent"].startswith("Mozilla/")
    first, second, third = audit.ids()[:3]
    card = audit.expand(1)
    audit.settle()
    expanded = told.become("viewed", "expanded")[1]
    assert (expanded["event"], expanded["head"]) == (second, head)
    audit.open_row(0)
    entry = told.become("viewed", "expanded", "opened")[2]
    assert (entry["event"], entry["session"]) == (first, viewed["session"])
    assert entry["related"]
    audit.panel.get_by_role("button", name="Next").click()
    expect(audit.panel).to_contain_text("2 of")
    audit.page.keyboard.press("Escape")
    expect(audit.panel).to_have_count(0)
    audit.settle()
    told.become("viewed", "expanded", "opened", "opened")
    file = audit.download(card.get_by_role("link", name="Download").or_(card.get_by_role("button", name="Download")).first, tmp_path)
    *_, taken = told.become("viewed", "expanded", "opened", "opened", "downloaded")
    assert (taken["event"], taken["detail"]) == (second, {"name": file.name, "bytes": file.stat().st_size})
    before = told.actions()
    prepare(audit, "JSON lines, lossless")
    button = audit.page.get_by_role("link", name=re.compile(r"^Download \("))
    expect(button).to_be_visible()
    *_, exported = told.become(*before, "exported")
    file = audit.download(button, tmp_path)
    *_, taken = told.become(*before, "exported", "downloaded")
    assert exported["detail"] == {"name": file.name, "format": "jsonl", "bytes": file.stat().st_size}
    assert (exported["count"], exported["link"], taken["detail"]["name"]) == (viewed["count"], viewed["link"], file.name)
    assert third in file.read_text()
    desk(audit, "SELECT 1 AS one")
    expect(audit.page.locator(".st-key-explore_status")).to_contain_text("Done 1 row in", timeout=30_000)
    *_, looked, asked = told.become(*before, "exported", "downloaded", "viewed", "queried")
    assert looked["link"].startswith("/explore")
    assert (asked["detail"]["sql"], asked["head"]) == ("SELECT 1 AS one", head)
    audit.page.goto(f"{audit.base}/integrity")
    audit.press("Verify again")
    expect(audit.page.get_by_text("Every byte was read again")).to_be_visible()
    told.become(*before, "exported", "downloaded", "viewed", "queried", "viewed", "verified")
    assert verify_ledger(told.folder).ok


def test_what_is_copied_and_what_is_revealed_is_told_once_for_each_press(started: tuple[AuditPage, Told]) -> None:
    audit, told = started
    audit.open("action=participant_joined&rows=10")
    audit.open_row(0)
    audit.panel.get_by_role("button", name="Copy", exact=True).click()
    told.become("viewed", "opened", "copied")
    audit.panel.get_by_role("button", name="Reveal").click()
    expect(audit.panel.get_by_role("button", name="Hide")).to_be_visible()
    told.become("viewed", "opened", "copied", "revealed")
    audit.panel.get_by_role("button", name="Copy", exact=True).click()
    *_, hidden, _, shown = told.become("viewed", "opened", "copied", "revealed", "copied")
    assert {hidden["event"], shown["event"]} == {audit.ids()[0]}
    assert (hidden["detail"], shown["detail"]) == ({"secrets": "hidden"}, {"secrets": "shown"})


def test_the_ledger_is_read_like_the_log_and_reading_it_is_told(small_store: Path, serve: Callable[..., Server], reader: Reader) -> None:
    server = serve(small_store)
    audit, told = reader(server), Told(server)
    audit.page.goto(f"{audit.base}/ledger")
    expect(audit.text).to_contain_text("Nobody has read anything yet.", timeout=30_000)
    audit.open(LINK)
    audit.open_row(2)
    event_id = audit.ids()[2]
    audit.panel.get_by_role("button", name="Who has read this event").click()
    expect(audit.page.get_by_role("heading", name="Ledger", exact=True)).to_be_visible()
    audit.has_range("1–1 of 1")
    audit.has_chips(f"Related Event {short_id(event_id)}")
    assert unquote(audit.page.url) == f"{audit.base}/ledger?related=event:{event_id}"
    assert told_rows(audit)[0] == "Opened"
    expect(audit.page.get_by_role("tab")).to_have_count(0)
    *_, read = told.entries()
    assert (read["action"], read["link"], read["count"]) == ("viewed", f"/ledger?related=event:{event_id}", 1)
    audit.press("Clear all")
    audit.has_range("1–3 of 3")
    audit.press("Refresh")
    audit.has_range("1–5 of 5")
    assert told_rows(audit)[::2] == ["Viewed", "Viewed", "Opened", "Viewed", "Viewed"]
    audit.search.fill("audit_event")
    audit.has_range("1–1 of 1")
    audit.open_row(0)
    expect(audit.panel).to_contain_text("Local admin", ignore_case=True)
    expect(audit.panel).to_contain_text(event_id[:8])
    link = audit.page.url
    audit.page.goto("about:blank")
    opened(audit, link.partition("?")[2])
    expect(audit.panel).to_contain_text("Opened")
    audit.page.keyboard.press("Escape")
    audit.sidebar.get_by_role("link", name="Audit Logs").click()
    expect(audit.page.get_by_role("tab", name="Interviews")).to_be_visible()
    audit.page.go_back()
    expect(audit.page.get_by_role("heading", name="Ledger", exact=True)).to_be_visible()
    assert verify_ledger(told.folder).ok


def test_where_nothing_can_be_recorded_exports_and_sql_are_refused_and_viewing_goes_on(started: tuple[AuditPage, Told]) -> None:
    audit, told = started
    audit.open(LINK)
    prepare(audit, "JSON lines, lossless")
    button = audit.page.get_by_role("link", name=re.compile(r"^Download \("))
    expect(button).to_be_visible()
    address = f"{audit.base}/export/{(button.get_attribute('href') or '').rpartition('/')[2]}"
    ledgers = told.folder.parent
    ledgers.rename(ledgers.with_name("away"))
    ledgers.write_text("a file in the place of the folder")
    answer = requests.get(address)
    assert (answer.status_code, answer.text) == (
        503,
        "This is refused, since it cannot be recorded. The ledger cannot be written: Not a directory",
    )
    audit.page.keyboard.press("Escape")
    banner = audit.page.locator(".st-key-unrecorded")
    audit.press("Next")
    expect(banner).to_be_visible()
    audit.open("tab=team")
    expect(banner).to_contain_text("What is read cannot be recorded. The ledger cannot be written: Not a directory. Viewing goes on.")
    audit.open_row(0)
    expect(audit.panel.locator(".entry header")).to_be_visible()
    audit.page.keyboard.press("Escape")
    expect(audit.panel).to_have_count(0)
    audit.settle()
    prepare(audit, "CSV for spreadsheets")
    expect(audit.page.get_by_text("This is refused, since it cannot be recorded.")).to_be_visible()
    expect(button).to_have_count(0)
    desk(audit, "SELECT 1 AS one")
    expect(audit.page.get_by_test_id("stAlertContentError")).to_contain_text("This is refused, since it cannot be recorded.")
    expect(audit.page.locator(".st-key-explore_status")).to_have_count(0)
    ledgers.unlink()
    ledgers.with_name("away").rename(ledgers)
    audit.page.get_by_role("button", name="Ask again").click()
    expect(audit.page.locator(".st-key-explore_status")).to_contain_text("Done 1 row in", timeout=30_000)
    audit.open(LINK)
    expect(banner).to_have_count(0)
    assert verify_ledger(told.folder).ok


def test_an_outsider_sees_no_ledger_and_knocking_is_counted(started: tuple[AuditPage, Told], browser: Browser) -> None:
    audit, told = started
    outside = AuditPage(browser.new_context(extra_http_headers={"X-Forwarded-For": "203.0.113.9"}).new_page(), audit.base)
    outside.page.goto(f"{audit.base}/ledger?related=event:ev-1")
    expect(outside.text).to_contain_text("Admins only.")
    expect(outside.page.locator(".st-key-navigation")).to_have_count(0)
    (denied,) = told.become("denied")
    assert (denied["who"], denied["link"], denied["count"]) == (None, "/ledger?related=event:ev-1", 1)
    for _ in range(30):
        assert requests.get(f"{audit.base}/export/guess", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    told.become("denied", "denied")
    opened(audit, "outcome=denied")
    audit.has_range("1–3 of 3")
    assert sum(entry["count"] for entry in told.entries() if entry["action"] == "denied") == 31
    outside.page.context.close()


def test_with_sign_in_each_entry_names_its_person_and_only_the_roles_for_it_read_them(
    small_store: Path, tmp_path: Path, browser: Browser
) -> None:
    with Provider(tmp_path) as provider:
        server = Server(small_store, tmp_path / "server", settings={"AUDIT_LEDGER_ROLES": "owner"})
        server.options = provider.secrets(tmp_path, server.base)
        with server:
            audits, told = {}, Told(server)
            for person in ("cora", "adam", "olga"):
                context = browser.new_context()
                for part in sign_in(server.base, person)[1].header().split("; "):
                    context.add_cookies([{"name": part.partition("=")[0], "value": part.partition("=")[2], "url": server.base}])
                audits[person] = AuditPage(context.new_page(), server.base)
            cora, adam, olga = audits.values()
            cora.page.goto(f"{server.base}/ledger")
            expect(cora.text).to_contain_text("Admins only.")
            adam.open(LINK)
            expect(adam.page.locator(".st-key-navigation")).to_contain_text("Integrity")
            expect(adam.page.locator(".st-key-navigation")).not_to_contain_text("Ledger")
            adam.open_row(0)
            expect(adam.panel.get_by_role("button", name="Who has read this event")).to_have_count(0)
            adam.page.goto(f"{server.base}/ledger")
            expect(adam.text).to_contain_text("Your account may not read the ledger")
            opened(olga)
            olga.has_range("1–4 of 4")
            who = [(entry["action"], entry["who"]["id"], entry["who"]["roles"]) for entry in told.entries()]
            assert who == [
                ("denied", "cora@example.test", ["campaign_manager"]),
                ("viewed", "adam@example.test", ["admin", "member"]),
                ("opened", "adam@example.test", ["admin", "member"]),
                ("denied", "adam@example.test", ["admin", "member"]),
                ("viewed", "olga@example.test", ["owner"]),
            ]
            for audit in audits.values():
                audit.page.context.close()


def test_on_a_phone_nothing_scrolls_sideways(server: Server, reader: Reader) -> None:
    audit = reader(server, viewport={"width": 390, "height": 844}).open()
    opened(audit)
    expect(audit.page.locator(SETTLED)).to_be_visible()
    assert audit.page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
