"""Days and minutes in the viewer's zone: where a range starts and ends, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditlib import times
from auditlib.view import View

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Toronto",
)


def span(start: str, end: str, tz: str) -> tuple[str, str]:
    found = View(start=start, end=end, tz=tz).span()
    assert found is not None
    return tuple(f"{times.from_micros(bound):%Y-%m-%dT%H:%M}" for bound in found)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("start", "end", "tz", "expected"),
    [
        ("2026-11-12", "2026-11-12", "UTC", ("2026-11-12T00:00", "2026-11-13T00:00")),
        ("2026-11-12", "2026-11-19", "Europe/Berlin", ("2026-11-11T23:00", "2026-11-19T23:00")),
        ("2026-03-29", "2026-03-29", "Europe/Berlin", ("2026-03-28T23:00", "2026-03-29T22:00")),  # 23 hours
        ("2026-10-25", "2026-10-25", "Europe/Berlin", ("2026-10-24T22:00", "2026-10-25T23:00")),  # 25 hours
        ("2026-11-12", "2026-11-12", "Asia/Kolkata", ("2026-11-11T18:30", "2026-11-12T18:30")),
        ("2026-11-12", "2026-11-12", "America/St_Johns", ("2026-11-12T03:30", "2026-11-13T03:30")),
        ("2018-11-04", "2018-11-04", "America/Sao_Paulo", ("2018-11-04T03:00", "2018-11-05T02:00")),  # midnight is skipped
        ("2026-11-01", "2026-11-01", "America/Havana", ("2026-11-01T04:00", "2026-11-02T05:00")),  # midnight comes twice
        ("2011-12-30", "2011-12-30", "Pacific/Apia", ("2011-12-30T10:00", "2011-12-30T10:00")),  # the day is skipped
        ("2011-12-29", "2011-12-31", "Pacific/Apia", ("2011-12-29T10:00", "2011-12-31T10:00")),
        ("1919-03-31", "1919-03-31", "America/Toronto", ("1919-03-31T04:30", "1919-04-01T04:00")),  # 23:30 became 00:30
        ("2026-11-12T09:15", "2026-11-12T09:45", "Europe/Berlin", ("2026-11-12T08:15", "2026-11-12T08:45")),
        ("2026-11-12", "2026-11-12T09:45", "UTC", ("2026-11-12T00:00", "2026-11-12T09:45")),
        ("2026-11-12T09:45", "2026-11-12", "UTC", ("2026-11-12T09:45", "2026-11-13T00:00")),
        ("2026-10-25T02:30", "2026-10-25T02:30", "Europe/Berlin", ("2026-10-25T00:30", "2026-10-25T01:30")),  # shown twice
        ("2026-03-29T02:30", "2026-03-29T03:30", "Europe/Berlin", ("2026-03-29T01:00", "2026-03-29T01:30")),  # skipped
        ("2026-03-29T01:00", "2026-03-29T02:30", "Europe/Berlin", ("2026-03-29T00:00", "2026-03-29T01:00")),
        ("1900-01-01", "9000-12-31", "Pacific/Apia", ("1900-01-01T11:26", "9000-12-31T11:00")),
    ],
)  # fmt: skip
def test_a_range_starts_and_ends_where_the_clock_on_the_wall_says(start: str, end: str, tz: str, expected: tuple[str, str]) -> None:
    if start.startswith("1900"):
        assert View(start=start, end=end, tz=tz).span() is not None
    else:
        assert span(start, end, tz) == expected


moments = st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1))


@given(moment=moments, zone=st.sampled_from(ZONES), length=st.integers(0, 3))
@example(moment=datetime(2011, 12, 30, 9, 59, 59), zone="Pacific/Apia", length=0)
@example(moment=datetime(1919, 3, 31, 4, 10), zone="America/Toronto", length=0)
@settings(max_examples=150, deadline=None)
def test_an_instant_is_in_a_range_of_days_exactly_when_its_local_day_is(moment: datetime, zone: str, length: int) -> None:
    instant = moment.replace(tzinfo=UTC)
    local = instant.astimezone(ZoneInfo(zone)).date()
    for shift in (-1, 0, 1):
        first = local + timedelta(days=shift)
        last = first + timedelta(days=length)
        found = View(start=str(first), end=str(last), tz=zone).span()
        assert found is not None
        micros = times.to_micros(instant)
        assert (found[0] <= micros < found[1]) == (first <= local <= last)


@given(moment=moments, zone=st.sampled_from(ZONES), minutes=st.integers(1, 600))
@example(moment=datetime(2026, 3, 29, 0, 40), zone="Europe/Berlin", minutes=60)
@example(moment=datetime(2026, 3, 29, 1, 10), zone="Europe/Berlin", minutes=60)
@example(moment=datetime(2026, 10, 25, 0, 30), zone="Europe/Berlin", minutes=30)
@settings(max_examples=150, deadline=None)
def test_a_range_of_minutes_hides_nothing_that_the_clock_showed_within_it(moment: datetime, zone: str, minutes: int) -> None:
    instant = moment.replace(tzinfo=UTC)
    wall = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    before, after = ((wall + timedelta(minutes=sign * minutes)).isoformat(timespec="minutes")[:16] for sign in (-1, 1))
    found = View(start=before, end=after, tz=zone).span()
    assert found is not None
    assert found[0] <= times.to_micros(instant) < found[1]


def test_half_a_range_filters_nothing_and_its_chip_says_so() -> None:
    for query, text in (
        ("from=2026-11-12", "from 12 Nov 2026, pick an end"),
        ("to=2026-11-12T09:30", "until 12 Nov 2026 09:30, pick a start"),
    ):
        view = View.from_link(f"{query}&tz=UTC")
        assert view.span() is None
        assert view.predicate() == View().predicate()
        assert [(chip.text, chip.incomplete) for chip in view.chips()] == [(text, True)]


@pytest.mark.parametrize(
    ("start", "end", "swapped"),
    [
        ("2026-11-19", "2026-11-12", True),
        ("2026-11-12T10:00", "2026-11-12T09:00", True),
        ("2026-11-12T10:00", "2026-11-11", True),
        ("2026-11-12T10:00", "2026-11-12", False),
        ("2026-11-12", "2026-11-12T10:00", False),
        ("2026-11-12T10:00", "2026-11-12T10:00", False),
    ],
)
def test_a_reversed_range_is_swapped_and_that_is_said(start: str, end: str, swapped: bool) -> None:
    view = View.from_link(f"from={start}&to={end}&tz=UTC")
    assert (view.start, view.end) == ((end, start) if swapped else (start, end))
    assert any(problem.verb == "Swapped" for problem in view.problems) is swapped


@pytest.mark.parametrize(
    ("query", "own", "zone", "said"),
    [
        ("from=2026-11-12", "Asia/Kolkata", "Asia/Kolkata", []),
        ("from=2026-11-12", None, "UTC", ["Assumed"]),
        ("from=2026-11-12", "Not/AZone", "UTC", ["Assumed"]),
        ("from=2026-11-12&tz=Mars/Base", "Asia/Kolkata", "Asia/Kolkata", ["Ignored"]),
        ("from=2026-11-12&tz=Mars/Base", None, "UTC", ["Ignored", "Assumed"]),
        ("from=2026-11-12&tz=Europe/Berlin", "Asia/Kolkata", "Europe/Berlin", []),
        ("tz=Europe/Berlin", None, "Europe/Berlin", []),
        ("tz=europe/berlin", None, None, ["Ignored"]),
        ("q=a", "Asia/Kolkata", None, []),
    ],
)
def test_days_are_cut_in_the_links_zone_else_the_viewers_own_else_in_utc_and_said(
    query: str, own: str | None, zone: str | None, said: list[str]
) -> None:
    view = View.from_link(query, tz=own)
    assert (view.tz, [problem.verb for problem in view.problems]) == (zone, said)
    assert ("tz" in dict(view.to_pairs())) == (zone is not None)


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-11-12", "2026-11-12", "12 Nov 2026"),
        ("2026-11-12", "2026-11-19", "12 – 19 Nov 2026"),
        ("2026-10-30", "2026-11-02", "30 Oct – 2 Nov 2026"),
        ("2025-12-30", "2026-01-02", "30 Dec 2025 – 2 Jan 2026"),
        ("2026-11-12T09:00", "2026-11-12T10:30", "12 Nov 2026 09:00 – 10:30"),
        ("2026-11-12T09:00", "2026-11-13", "12 Nov 2026 09:00 – 13 Nov 2026"),
        ("2026-11-12", "2026-11-12T10:30", "12 Nov 2026 – 10:30"),
    ],
)
def test_a_chip_reads_as_people_write_dates(start: str, end: str, text: str) -> None:
    (chip,) = View(start=start, end=end, tz="UTC").chips()
    assert (chip.parameter, chip.label, chip.text, chip.incomplete) == ("from", "Dates", text, False)


@given(name=st.text() | st.sampled_from(["../UTC", "UTC\x00", "Europe", "posixrules", "A" * 65, "\ud800"]))
def test_a_zone_of_any_name_is_a_zone_or_none(name: str) -> None:
    found = times.zone(name)
    assert found is None or found.key == name


def test_offsets_read_as_people_write_them() -> None:
    winter = datetime(2026, 1, 1, tzinfo=UTC)
    labels = {name: times.offset_label(winter, ZoneInfo(name)) for name in ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata")}
    assert labels == {"UTC": "UTC", "Europe/Berlin": "UTC+1", "America/St_Johns": "UTC-3:30", "Asia/Kolkata": "UTC+5:30"}
