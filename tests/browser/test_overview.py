"""Events over time and counts by value: what is drawn is what is counted, and each of them filters."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, expect

from auditlib.log import AuditLog
from browser.audit_page import AuditPage
from browser.conftest import Reader

RANGE = "from=2026-09-01&to=2026-10-20&tz=Europe/Berlin"


def bars(audit: AuditPage) -> Locator:
    return audit.page.locator(".st-key-overview .bar")


def link(audit: AuditPage) -> str:
    return urlsplit(audit.page.url).query


def total(audit: AuditPage) -> str:
    return audit.range.inner_text().split(" of ")[1]


def test_the_bars_hold_every_event_of_the_range(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open(RANGE)
    expect(bars(audit)).to_have_count(50)
    drawn = sum(
        int(title.split(": ")[1].split(" ")[0].replace(",", "")) for title in bars(audit).evaluate_all("all => all.map(b => b.title)")
    )
    assert drawn == served_log.total(served_log.view(RANGE))


def test_dragging_over_bars_shows_their_range(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open(RANGE)
    expect(bars(audit)).to_have_count(50)
    bars(audit).nth(10).hover()
    audit.page.mouse.down()
    bars(audit).nth(16).hover()
    audit.page.mouse.up()
    audit.has_link("from=2026-09-11&to=2026-09-17&tz=Europe/Berlin")
    audit.has_chips("Dates 11 – 17 Sept 2026" if "Sept" in audit.chips.first.inner_text() else "Dates 11 – 17 Sep 2026")
    expect(audit.range).to_contain_text(f"of {served_log.total(served_log.view(link(audit))):,}")


def test_the_keyboard_chooses_bars_too(audit: AuditPage) -> None:
    audit.open(RANGE)
    plot = audit.page.locator(".st-key-overview .plot")
    plot.focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"):
        audit.page.keyboard.press(key)
    expect(audit.page.locator(".st-key-overview [role=status]")).to_contain_text("4 Sep 2026")
    audit.page.keyboard.press("Enter")
    audit.has_link("from=2026-09-02&to=2026-09-04&tz=Europe/Berlin")


def test_values_are_asked_for_left_out_and_taken_back_by_a_click(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("rows=10")
    first = audit.page.locator(".st-key-overview .values li").first
    counted = served_log.facet(served_log.view(""), "action")[0]
    expect(first.locator("em")).to_have_text(f"{counted.events:,}")
    first.locator(".value").click()
    audit.has_link(f"action={counted.value}&rows=10")
    expect(audit.range).to_have_text(f"1–10 of {counted.events:,}")
    expect(first.locator(".value")).to_have_attribute("aria-pressed", "true")
    first.locator(".value").click()
    audit.has_link("rows=10")
    first.get_by_role("button", name="Leave out").click()
    audit.has_link(f"action=!{counted.value}&rows=10")


def test_another_column_is_counted_and_all_of_it_listed(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("tab=team")
    overview = audit.page.locator(".st-key-overview")
    overview.get_by_role("radio", name="Resource").click()
    expect(overview.get_by_role("radio", name="Resource")).to_have_attribute("aria-checked", "true")
    kinds = served_log.facet(served_log.view("tab=team"), "resource_type")
    overview.locator(".more").click()
    expect(overview.locator(".values li")).to_have_count(len(kinds))
    assert parse_qs(link(audit)) == {"tab": ["team"]}


def test_a_range_is_compared_with_the_period_before_and_moved_to_it(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("from=2026-10-11&to=2026-10-20&tz=Europe/Berlin")
    before = served_log.total(served_log.view("from=2026-10-01&to=2026-10-10&tz=Europe/Berlin"))
    audit.press("Compare with the period before")
    expect(audit.page.locator(".st-key-overview footer")).to_contain_text(f"in the period before: {before:,}")
    audit.press("Go to the period before")
    audit.has_link("from=2026-10-01&to=2026-10-10&tz=Europe/Berlin")


def test_folded_it_says_only_how_many_and_on_a_phone_it_begins_so(audit: AuditPage, reader: Reader) -> None:
    audit.open(RANGE)
    audit.press("Activity and counts")
    expect(bars(audit)).to_have_count(0)
    expect(audit.page.locator(".st-key-overview .said")).to_have_text(f"{total(audit)} events")
    audit.press("Activity and counts")
    expect(bars(audit)).to_have_count(50)
    phone = reader(viewport={"width": 390, "height": 844})
    phone.open(RANGE)
    expect(bars(phone).first).to_be_hidden()
    phone.press("Activity and counts")
    expect(bars(phone).first).to_be_visible()
