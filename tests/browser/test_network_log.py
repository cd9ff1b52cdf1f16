"""A whole run of the app over the hostile store, with every request and every word of the console written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from hostile import IDS, METADATA, NAMES, publish_hostile
from playwright.sync_api import Browser, Page, expect

from auditlib.metadata import indented
from auditlib.text import shown_line
from browser.audit_page import SETTLED, AuditPage
from browser.conftest import Watch
from browser.serving import Server

pytestmark = pytest.mark.browser

EVENTS = len(NAMES) + len(IDS) + len(METADATA) + 2
PROBES = ("/_stcore/health", "/_stcore/host-config")
"""What Streamlit's page looks for below its own address first, and does not find."""
SQL = """SELECT actor_name AS "![x](http://evil.test/column.png)", count(*) AS "<img src=x>"
FROM events GROUP BY 1 ORDER BY min(event_id)"""


MARKUP = (
    "[src*='//evil'], [href*='//evil'], [href*='//www.evil'], [href^='mailto'], [src='x'], "
    "[href^='javascript'], [href^='data:text'], [onerror], [onload], [onmouseover], "
    ".katex, iframe:not([title^='st']), object, embed, h1:text-is('Ann'), del, mark"
)


REPORTING = """window.addEventListener("securitypolicyviolation", (event) => {
  if (event.blockedURI !== "wasm-eval") console.error(`against the policy: ${event.violatedDirective} ${event.blockedURI}`)
})"""
"""Streamlit's protobuf library tries whether it may use WebAssembly, and goes on without; everything else that is blocked is ours."""


class Log(Watch):
    """A browser that also keeps every address it asked for and whatever the console says."""

    def __init__(self, browser: Browser, **how: Any) -> None:
        self.asked: list[str] = []
        self.said: list[str] = []
        super().__init__(browser, **how)
        self.context.add_init_script(REPORTING)

    def _asked(self, url: str) -> None:
        self.asked.append(url)
        super()._asked(url)

    def _look(self, page: Page) -> None:
        super()._look(page)
        page.on("console", lambda message: self.said.append(f"{message.type} {message.text} {message.location.get('url', '')}"))

    def close(self) -> None:
        """Closes the browser; fails where a script of the text ran, the console had a complaint, or another host was asked."""
        ran = [page.evaluate("window.__pwned") for page in self.context.pages]
        super().close()
        complaints = [line for line in self.said if line.startswith("error") and not line.partition("404 (Not Found)")[2].endswith(PROBES)]
        assert (ran, complaints) == ([None] * len(ran), [])
        hosts = {urlsplit(url).netloc for url in self.asked if urlsplit(url).scheme not in ("data", "blob", "about")}
        assert len(hosts) == 1, hosts


@pytest.fixture(scope="module")
def hostile_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hostile")
    with Server(publish_hostile(folder / "store"), folder / "server") as running:
        yield running
        told = running.log()
        assert [word for word in ("in-clear", "evil.test", "Keller", "_streamlit", "cookie", "secret") if word in told] == []


def drawn(page: Page) -> None:
    expect(page.locator(SETTLED)).to_be_visible()


def looks_like_text(page: Page) -> None:
    """Nothing on the page is what a text of the record would be as markup."""
    expect(page.locator(MARKUP)).to_have_count(0)
    expect(page.get_by_test_id("stIconMaterial").filter(has_text=re.compile("^(lock|check)$"))).to_have_count(0)


def walk_the_table(audit: AuditPage) -> None:
    """Both pages of the list, rows opened in place, and the side panel from one hostile name to the next."""
    page = audit.page
    audit.open("rows=100&order=oldest")
    expect(page).to_have_title("Audit Logs")
    shown = audit.rows.locator("td.actor .clip").all_text_contents()
    assert shown[: len(NAMES)] == [shown_line(name.text, 120) or "Only blanks" for name in NAMES]
    for place in (0, 19, 34, 46):
        expect(audit.expand(place)).to_contain_text("number")
    looks_like_text(page)
    for first, steps in ((0, 22), (32, 14)):
        audit.open_row(first)
        for place in range(first + 2, first + 2 + steps):
            page.keyboard.press("j")
            expect(audit.panel.locator(".position")).to_have_text(f"{place} of {EVENTS}")
        looks_like_text(page)
        page.keyboard.press("Escape")
        expect(audit.panel).to_be_hidden()
    audit.open_row(len(NAMES))
    looks_like_text(page)
    audit.panel.get_by_role("button", name="Tree").click()
    page.keyboard.press("Escape")
    expect(audit.panel).to_be_hidden()
    audit.open("rows=100&page=2&order=oldest")
    for place in range(0, audit.rows.count(), 3):
        audit.expand(place)
    expect(page.locator("body")).not_to_contain_text("in-clear")
    looks_like_text(page)


