"""Filters: search while typing, actions, people, days, chips, pages, and help where nothing is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from events import batch, events
from playwright.sync_api import expect

from auditlib.log import AuditLog
from auditlib.store import publish
from auditlib.view import View
from browser.audit_page import AuditPage
from browser.conftest import Reader
from browser.serving import Server

pytestmark = pytest.mark.browser


def ids(log: AuditLog, link: str) -> list[str]:
    return [event.event_id for event in log.page(View.from_link(link)).events]


def total(log: AuditLog, link: str) -> int:
    return log.total(View.from_link(link))


# -- search --------------------------------------------------------------------------------------------


def test_a_search_typed_fast_on_page_3_stays_whole_and_goes_to_page_1(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("page=3")
    audit.search.click()
    audit.page.keyboard.type("interview booking", delay=15)
    audit.has_link("q=interview%20booking")
    audit.has_range(f"1–50 of {total(served_log, 'q=interview booking'):,}")
    audit.settle()
    expect(audit.search).to_have_value("interview booking")
    expect(audit.search).to_be_focused()
    audit.has_ids(ids(served_log, "q=interview booking"))


def test_a_search_typed_slowly_keeps_every_letter_through_its_reruns(audit: AuditPage) -> None:
    audit.open("page=3")
    audit.search.click()
    audit.page.keyboard.type("recording", delay=330)
    audit.has_link("q=recording")
    expect(audit.search).to_have_value("recording")
    expect(audit.search).to_be_focused()


def test_clearing_the_search_brings_everything_back(audit: AuditPage) -> None:
    audit.open("q=recording&rows=10&page=2")
    audit.search.fill("")
    audit.has_link("rows=10")
    audit.has_range("1–10 of 1,650")
    audit.has_chips()


# -- people --------------------------------------------------------------------------------------------


def choose_kind(audit: AuditPage, kind: str) -> None:
    audit.sidebar.get_by_role("radio", name=kind).click()
    expect(audit.sidebar.get_by_role("searchbox", name=kind)).to_be_visible()


def choose_person(audit: AuditPage, kind: str, typed: str, name: str) -> None:
    audit.sidebar.get_by_role("searchbox", name=kind).press_sequentially(typed, delay=15)
    audit.page.locator(".st-key-matches").get_by_role("button", name=name).click()


def test_choosing_a_candidate_clears_the_interviewer_and_the_reverse(audit: AuditPage, served_log: AuditLog) -> None:
    interviewer = served_log.suggest("interviewer", "a", limit=1)[0]
    candidate = served_log.suggest("candidate", "Otávio", limit=1)[0]
    audit.open(f"interviewer={interviewer.id}")
    audit.has_chips(f"Interviewer {interviewer.name}")
    choose_kind(audit, "Candidate")
    choose_person(audit, "Candidate", "otáv", candidate.name)
    audit.has_link(f"candidate={candidate.id}")
    audit.has_chips(f"Candidate {candidate.name}")
    audit.has_ids(ids(served_log, f"candidate={candidate.id}"))
    choose_kind(audit, "Interviewer")
    choose_person(audit, "Interviewer", interviewer.name[:4], interviewer.name)
    audit.has_link(f"interviewer={interviewer.id}")
    audit.has_chips(f"Interviewer {interviewer.name}")


def test_people_are_found_from_the_first_letter_and_nobody_gives_a_hint(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("tab=team")
    field = audit.sidebar.get_by_role("searchbox", name="Team member")
    field.press_sequentially("c")
    matches = audit.page.locator(".st-key-matches")
    found = [person.name for person in served_log.suggest("member", "c")]
    expect(matches.locator("button:visible")).to_have_count(len(found))
    for name in found:
        expect(matches).to_contain_text(name)
    field.press_sequentially("zzqx")
    expect(audit.sidebar).to_contain_text("Nobody by that name yet. Keep typing")


def test_a_team_member_is_a_filter_of_team(audit: AuditPage, served_log: AuditLog) -> None:
    member = served_log.suggest("member", "Caio", limit=1)[0]
    audit.open("tab=team")
    choose_person(audit, "Team member", "caio", member.name)
    audit.has_link(f"tab=team&member={member.id}")
    audit.has_chips(f"Team member {member.name}")
    audit.has_range(f"1–50 of {total(served_log, f'tab=team&member={member.id}')}")
    expect(audit.sidebar.get_by_role("searchbox", name="Team member")).to_have_value("")


# -- actions, days, chips ------------------------------------------------------------------------------


def test_several_actions_can_be_chosen_and_taken_back(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("rows=10&page=2")
    field = audit.page.get_by_role("combobox", name="Action")
    field.click()
    audit.pick("Recording Failed")
    audit.has_link("action=recording_failed&rows=10")
    field.press_sequentially("no-sh")
    audit.pick("Marked No-Show")
    audit.page.keyboard.press("Escape")
    both = "action=recording_failed&action=marked_no_show&rows=10"
    audit.has_link(both)
    audit.has_chips("Action Recording Failed", "Action Marked No-Show")
    audit.has_ids(ids(served_log, both))
    audit.drop_chip("Marked No-Show")
    audit.has_link("action=recording_failed&rows=10")
    expect(audit.sidebar.get_by_test_id("stMultiSelectTagsContainer")).to_have_text("Recording Failed")


def test_a_first_day_makes_an_incomplete_chip_and_a_second_closes_the_range(audit: AuditPage, served_log: AuditLog) -> None:
    first, second = (date.today().replace(day=day) for day in (1, 2))
    audit.open("rows=10")
    audit.page.get_by_test_id("stDateInputCalendarButton").click()
    calendar = audit.page.get_by_role("grid")
    calendar.get_by_role("button", name=f"{first:%-d %B %Y}").first.click()
    audit.has_link(f"from={first}&tz=Europe/Berlin&rows=10")
    audit.has_chips(f"Dates from {first:%-d %b %Y}, pick an end")
    expect(audit.page.locator('[class*="st-key-chip_incomplete"]')).to_be_visible()
    audit.has_range("1–10 of 1,650")
    calendar.get_by_role("button", name=f"{second:%-d %B %Y}").first.click()
    closed = f"from={first}&to={second}&tz=Europe/Berlin&rows=10"
    audit.has_link(closed)
    audit.has_chips(f"Dates 1 – {second:%-d %b %Y}")
    audit.has_ids(ids(served_log, closed))
    if not audit.panel.is_visible():
        audit.page.keyboard.press("Escape")
    audit.drop_chip("Dates")
    audit.has_chips()
    audit.has_range("1–10 of 1,650")


def test_events_without_a_time_are_said_to_be_left_out_of_a_range(audit: AuditPage, served_log: AuditLog) -> None:
    link = "tab=team&from=2026-05-01&to=2026-12-31&tz=UTC"
    left_out = served_log.page(View.from_link(link)).without_time
    assert left_out
    audit.open(link)
    expect(audit.text).to_contain_text(f"{left_out} matching event")


def test_clear_all_keeps_tab_rows_and_order(audit: AuditPage) -> None:
    audit.open("tab=team&q=a&action=!viewed&outcome=success&order=oldest&rows=10&page=2")
    audit.has_chips("Search “a”", "Action not Viewed", "Outcome Success")
    audit.press("Clear all")
    audit.has_link("tab=team&order=oldest&rows=10")
    audit.has_chips()
    expect(audit.search).to_have_value("")
    expect(audit.page.get_by_role("button", name="Clear all")).to_have_count(0)


def test_each_chip_drops_its_own_value_only(audit: AuditPage) -> None:
    audit.open("q=a&action=created&action=updated&outcome=success")
    audit.drop_chip("Updated")
    audit.has_link("q=a&action=created&outcome=success")
    audit.drop_chip("“a”")
    audit.has_link("action=created&outcome=success")
    expect(audit.search).to_have_value("")
    audit.has_chips("Action Created", "Outcome Success")


# -- pages ---------------------------------------------------------------------------------------------


def test_next_and_previous_turn_pages_with_the_exact_range(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("rows=20")
    audit.has_range("1–20 of 1,650")
    expect(audit.page.get_by_role("button", name="Previous", exact=True)).to_be_disabled()
    audit.press("Next")
    audit.has_range("21–40 of 1,650")
    audit.has_ids(ids(served_log, "rows=20&page=2"))
    audit.press("Next")
    audit.has_link("rows=20&page=3")
    audit.press("Previous")
    audit.has_range("21–40 of 1,650")
    audit.choose_rows(100)
    audit.has_link("rows=100")
    audit.has_range("1–100 of 1,650")


def test_a_page_past_the_end_shows_the_last_one_and_corrects_the_link(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("rows=100&page=9999")
    audit.has_link("rows=100&page=17")
    audit.has_range("1,601–1,650 of 1,650")
    audit.has_ids(ids(served_log, "rows=100&page=17"))
    expect(audit.page.get_by_role("button", name="Next", exact=True)).to_be_disabled()


def test_oldest_first_turns_the_order_and_starts_at_page_1(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("rows=10&page=4")
    audit.sidebar.get_by_role("radio", name="Oldest first").click()
    audit.has_link("order=oldest&rows=10")
    audit.has_ids(ids(served_log, "order=oldest&rows=10"))
    assert audit.ids() == sorted(audit.ids())


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_events_without_a_time_stand_last_in_both_orders(order: str, audit: AuditPage, traps: dict[str, tuple[str, ...]]) -> None:
    audit.open(f"tab=team&order={order}&rows=10&page=9999")
    timeless = [event for event in traps["no_time"] if event in audit.ids()]
    assert set(audit.ids()[-len(timeless) :]) == set(timeless)
    expect(audit.rows.last.locator("td.when")).to_have_text("unknown time")


# -- nothing found -------------------------------------------------------------------------------------


def test_an_empty_page_offers_to_drop_the_single_filter_that_hides_the_results(audit: AuditPage, served_log: AuditLog) -> None:
    audit.open("q=recording&action=approved")
    audit.has_range("0–0 of 0")
    expect(audit.nothing).to_contain_text("Nothing matches these two filters together")
    most = max(total(served_log, "q=recording"), total(served_log, "action=approved"))
    expect(audit.nothing.locator(".st-key-relax_0")).to_contain_text(f"{most:,}")
    audit.nothing.locator(".st-key-drop_0 button").click()
    audit.has_range(f"1–50 of {most:,}")
    expect(audit.nothing).to_be_hidden()


def test_an_empty_page_says_that_the_other_tab_has_what_is_searched(audit: AuditPage, served_log: AuditLog) -> None:
    link = "q=campaign&action=created"
    found = total(served_log, f"tab=team&{link}")
    assert found and not total(served_log, link)
    audit.open(link)
    expect(audit.nothing).to_contain_text(f"{found} matching event")
    audit.press("Go to Team")
    audit.has_link(f"tab=team&{link}")
    audit.has_ids(ids(served_log, f"tab=team&{link}"))


def test_a_search_that_names_a_candidate_offers_the_candidate_filter(serve: Callable[..., Server], tmp_path: Path, reader: Reader) -> None:
    booked = events(3, candidate_id="C9", candidate_name="Silent Sue", actor_name="Ada Admin")
    publish(tmp_path / "store", [batch(booked)], name="booked")
    audit = reader(serve(tmp_path / "store")).open("q=silent")
    expect(audit.nothing).to_contain_text("Silent Sue is a candidate")
    audit.press("Filter by this candidate")
    audit.has_link("candidate=C9")
    audit.has_range("1–3 of 3")
    audit.has_chips("Candidate Silent Sue")


def test_a_person_id_that_nobody_has_is_said(audit: AuditPage) -> None:
    audit.open("candidate=nobody-99")
    audit.has_range("0–0 of 0")
    expect(audit.nothing).to_contain_text("Nobody in this record has the id nobody-99.")
