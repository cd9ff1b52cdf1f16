"""Text that came from data stays text, wherever it is shown; the browsers themselves note any request, dialog or script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from auditlib.demo.pitfalls import NAMES
from auditlib.log import AuditLog
from auditlib.text import one_line
from browser.audit_page import AuditPage

pytestmark = pytest.mark.browser


def plain(text: str, limit: int = 300) -> str:
    """The text as it can be seen: on one line, unseen characters written out."""
    return one_line(text, limit)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "long"])
def test_a_hostile_name_stays_text_in_table_panel_chips_and_matches(
    name: str, audit: AuditPage, served_log: AuditLog, traps: dict[str, tuple[str, ...]]
) -> None:
    event = served_log.event(traps[f"name_{name}"][0])
    shown = plain(NAMES[name])
    assert event.candidate_id and event.actor_name == NAMES[name]
    audit.open(f"candidate={event.candidate_id}&actor={event.candidate_id}&event={event.event_id}")
    expect(audit.panel.locator("header .pivot")).to_have_text(shown)
    expect(audit.panel.locator("dd .pivot", has_text=shown).first).to_have_text(shown)
    expect(audit.rows.first.locator("td.actor .clip")).to_have_text(shown)
    expect(audit.page).to_have_title("Audit Logs")
    audit.page.keyboard.press("Escape")
    expect(audit.panel).to_be_hidden()
    audit.has_chips(f"Candidate {shown}", f"Actor {shown}")
    expect(audit.page.locator('[class*="st-key-match_chosen"] button:visible p')).to_have_text(shown)
    audit.press("Clear all")
    audit.has_chips()
    audit.sidebar.get_by_role("searchbox", name="Candidate").fill(NAMES[name])
    match = audit.page.locator(".st-key-matches button:visible p").first
    expect(match).to_contain_text(shown[:38])
    marks = audit.page.locator(".st-key-matches, .st-key-chips, .st-key-events, .st-key-problems")
    expect(marks.locator("img, a, strong, em, script, .katex, iframe")).to_have_count(0)
    expect(audit.page.locator(".st-key-matches [data-testid=stIconMaterial]")).to_have_count(0)


def test_a_very_long_name_is_cut_and_moves_nothing(audit: AuditPage, served_log: AuditLog, traps: dict[str, tuple[str, ...]]) -> None:
    event = served_log.event(traps["name_long"][0])
    audit.open(f"candidate={event.candidate_id}")
    expect(audit.chips).to_contain_text("…")
    assert audit.page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    row = audit.rows.first.bounding_box()
    assert row and row["height"] < 60


@pytest.mark.parametrize("text", [NAMES["image"], NAMES["markdown"], NAMES["icon"], NAMES["formula"], "http://evil.test/x", "<b>x</b>"])
def test_hostile_text_typed_into_the_search_stays_text(text: str, audit: AuditPage) -> None:
    audit.open("action=approved")
    audit.search.fill(text)
    audit.has_chips(f"Search “{text}”", "Action Approved")
    audit.has_range("0–0 of 0")
    expect(audit.nothing).to_contain_text(f"Search “{text}”")
    expect(audit.nothing.locator("img, a, .katex")).to_have_count(0)
    audit.sidebar.get_by_role("searchbox", name="Interviewer").fill(text)
    expect(audit.sidebar).to_contain_text("Nobody by that name yet.")


@pytest.mark.parametrize("trap", ["script_keys", "not_json"])
def test_hostile_metadata_stays_text_as_lines_and_as_a_tree(trap: str, audit: AuditPage, traps: dict[str, tuple[str, ...]]) -> None:
    audit.open(f"event={traps[f'metadata_{trap}'][0]}")
    expect(audit.panel.locator(".code .line").first).to_be_visible()
    audit.panel.get_by_role("button", name="Tree").click()
    words = "onerror=alert(1)" if trap == "script_keys" else "This text is not JSON, so it has no tree."
    expect(audit.panel.locator(".metadata")).to_contain_text(words)
    expect(audit.panel.locator("img, script")).to_have_count(0)


def test_a_hostile_event_id_in_a_link_is_shown_as_text(audit: AuditPage) -> None:
    audit.open("event=" + "%21[](http://evil.test/x.png)")
    expect(audit.problems).to_contain_text("Ignored event='![](http\u200b://evil.test/x.png)': expected an event id.")
    expect(audit.problems.locator("img, a")).to_have_count(0)
