"""How the page stands: on a phone, in the dark, with names for those who hear it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from auditlib.log import AuditLog
from auditlib.view import View
from browser.audit_page import AuditPage
from browser.conftest import Reader

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
FITS = "document.scrollingElement.scrollWidth <= innerWidth"
BEHIND = """(element) => {
  const colour = (node) => getComputedStyle(node).backgroundColor
  while (colour(element) === "rgba(0, 0, 0, 0)") element = element.parentElement
  return colour(element)
}"""

BEGINS = """(element, child) => {
  const range = document.createRange()
  range.selectNodeContents(element[child])
  return range.getBoundingClientRect().left
}"""


def background(audit: AuditPage, selector: str) -> int:
    """How bright what stands behind an element is, from 0 to 765."""
    colour: str = audit.page.locator(selector).first.evaluate(BEHIND)
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


def test_on_a_phone_rows_are_blocks_and_nothing_scrolls_sideways(reader: Reader) -> None:
    audit = reader(**PHONE).open("action=created&from=2026-06-01&to=2026-11-20&tz=Europe/Berlin&rows=10")
    assert audit.page.evaluate(FITS)
    assert audit.rows.first.evaluate("row => getComputedStyle(row).display") == "grid"
    for row in audit.rows.all():
        box = row.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
    audit.expand(0)
    assert audit.page.evaluate(FITS)
    audit.open_row(1)
    assert audit.page.evaluate(FITS)
    panel = audit.panel.locator(".entry").bounding_box()
    assert panel and panel["width"] <= 390


def test_on_a_phone_the_filters_button_opens_the_filters(reader: Reader) -> None:
    audit = reader(**PHONE).open("rows=10")
    expect(audit.search).not_to_be_in_viewport()
    audit.page.get_by_role("button", name="Filters").click()
    expect(audit.search).to_be_in_viewport()
    audit.search.fill("recording")
    audit.has_link("q=recording&rows=10")


@pytest.mark.parametrize("width", [390, 768, 1024, 1920])
def test_nothing_scrolls_sideways_at_any_width(width: int, reader: Reader) -> None:
    audit = reader(viewport={"width": width, "height": 900}).open("tab=team&rows=20")
    assert audit.page.evaluate(FITS)
    audit.has_range("1–20 of 1,735")


def test_the_page_is_dark_for_those_who_want_it_dark(reader: Reader) -> None:
    audit = reader(color_scheme="dark").open("rows=10")
    assert background(audit, '[data-testid="stApp"]') < 150
    badge = audit.rows.first.locator(".badge").evaluate("badge => getComputedStyle(badge).backgroundColor")
    assert badge != "rgba(0, 0, 0, 0)"
    audit.open_row(0)
    assert background(audit, '[data-testid="stDialog"] h2, [role="dialog"]') < 150


def test_the_page_is_light_for_everyone_else(audit: AuditPage) -> None:
    audit.open("rows=10")
    assert background(audit, '[data-testid="stApp"]') > 700


def test_the_table_has_headers_and_its_buttons_have_names(audit: AuditPage) -> None:
    audit.open("rows=10")
    headers = audit.page.locator("table[role=table] th[scope=col]")
    expect(headers).to_contain_text(["When", "Actor", "Action", "Resource", "Details", "Metadata"])
    expect(audit.rows.first).to_have_attribute("aria-haspopup", "dialog")
    chevron = audit.rows.first.get_by_role("button", name="Metadata")
    expect(chevron).to_have_attribute("aria-expanded", "false")
    chevron.click()
    expect(chevron).to_have_attribute("aria-expanded", "true")
    nameless = "buttons => buttons.filter((button) => !(button.innerText || button.ariaLabel || button.title)).length"
    assert audit.rows.locator("button").evaluate_all(nameless) == 0
    assert audit.page.locator("button:visible").evaluate_all(nameless) == 0


def test_the_exact_time_in_utc_and_the_whole_id_are_there_on_hover(audit: AuditPage) -> None:
    audit.open("rows=10&type=video_session")
    when = audit.rows.first.locator("td.when").get_attribute("title") or ""
    assert when.endswith("Z") and "T" in when
    assert audit.rows.first.locator("td.resource .mono").get_attribute("title")


def test_a_right_to_left_name_in_a_summary_leaves_what_stands_beside_it_where_it_was(reader: Reader, served_log: AuditLog) -> None:
    summaries = served_log.events(View())
    event_id, summary = next(
        (event_id, summary)
        for event_id, summary in zip(summaries["event_id"].to_pylist(), summaries["summary"].to_pylist(), strict=True)
        if summary and re.match(r"[\u0600-\u06ff ]+, \d", summary)
    )
    event = served_log.event(event_id)
    audit = reader().open(f"resource={event.resource_type}:{event.resource_id}&rows=100")
    details = audit.rows.nth(audit.ids().index(event_id)).locator("td.details")
    expect(details).to_have_text(summary)
    name = details.locator("bdi")
    expect(name).to_have_text(summary.partition(",")[0])
    behind = details.evaluate(BEGINS, "lastChild")
    box = name.bounding_box()
    assert box and behind >= box["x"] + box["width"] - 1
