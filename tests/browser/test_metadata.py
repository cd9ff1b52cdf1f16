"""Metadata on the page: rows opened in place, what Copy copies, and what Download gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from auditlib import metadata
from auditlib.log import AuditLog
from auditlib.vocabulary import INTERVIEW_TYPES
from browser.audit_page import AuditPage

pytestmark = pytest.mark.browser


def open_event(audit: AuditPage, log: AuditLog, event_id: str) -> int:
    """Opens the page on which an event stands alone by its resource or at its minute; gives its row."""
    event = log.event(event_id)
    tab = "" if event.resource_type in INTERVIEW_TYPES else "tab=team&"
    assert event.occurred_at
    minute = f"{event.occurred_at:%Y-%m-%dT%H:%M}"
    later = f"{event.occurred_at.replace(hour=23, minute=59):%Y-%m-%dT%H:%M}"
    audit.open(f"{tab}from={minute}&to={later}&tz=UTC&order=oldest")
    expect(audit.rows.first).to_be_visible()
    return audit.ids().index(event_id)


def flat(text: str) -> Any:
    """JSON as a value in which repeated keys stay and numbers keep their spelling."""
    return json.loads(text, object_pairs_hook=list, parse_int=str, parse_float=str)


def test_two_rows_stand_open_at_once_with_the_metadata_of_the_record(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("action=approved&rows=10")
    first, second = audit.expand(0), audit.expand(2)
    expect(audit.cards).to_have_count(2)
    recorded = served_log.metadata(audit.ids())
    for place, card in ((0, first), (2, second)):
        text = metadata.indented(metadata.masked(recorded[audit.ids()[place]])[0])
        expect(card.locator(".line").first).to_be_visible()
        assert card.locator(".line").all_text_contents() == text.split("\n")
    audit.rows.nth(0).get_by_role("button", name="Metadata").click()
    expect(audit.cards).to_have_count(1)
    expect(second).to_be_visible()
    expect(audit.panel).to_be_hidden()


def test_copy_gives_the_indented_json_and_says_so(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("action=approved&rows=10")
    card = audit.expand(1)
    card.get_by_role("button", name="Copy").click()
    expect(card.get_by_text("Copied")).to_be_visible()
    recorded = served_log.metadata(audit.ids())[audit.ids()[1]]
    assert audit.clipboard() == metadata.indented(recorded)
    assert flat(audit.clipboard()) == flat(recorded)


def test_download_gives_the_recorded_bytes(audit: AuditPage, served_log: AuditLog, tmp_path: Path) -> None:
    audit.open("action=approved&rows=10")
    card = audit.expand(1)
    event_id = audit.ids()[1]
    file = audit.download(card.get_by_role("button", name="Download JSON"), tmp_path)
    assert file.name == f"event-{event_id}.json"
    assert file.read_bytes() == served_log.metadata([event_id])[event_id].encode()


TRAPS = ("secret_in_text", "huge", "2_mb", "deep", "null_byte", "long_integer", "not_json", "duplicate_keys", "script_keys")


@pytest.mark.parametrize("trap", TRAPS)
def test_odd_metadata_is_shown_and_downloads_as_recorded(
    trap: str, audit: AuditPage, served_log: AuditLog, traps: dict[str, tuple[str, ...]], tmp_path: Path
) -> None:
    (event_id,) = traps[f"metadata_{trap}"]
    recorded = served_log.metadata([event_id])[event_id]
    card = audit.expand(open_event(audit, served_log, event_id))
    expect(card.locator(".line").first).to_be_visible()
    file = audit.download(card.get_by_role("button", name="Download JSON"), tmp_path)
    assert file.read_bytes() == recorded.encode()
    if len(recorded) < 10_000:
        card.get_by_role("button", name="Copy").click()
        expect(card.get_by_text("Copied")).to_be_visible()
        assert audit.clipboard() == metadata.indented(metadata.masked(recorded)[0])


def test_secrets_are_hidden_on_screen_and_in_what_is_copied(
    audit: AuditPage, served_log: AuditLog, traps: dict[str, tuple[str, ...]]
) -> None:
    card = audit.expand(open_event(audit, served_log, traps["metadata_secret_in_text"][0]))
    expect(card).to_contain_text("2 secret values hidden.")
    expect(card).not_to_contain_text("demo.not-a-secret")
    card.get_by_role("button", name="Copy").click()
    expect(card.get_by_text("Copied")).to_be_visible()
    assert "demo.not-a-secret" not in audit.clipboard()
    assert metadata.MASK in audit.clipboard()


def test_large_metadata_shows_its_first_part_and_says_so(audit: AuditPage, served_log: AuditLog, traps: dict[str, tuple[str, ...]]) -> None:
    card = audit.expand(open_event(audit, served_log, traps["metadata_2_mb"][0]))
    expect(card).to_contain_text("first part only · 2.")
    expect(card).to_contain_text("The first 20,000 characters of")


def test_the_id_of_a_resource_can_be_copied_whole(audit: AuditPage) -> None:
    audit.open("tab=team&rows=10&type=application")
    row = audit.rows.nth(1)
    row.hover()
    button = row.get_by_role("button", name="Copy id")
    whole = (button.get_attribute("aria-label") or "").removeprefix("Copy id ")
    button.click()
    expect(button).to_have_attribute("title", "Copied")
    assert audit.clipboard() == whole != ""
    expect(audit.panel).to_be_hidden()


def test_copy_link_gives_the_address_of_the_view_and_of_the_open_entry(audit: AuditPage) -> None:
    audit.open("action=created&rows=10")
    audit.press("Next")
    audit.has_link("action=created&rows=10&page=2")
    audit.press("Copy link")
    expect(audit.page.locator(".st-key-tools").get_by_text("Copied", exact=True)).to_be_visible()
    assert audit.clipboard() == audit.page.url
    audit.open_row(1)
    audit.panel.get_by_role("button", name="Copy link").click()
    expect(audit.panel.get_by_text("Copied", exact=True)).to_be_visible()
    assert audit.clipboard() == audit.page.url
    assert audit.clipboard().endswith(f"page=2&event={audit.ids()[1]}")
