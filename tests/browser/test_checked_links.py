"""Links that check themselves: copied with head and total, and what whoever opens one is told."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from auditlib.log import AuditLog
from auditlib.view import View
from browser.audit_page import AuditPage

pytestmark = pytest.mark.browser

SEALED = "Copy a link that checks itself"


def test_a_link_copied_with_its_proof_says_that_nothing_has_changed(audit: AuditPage, served_log: AuditLog) -> None:
    link = "tab=team&action=updated&rows=10"
    total = served_log.total(View.from_link(link))
    audit.open(link)
    audit.page.locator(".st-key-title").get_by_role("button", name=SEALED).click()
    expect(audit.page.locator(".st-key-title").get_by_text("Copied")).to_be_attached()
    copied = audit.clipboard()
    assert copied == f"{audit.base}/audit?{link}&at={served_log.head.digest[:12]}&n={total}"
    audit.open(copied.partition("?")[2])
    notice = audit.page.locator(".st-key-compared")
    expect(notice).to_contain_text(f"Same {total} events ✔")
    audit.press("Next")
    audit.has_link(f"{link}&page=2&at={served_log.head.digest[:12]}&n={total}")
    expect(notice).to_be_visible()
    audit.drop_chip("Updated")
    audit.has_link("tab=team&rows=10")
    expect(notice).to_have_count(0)


def test_a_link_from_the_panel_opens_the_entry_and_says_what_is_other_now(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("action=cancelled")
    audit.open_row(0)
    audit.panel.get_by_role("button", name=SEALED).click()
    expect(audit.panel.get_by_text("Copied")).to_be_attached()
    copied = audit.clipboard().partition("?")[2]
    total = served_log.total(View.from_link("action=cancelled"))
    assert copied == f"action=cancelled&event={audit.ids()[0]}&at={served_log.head.digest[:12]}&n={total}"
    audit.open(copied.replace(f"&n={total}", f"&n={total + 2}"))
    expect(audit.panel.locator(".entry header")).to_be_visible()
    said = f"{total} events now, {total + 2} when the link was copied, though the record is the same."
    expect(audit.page.locator(".st-key-compared")).to_contain_text(f"Not what it was when this link was copied. {said}")


def test_a_head_that_is_not_in_the_chain_is_said(audit: AuditPage) -> None:
    audit.open("action=cancelled&at=0123456789ab")
    expect(audit.page.locator(".st-key-compared")).to_contain_text(
        "the snapshot that was newest then, 0123456789ab, is no longer in the chain"
    )
