"""The side panel and the keyboard: one event whole, its neighbours, and filters that start from it."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from auditlib import vocabulary
from auditlib.log import AuditLog
from auditlib.view import View
from browser.audit_page import AuditPage
from browser.conftest import Reader

pytestmark = pytest.mark.browser


def test_the_panel_shows_who_what_when_and_the_change_before_and_after(audit: AuditPage, served_log: AuditLog) -> None:
    link = "action=updated&type=interview_booking"
    event = served_log.event(served_log.page(View.from_link(link)).events[0].event_id)
    change = json.loads(event.changes or "")[0]
    audit.open(link)
    audit.open_row(0)
    panel = audit.panel
    for words in (event.actor_name, "Updated", event.event_id, vocabulary.resource_label(event.resource_type), "Europe/Berlin", "UTC"):
        expect(panel).to_contain_text(words or "")
    row = panel.locator("table.diff tbody tr").first
    expect(row.locator("th")).to_have_attribute("title", change["field"])
    before, after = row.locator("td").all_inner_texts()
    assert (before, after) != ("", "")
    assert before != after


def test_metadata_reads_as_text_and_as_a_tree(audit: AuditPage) -> None:
    audit.open("action=approved")
    audit.open_row(0)
    expect(audit.panel.locator(".code .line").first).to_have_text("{")
    audit.panel.get_by_role("button", name="Tree").click()
    expect(audit.panel.locator(".tree")).to_be_visible()
    expect(audit.panel.locator(".code")).to_have_count(0)
    expect(audit.panel.get_by_role("button", name="Tree")).to_have_attribute("aria-pressed", "true")
    audit.panel.get_by_role("button", name="Text").click()
    expect(audit.panel.locator(".code .line").first).to_have_text("{")


def test_a_value_of_the_panel_becomes_a_filter(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("action=approved&page=1")
    audit.open_row(0)
    event = served_log.event(audit.ids()[0])
    audit.panel.locator("header .pivot").click()
    expect(audit.panel).to_be_hidden()
    audit.has_link(f"action=approved&actor={event.actor_id}")
    audit.has_chips("Action Approved", f"Actor {event.actor_name}")
    audit.has_ids([each.event_id for each in served_log.page(View.from_link(f"action=approved&actor={event.actor_id}")).events])


def test_a_value_of_the_panel_can_be_excluded(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("action=approved")
    audit.open_row(0)
    event = served_log.event(audit.ids()[0])
    audit.panel.get_by_role("button", name=f"Exclude {event.resource_id} from the list").click()
    expect(audit.panel).to_be_hidden()
    link = f"action=approved&resource=!{event.resource_type}:{event.resource_id}"
    audit.has_link(link)
    audit.has_range(f"1–{min(50, served_log.total(View.from_link(link)))} of {served_log.total(View.from_link(link))}")
    assert event.event_id not in audit.ids()


def test_previous_and_next_step_through_entries_and_across_a_page(audit: AuditPage, served_log: AuditLog) -> None:
    every = [event.event_id for event in served_log.page(View.from_link("action=created&rows=50")).events]
    audit.open("action=created&rows=10")
    audit.open_row(8)
    audit.panel.get_by_role("button", name="Next entry").click()
    audit.has_link(f"action=created&rows=10&event={every[9]}")
    expect(audit.panel).to_contain_text(every[9])
    audit.panel.get_by_role("button", name="Next entry").click()
    audit.has_link(f"action=created&rows=10&page=2&event={every[10]}")
    expect(audit.panel).to_contain_text(every[10])
    audit.has_ids(every[10:20])
    audit.panel.get_by_role("button", name="Previous entry").click()
    audit.has_link(f"action=created&rows=10&event={every[9]}")
    expect(audit.panel).to_contain_text(every[9])
    audit.has_ids(every[:10])
    audit.page.keyboard.press("Escape")
    audit.has_link("action=created&rows=10")
    expect(audit.rows.nth(9)).to_be_focused()


def test_the_first_entry_has_no_previous_and_the_last_no_next(audit: AuditPage) -> None:
    audit.open("action=recording_failed")
    last = len(audit.ids()) - 1
    audit.open_row(0)
    expect(audit.panel.get_by_role("button", name="Previous entry")).to_have_attribute("aria-disabled", "true")
    audit.page.keyboard.press("Escape")
    audit.open_row(last)
    expect(audit.panel.get_by_role("button", name="Next entry")).to_have_attribute("aria-disabled", "true")


def test_the_focus_returns_to_the_row_when_its_entry_closes(audit: AuditPage) -> None:
    audit.open("rows=20")
    audit.open_row(4)
    audit.page.keyboard.press("Escape")
    expect(audit.panel).to_be_hidden()
    expect(audit.rows.nth(4)).to_be_focused()


def test_an_entry_outside_the_filters_opens_with_a_notice_and_without_neighbours(
    audit: AuditPage, traps: dict[str, tuple[str, ...]]
) -> None:
    (event,) = traps["unknown_type"]
    audit.open(f"action=approved&event={event}")
    expect(audit.panel).to_contain_text(event)
    expect(audit.panel).to_contain_text("This entry is not among the results, hidden by Action Approved")
    expect(audit.panel.get_by_role("button", name="Next entry")).to_be_hidden()
    audit.page.keyboard.press("Escape")
    audit.has_link("action=approved")


def test_a_hidden_entry_is_shown_in_the_list_by_one_click(audit: AuditPage, served_log: AuditLog) -> None:
    event = served_log.page(View(tab="team", page=3)).events[7]
    audit.open(f"q={event.event_id}&outcome=denied&rows=10")
    expect(audit.page.locator(".st-key-hidden")).to_contain_text(f"{event.event_id} is the id of an event, hidden by Outcome Denied")
    audit.press("Show it")
    expect(audit.panel).to_contain_text(event.event_id)
    assert event.event_id in audit.ids()
    audit.page.keyboard.press("Escape")
    expect(audit.page.locator(".st-key-hidden")).to_be_hidden()


def test_an_unknown_event_gives_a_sentence_and_the_list(audit: AuditPage) -> None:
    audit.open("action=approved&event=01ZZZZZZZZZZZZZZZZ")
    expect(audit.text).to_contain_text("No event '01ZZZZZZZZZZZZZZZZ' in this log")
    expect(audit.panel).to_be_hidden()
    expect(audit.rows.first).to_be_visible()
    audit.has_link("action=approved")


@pytest.mark.parametrize(
    ("trap", "words"),
    [
        ("metadata_empty", "Little was recorded"),
        ("missing_actor", "Not recorded"),
        ("one_sided_changes", "not recorded"),
        ("same_id_other_metadata", "Conflict"),
        ("unknown_action", "booking.reminder_bounced"),
        ("ip_is_host_name", "vpn-gateway.northwind.example.test"),
        ("no_time", "unknown time"),
        ("metadata_not_json", "Not valid JSON; shown as recorded."),
    ],
)
def test_the_panel_of_an_odd_event_says_what_it_is(trap: str, words: str, audit: AuditPage, traps: dict[str, tuple[str, ...]]) -> None:
    audit.open(f"event={traps[trap][0]}")
    expect(audit.panel.locator(".entry header")).to_be_visible()
    expect(audit.panel).to_contain_text(words)


def test_rows_are_walked_opened_and_expanded_by_keyboard_alone(audit: AuditPage) -> None:
    audit.open("rows=10")
    keys = audit.page.keyboard
    audit.rows.first.focus()
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    expect(audit.rows.nth(2)).to_be_focused()
    keys.press("Space")
    expect(audit.page.locator("#metadata-2 .card .bar")).to_be_visible()
    expect(audit.rows.nth(2).get_by_role("button", name="Metadata")).to_have_attribute("aria-expanded", "true")
    keys.press("Space")
    expect(audit.cards).to_have_count(0)
    keys.press("ArrowUp")
    keys.press("Enter")
    expect(audit.panel).to_contain_text(audit.ids()[1])
    keys.press("Escape")
    expect(audit.panel).to_be_hidden()
    expect(audit.rows.nth(1)).to_be_focused()
    keys.press("End")
    expect(audit.rows.nth(9)).to_be_focused()
    keys.press("/")
    expect(audit.search).to_be_focused()
    expect(audit.search).to_have_value("")


def test_arrow_keys_step_through_entries_while_the_panel_is_open(audit: AuditPage) -> None:
    audit.open("rows=10")
    audit.open_row(0)
    audit.page.keyboard.press("j")
    expect(audit.panel).to_contain_text(audit.ids()[1])
    audit.page.keyboard.press("k")
    expect(audit.panel).to_contain_text(audit.ids()[0])


def test_times_are_shown_in_the_zone_of_the_viewer(reader: Reader, served_log: AuditLog) -> None:
    event = served_log.page(View.from_link("")).events[0]
    assert event.occurred_at
    audit = reader(timezone_id="Pacific/Auckland").open()
    expect(audit.text).to_contain_text("Times in Pacific/Auckland")
    first = audit.rows.first.locator("td.when")
    expect(first).to_contain_text(f"{event.occurred_at.astimezone(ZoneInfo('Pacific/Auckland')):%H:%M:%S}")
    expect(first).to_have_attribute("title", f"{event.occurred_at:%Y-%m-%dT%H:%M:%S.%fZ}")
