"""The Integrity page: what was verified and what is missing, days that lead to their events, and checking again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from events import batch, event
from playwright.sync_api import Page, expect

from auditlib.store import publish
from browser.audit_page import SETTLED, AuditPage
from browser.conftest import Reader
from browser.serving import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Three snapshots of ten events each, on three days of November."""
    for number in (1, 2, 3):
        at = datetime(2026, 11, 3 * number, 12, tzinfo=UTC)
        rows = [event(10 * number + each, occurred_at=at.replace(minute=each)) for each in range(10)]
        publish(tmp_path / "store", [batch(rows)], name=f"part-{number}", created=at)
    return tmp_path / "store"


def flip(file: Path, place: int) -> None:
    recorded = bytearray(file.read_bytes())
    recorded[place] ^= 1
    file.chmod(0o644)
    file.write_bytes(recorded)


def opened(audit: AuditPage) -> Page:
    """The page, drawn whole."""
    audit.page.goto(f"{audit.base}/integrity")
    expect(audit.page.locator(".days .day").first).to_be_visible(timeout=30_000)
    expect(audit.page.locator(SETTLED)).to_be_visible()
    return audit.page


def rows(page: Page) -> list[str]:
    return [" ".join(text.split()) for text in page.locator(".snapshots tbody tr").all_inner_texts()]


def test_the_badge_of_every_page_leads_to_the_states_of_all_snapshots(store: Path, serve: Callable[..., Server], reader: Reader) -> None:
    flip(store / "data" / "part-2.parquet", 4000)
    audit = reader(serve(store)).open()
    audit.sidebar.get_by_role("link", name="2/3 verified, 1 quarantined").click()
    page = audit.page
    expect(page.get_by_role("heading", name="Integrity")).to_be_visible()
    expect(audit.sidebar).to_contain_text("2/3 verified, 1 quarantined")
    expect(audit.damage).to_contain_text("Snapshot 2 is quarantined: part-2.parquet")
    expect(page.locator(".card")).to_have_text(
        [re.compile(r"^1.*Verified$"), re.compile(r"^2.*Quarantined$"), re.compile(r"^3.*Verified$")]
    )
    found = rows(page)
    assert [line.split()[0] for line in found] == ["3", "2", "1"]
    assert "Quarantined part-2.parquet has the SHA-256" in found[1]
    expect(page.locator(".figures")).to_contain_text("Snapshots verified2 of 31 quarantined")
    expect(page.locator(".figures")).to_contain_text("10 held back")
    assert str(store) not in page.content()


def test_a_day_is_read_out_reached_by_keys_and_leads_to_its_events(store: Path, serve: Callable[..., Server], reader: Reader) -> None:
    page = opened(audit := reader(serve(store)))
    days = page.locator(".days .day")
    expect(days).to_have_count(7)
    page.locator('.days [tabindex="0"]').focus()
    expect(page.locator(".said")).to_have_text("Mon 9 Nov 2026: 10 events")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".said")).to_have_text("Sun 8 Nov 2026: no events")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".said")).to_have_text("Fri 6 Nov 2026: 10 events")
    page.keyboard.press("Enter")
    audit.has_range("1–10 of 10")
    audit.has_link("from=2026-11-06&to=2026-11-06&tz=Europe/Berlin")
    audit.page.go_back()
    expect(page.get_by_role("heading", name="Integrity")).to_be_visible()


def test_checking_again_finds_what_changed_and_the_next_opening_holds_it_back(
    store: Path, serve: Callable[..., Server], reader: Reader
) -> None:
    audit = reader(serve(store))
    page = opened(audit)
    expect(audit.sidebar).to_contain_text("3/3 verified")
    audit.press("Verify again")
    expect(page.get_by_text("Every byte was read again and agrees with its manifest.")).to_be_visible()
    flip(store / "data" / "part-3.parquet", 4000)
    audit.press("Verify again")
    expect(page.locator(".st-key-found")).to_contain_text("Snapshot 3: part-3.parquet has the SHA-256")
    expect(page.locator(".card").last).to_contain_text("Quarantined")
    audit.press("Open the record again")
    expect(audit.damage).to_contain_text("Snapshot 3 is quarantined: part-3.parquet")
    expect(audit.sidebar).to_contain_text("2/3 verified, 1 quarantined")
    page.get_by_role("link", name="Audit Logs").click()
    audit.has_range("1–20 of 20 (incomplete)")


@pytest.mark.parametrize("options", [{"viewport": {"width": 390, "height": 844}}, {"color_scheme": "dark"}], ids=["phone", "dark"])
def test_nothing_scrolls_sideways(options: dict[str, object], server: Server, reader: Reader) -> None:
    page = opened(reader(server, **options))
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    over = page.locator(".record").evaluate("record => record.scrollWidth - record.clientWidth")
    assert over <= 0


def test_an_outsider_is_refused(store: Path, serve: Callable[..., Server], reader: Reader) -> None:
    audit = reader(serve(store), extra_http_headers={"X-Forwarded-For": "203.0.113.9"})
    audit.page.goto(f"{audit.base}/integrity")
    expect(audit.text).to_contain_text("Admins only.")
    expect(audit.page.locator(".record")).to_have_count(0)
    assert "part-1" not in audit.page.content()