def use_the_filters(audit: AuditPage) -> None:
    """People who are offered and chosen, facets, texts typed into the search, and an empty page."""
    page = audit.page
    audit.open()
    for text in ("Ann", "<img", "![x]", "\u0410nna", ":material", "$x"):
        audit.sidebar.get_by_role("searchbox", name="Interviewer").fill(text)
        expect(page.locator(".st-key-matches button:visible").first).to_be_visible()
        drawn(page)
        looks_like_text(page)
    page.locator(".st-key-matches button:visible").first.click()
    expect(audit.chips.first).to_contain_text("Interviewer")
    for by in ("Actor", "Resource", "Outcome", "Action"):
        page.locator(".st-key-overview").get_by_role("radio", name=by, exact=True).click()
        drawn(page)
        looks_like_text(page)
    audit.press("Clear all")
    audit.has_chips()
    page.get_by_role("combobox", name="Action").fill(":mat")
    page.get_by_role("option", name=":material/lock: <b>x</b>").click()
    audit.has_chips("Action :material/lock: <b>x</b>")
    page.keyboard.press("Escape")
    looks_like_text(page)
    audit.drop_chip("Action")
    audit.has_chips()
    audit.search.fill("<b>![x](http://evil.test/q.png) :material/lock: $x^2$")
    expect(audit.nothing).to_contain_text("![x](http")
    looks_like_text(page)
    audit.choose_tab("Team")
    drawn(page)


def explore(audit: AuditPage) -> None:
    """Every ready question with its chart, and an answer of the desk with a chart, a file and an opened event."""
    page = audit.page
    for show in ("who", "pivot", "hours", "seen", "rare"):
        page.goto(f"{audit.base}/explore?{urlencode({'show': show, 'by': 'actor'})}")
        expect(page.locator(".st-key-explore_status")).to_contain_text("Done", timeout=30_000)
        drawn(page)
        chart = page.locator(".st-key-explore_drawn canvas, .st-key-explore_drawn svg").first
        expect(chart).to_be_visible()
        box = chart.bounding_box()
        assert box
        for share in (0.4, 0.55, 0.7):
            page.mouse.move(box["x"] + box["width"] * share, box["y"] + min(box["height"] * share, 400))
    page.goto(f"{audit.base}/explore?{urlencode({'sql': SQL})}")
    expect(page.locator(".st-key-explore_status")).to_contain_text("Done", timeout=30_000)
    chart = page.locator(".st-key-explore_chart canvas, .st-key-explore_chart svg").first
    expect(chart).to_be_visible()
    chart.hover()
    looks_like_text(page)
    page.goto(f"{audit.base}/explore?{urlencode({'sql': 'SELECT event_id, actor_name FROM events ORDER BY 1'})}")
    expect(page.locator(".st-key-explore_status")).to_contain_text("Done", timeout=30_000)
    drawn(page)
    page.locator(".dvn-scroller").first.click(position={"x": 90, "y": 52})
    expect(audit.panel.locator(".entry header")).to_be_visible()
    looks_like_text(page)


def export(audit: AuditPage, folder: Path) -> None:
    """A file of the events and one of an answer; both keep to safe names."""
    page = audit.page
    audit.open("rows=10")
    page.locator(".st-key-export button").first.click()
    audit.press("Prepare file")
    file = audit.download(page.get_by_role("link", name=re.compile("Download")), folder)
    assert re.fullmatch(r"[A-Za-z0-9.-]+", file.name)
    assert file.read_text(encoding="utf-8").count("ev-") >= EVENTS


