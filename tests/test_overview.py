"""The overview's data: bars, their scale and words, and counts by value."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from auditlib.engine.base import Activity, Count
from auditlib.times import local_instant
from auditlib.view import View
from auditlib.view.buckets import buckets
from pages.ui.activity import FACETS, RED, bars, buttons, chosen_range, red_only, values

BERLIN = ZoneInfo("Europe/Berlin")


def at(wall: str) -> int:
    return local_instant(datetime.fromisoformat(wall), BERLIN)


def nobody(person_id: str) -> str | None:
    return {"p1": "Ada \u202eAdmin"}.get(person_id)


WEEK = buckets(at("2026-11-12"), at("2026-11-19") - 1, BERLIN, most=10)
DATA = bars(16, Activity(WEEK, (5, 0, 0, 3, 0, 1, 6)), [1, 0, 0, 0, 0, 1, 0], None, BERLIN)


def test_bars_say_how_many_events_lie_in_each_day_and_how_many_of_them_failed() -> None:
    assert [bar["n"] for bar in DATA["bars"]] == [5, 0, 0, 3, 0, 1, 6]
    assert DATA["bars"][0]["title"] == "Thursday 12 Nov 2026: 5 events, 1 failed or cancelled"
    assert DATA["bars"][5]["title"] == "Tuesday 17 Nov 2026: 1 event, 1 failed or cancelled"
    assert (DATA["total"], DATA["said"]) == ("16 events", "one bar is a day")
    assert DATA["legend"] == [["", "all others"], ["red", "failed or cancelled, 2"]]
    assert [label for _, label in DATA["ticks"]] == ["12 Nov", "13 Nov", "14 Nov", "15 Nov", "16 Nov", "17 Nov", "18 Nov"]


def test_events_in_no_bar_are_counted_beside_them() -> None:
    assert DATA["notes"] == ["1 event in no bar: without a known time, or far from all others"]
    assert bars(0, Activity(None, ()), [], None, BERLIN)["bars"] == []


def test_the_period_before_is_drawn_and_compared() -> None:
    compared = bars(15, Activity(WEEK, (5, 0, 0, 3, 0, 1, 6)), [0] * 7, [4, 4, 4, 4, 4, 4, 4], BERLIN)
    assert compared["notes"] == ["13 fewer than in the period before: 28"]
    assert compared["bars"][1] == {"n": 0, "red": 0, "before": 4, "title": "Friday 13 Nov 2026: 0 events; 4 in the period before"}
    assert compared["legend"] == [["before", "the period before"]]


def test_hours_are_labelled_by_their_days() -> None:
    cut = buckets(at("2026-11-12"), at("2026-11-19") - 1, BERLIN)
    data = bars(0, Activity(cut, (0,) * len(cut)), [0] * len(cut), None, BERLIN)
    assert data["said"] == "one bar is 3 hours"
    assert [label for _, label in data["ticks"]] == ["Thu 12", "Fri 13", "Sat 14", "Sun 15", "Mon 16", "Tue 17", "Wed 18"]
    assert data["bars"][1]["title"] == "12 Nov 2026 03:00 – 06:00: 0 events"


@pytest.mark.parametrize(
    ("edges", "bounds"),
    [
        (["2026-11-12", "2026-11-13", "2026-11-14"], ("2026-11-12", "2026-11-13")),
        (["2026-11-12T03:00", "2026-11-12T06:00"], ("2026-11-12T03:00", "2026-11-12T06:00")),
        (["2026-11-12", "2026-11-12T06:00"], ("2026-11-12T00:00", "2026-11-12T06:00")),
        (["2026-03-29", "2026-03-30"], ("2026-03-29", "2026-03-29")),
    ],
)
def test_chosen_bars_become_a_range_of_days_or_minutes(edges: list[str], bounds: tuple[str, str]) -> None:
    instants = [at(edge) for edge in edges]
    assert chosen_range(instants, BERLIN) == bounds
    assert View().between(*bounds, "Europe/Berlin").span() == (instants[0], instants[-1])


def test_red_slices_are_what_the_filters_leave_of_the_red_actions() -> None:
    assert red_only(View()) == View().having("action", *RED)
    assert red_only(View().having("action", "updated", "cancelled")) == View().having("action", "cancelled")
    assert red_only(View().having("action", "updated")) is None
    assert red_only(View().having("action", *RED, excluded=True)) is None
    left_out = View().having("action", "cancelled", excluded=True)
    assert red_only(left_out) == left_out.having("action", *(key for key in RED if key != "cancelled"))


def test_values_are_ranked_and_what_is_asked_for_or_left_out_comes_first() -> None:
    counts = [Count(f"a{number}", 100 - number) for number in range(6)]
    view = View().having("action", "a5").having("action", "gone", excluded=True)
    data = values(FACETS["action"], counts, view, nobody, expanded=False)
    assert [(row["value"], row["n"], row["state"]) for row in data["rows"]] == [
        ("a5", "95", "on"), ("gone", "0", "off"), ("a0", "100", ""), ("a1", "99", ""),
    ]  # fmt: skip
    assert (data["more"], data["chosen"]) == ("all 6", "action")
    assert len(values(FACETS["action"], counts, view, nobody, expanded=True)["rows"]) == 7


def test_labels_are_read_like_everywhere_else_and_unknown_values_are_said_to_be_so() -> None:
    data = values(FACETS["actor"], [Count("p1", 3), Count("0123456789abcdef", 2), Count(None, 1)], View(), nobody, expanded=False)
    assert [row["label"] for row in data["rows"]] == ["Ada \\u202eAdmin", "01234567…cdef", "none recorded"]
    assert [row["value"] for row in data["rows"]] == ["p1", "0123456789abcdef", None]


@pytest.mark.parametrize(
    ("bounds", "before"),
    [
        (("2026-11-12", "2026-11-19"), ("2026-11-04", "2026-11-11")),
        (("2026-11-12", "2026-11-12"), ("2026-11-11", "2026-11-11")),
        (("2026-11-12T10:00", "2026-11-12T10:30"), ("2026-11-12T09:30", "2026-11-12T10:00")),
        (("2026-11-12T12:00", "2026-11-12"), ("2026-11-12T00:00", "2026-11-12T12:00")),
        (("1900-01-01", "1900-02-01"), None),
        (("2026-11-12", None), None),
    ],
)
def test_the_period_before_has_the_same_length(bounds: tuple[str, str | None], before: tuple[str, str] | None) -> None:
    found = View().between(*bounds, "Europe/Berlin").previous()
    assert (found and (found.start, found.end)) == before
    assert bool(buttons(View().between(*bounds, "Europe/Berlin"), compared=False)) is (before is not None)
