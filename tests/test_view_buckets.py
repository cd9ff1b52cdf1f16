"""Buckets of time: round times of the viewer's clock, whatever the zone does to it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditlib.times import FIRST_MICROS, LAST_MICROS, from_micros, local_instant
from auditlib.view.buckets import MOST, STEPS, buckets

ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Africa/Monrovia"]
BERLIN = ZoneInfo("Europe/Berlin")


@given(st.integers(FIRST_MICROS, LAST_MICROS), st.integers(FIRST_MICROS, LAST_MICROS), st.sampled_from(ZONES))
@example(FIRST_MICROS, LAST_MICROS, "Pacific/Apia")
@example(FIRST_MICROS, LAST_MICROS, "America/St_Johns")
@example(FIRST_MICROS, FIRST_MICROS, "Asia/Kolkata")
@example(LAST_MICROS, LAST_MICROS, "America/St_Johns")
def test_buckets_hold_the_whole_span_without_gap(one: int, other: int, zone: str) -> None:
    first, last = min(one, other), max(one, other)
    found = buckets(first, last, ZoneInfo(zone))
    assert found.edges[0] <= first <= last < found.edges[-1]
    assert all(before < after for before, after in pairwise(found.edges))
    assert 1 <= len(found) <= MOST
    assert found.of(first) == 0
    assert found.of(last) == len(found) - 1


@given(st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)), st.timedeltas(timedelta(), timedelta(days=4_000)), st.sampled_from(ZONES))
def test_each_bucket_begins_at_a_round_time_of_the_clock_or_where_it_was_put_forward(start: datetime, length: timedelta, zone: str) -> None:
    tz = ZoneInfo(zone)
    bounds = sorted((local_instant(start, tz), local_instant(start + length, tz)))
    found = buckets(bounds[0], bounds[1], tz)
    for edge in found.edges:
        before, at = (from_micros(micros).astimezone(tz).replace(tzinfo=None) for micros in (edge - 1, edge))
        assert found.step.floor(at) == at or at - before > timedelta(minutes=1)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 24), ("2026-06-01", 24)])
def test_the_days_on_which_the_clock_is_moved_have_their_hours(day: str, hours: int) -> None:
    start = datetime.fromisoformat(day)
    found = buckets(local_instant(start, BERLIN), local_instant(start + timedelta(days=1), BERLIN) - 1, BERLIN, most=25)
    lengths = Counter((after - before) // 3_600_000_000 for before, after in pairwise(found.edges))
    assert (str(found.step), len(found)) == ("hour", hours)
    assert lengths == ({1: 23, 2: 1} if day == "2026-10-25" else {1: hours})


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (timedelta(minutes=10), "minute"),
        (timedelta(hours=3), "5 minutes"),
        (timedelta(days=1), "30 minutes"),
        (timedelta(days=8), "3 hours"),
        (timedelta(days=60), "day"),
        (timedelta(days=365), "week"),
        (timedelta(days=1_500), "month"),
        (timedelta(days=20_000), "year"),
    ],
)
def test_longer_spans_have_longer_steps(length: timedelta, step: str) -> None:
    start = local_instant(datetime(2026, 1, 7, 9, 17), BERLIN)
    found = buckets(start, start + length // timedelta(microseconds=1), BERLIN)
    assert str(found.step) == step


def test_weeks_begin_on_monday_and_days_at_midnight() -> None:
    start = local_instant(datetime(2026, 1, 7, 9, 17), BERLIN)
    for days, weekdays in ((60, set(range(7))), (365, {0})):
        found = buckets(start, start + days * 86_400_000_000, BERLIN)
        walls = [from_micros(edge).astimezone(BERLIN) for edge in found.edges]
        assert {wall.weekday() for wall in walls} == weekdays
        assert {(wall.hour, wall.minute) for wall in walls} == {(0, 0)}


def test_steps_grow() -> None:
    assert [step.minutes for step in STEPS] == sorted(step.minutes for step in STEPS)