@pytest.mark.parametrize(
    "how",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
    ],
    ids=["wide and light", "a phone and dark"],
)
def test_a_whole_run_over_hostile_text_asks_no_other_host_and_runs_no_script_of_it(
    how: dict[str, Any], hostile_server: Server, browser: Browser, tmp_path: Path
) -> None:
    log = Log(browser, **how)
    audit = AuditPage(log.context.new_page(), hostile_server.base)
    if "viewport" not in how:
        walk_the_table(audit)
        use_the_filters(audit)
        explore(audit)
        export(audit, tmp_path)
    else:
        for link in ("audit?rows=100&order=oldest", "audit?event=ev-000000", "audit?event=ev-000203", "audit?actor=U34&candidate=C48"):
            audit.page.goto(f"{audit.base}/{link}")
            drawn(audit.page)
            assert audit.page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), link
            looks_like_text(audit.page)
        audit.page.goto(f"{audit.base}/explore?show=rare&by=actor")
        expect(audit.page.locator(".st-key-explore_status")).to_contain_text("Done", timeout=30_000)
    for page in ("integrity", "ledger"):
        audit.page.goto(f"{audit.base}/{page}")
        drawn(audit.page)
    log.close()


def secret(what: str) -> str:
    """The id of the event with a hostile metadata."""
    return f"ev-{400 + [each.what for each in METADATA].index(what):06d}"


@pytest.fixture
def secrets(hostile_server: Server, browser: Browser) -> Iterator[AuditPage]:
    """A page on the hostile store, in a browser that notes what it should not do."""
    log = Log(browser)
    yield AuditPage(log.context.new_page(), hostile_server.base)
    log.close()


def test_a_secret_is_revealed_on_request_until_it_is_hidden_closed_or_left(secrets: AuditPage) -> None:
    audit, page = secrets, secrets.page
    audit.open(f"q={secret('a secret').replace('ev-', 'BK')}")
    card = audit.expand(0)
    expect(card).to_contain_text("1 secret value hidden.")
    card.get_by_role("button", name="Reveal").click()
    expect(card).to_contain_text("hunter2-in-clear")
    expect(card).to_contain_text("1 secret value shown, as the ledger records.")
    card.get_by_role("button", name="Copy").dblclick()
    expect(card.get_by_text("Copied")).to_be_visible()
    assert "hunter2-in-clear" in audit.clipboard()
    card.get_by_role("button", name="Hide").click()
    expect(card).not_to_contain_text("in-clear")
    card.get_by_role("button", name="Reveal").click()
    expect(card).to_contain_text("hunter2-in-clear")
    toggle = audit.rows.nth(0).get_by_role("button", name="Metadata")
    toggle.click()
    expect(audit.cards).to_have_count(0)
    audit.settle()
    toggle.click()
    expect(card).to_contain_text("1 secret value hidden.")
    audit.open_row(0)
    audit.panel.get_by_role("button", name="Reveal").click()
    expect(audit.panel).to_contain_text("hunter2-in-clear")
    page.keyboard.press("Escape")
    expect(audit.panel).to_be_hidden()
    page.get_by_test_id("stSidebar").get_by_role("link", name="Integrity").click()
    expect(page.get_by_role("heading", name="Integrity")).to_be_visible()
    page.go_back()
    expect(audit.rows).to_have_count(1)
    drawn(page)
    expect(page.locator("body")).not_to_contain_text("in-clear")


@pytest.mark.parametrize("what", ["a secret in a string", "a secret spelled in escapes", "a secret far down"])
def test_a_secret_that_is_hard_to_find_is_hidden_and_revealed_as_it_was_recorded(what: str, secrets: AuditPage) -> None:
    audit = secrets
    audit.open(f"event={secret(what)}")
    expect(audit.panel).to_contain_text("1 secret value hidden.")
    expect(audit.panel).not_to_contain_text("in-clear")
    audit.panel.get_by_role("button", name="Reveal").click()
    recorded = next(each.text for each in METADATA if each.what == what)
    shown = indented(recorded).split("\n")
    expect(audit.panel.locator(".line")).to_have_text(shown)


def test_where_the_ledger_cannot_be_written_a_secret_stays_hidden_with_a_sentence(secrets: AuditPage, hostile_server: Server) -> None:
    audit = secrets
    audit.open(f"event={secret('a secret')}")
    ledgers = hostile_server.folder / "state" / "ledger"
    ledgers.rename(ledgers.with_name("away"))
    ledgers.write_text("a file in the place of the folder")
    try:
        audit.panel.get_by_role("button", name="Reveal").click()
        expect(audit.panel).to_contain_text("1 secret value hidden. This is refused, since it cannot be recorded.")
        expect(audit.panel).not_to_contain_text("in-clear")
    finally:
        ledgers.unlink()
        ledgers.with_name("away").rename(ledgers)
    audit.panel.get_by_role("button", name="Reveal").click()
    expect(audit.panel).to_contain_text("hunter2-in-clear")
