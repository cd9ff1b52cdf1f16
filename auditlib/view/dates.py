"""The date range of a view: two spellings of a bound, and the instants they stand for."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from auditlib.times import end_of_day, reached, start_of_day

EXPECTED: Final = "expected YYYY-MM-DD or YYYY-MM-DDTHH:MM"
_BOUND: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2})?", re.ASCII)


def check(value: str) -> str:
    """Says what was expected where a bound cannot be honoured, or an empty text."""
    if not _BOUND.fullmatch(value):
        return EXPECTED
    try:
        wall = datetime.fromisoformat(value)
    except ValueError:
        return f"{EXPECTED}, and no such day or time exists"
    return "" if 1900 <= wall.year <= 9000 else "expected a year from 1900 to 9000"


def is_day(value: str) -> bool:
    """Whether a bound names a whole day rather than a minute."""
    return "T" not in value


def lower(value: str, tz: ZoneInfo) -> int:
    """The first instant of a range that starts with this bound, in microseconds UTC."""
    return start_of_day(date.fromisoformat(value), tz) if is_day(value) else reached(datetime.fromisoformat(value), tz)


def upper(value: str, tz: ZoneInfo) -> int:
    """The first instant after a range that ends with this bound: a day is included, a minute is not.

    A minute that the clock shows twice means its second showing, one that it skips the end of the gap, so that
    nothing is hidden.
    """
    return end_of_day(date.fromisoformat(value), tz) if is_day(value) else reached(datetime.fromisoformat(value), tz, last=True)


def is_reversed(start: str, end: str) -> bool:
    """Whether the first bound lies after the second by the calendar and the clock on the wall."""
    return start[:10] > end[:10] or (start[:10] == end[:10] and "T" in start and "T" in end and start > end)


def previous(start: str, end: str) -> tuple[str, str] | None:
    """The bounds of the range of the same length right before a closed one; None where the calendar has none.

    Days before days, else minutes by the clock on the wall.
    """
    try:
        if is_day(start) and is_day(end):
            days = date.fromisoformat(end) - date.fromisoformat(start) + timedelta(days=1)
            found = ((date.fromisoformat(bound) - days).isoformat() for bound in (start, end))
        else:
            first = datetime.fromisoformat(start)
            last = datetime.fromisoformat(end) + timedelta(days=is_day(end))
            found = (wall.isoformat(timespec="minutes") for wall in (first - (last - first), first))
        before = next(found), next(found)
    except OverflowError:
        return None
    return None if any(map(check, before)) else before


def show(start: str | None, end: str | None) -> str:
    """The range as a chip reads it: `12 – 19 Nov 2026`, `from 12 Nov 2026, pick an end`."""
    if start and end:
        return _show_both(start, end)
    return f"from {_show(start)}, pick an end" if start else f"until {_show(end or '')}, pick a start"


def _show_both(start: str, end: str) -> str:
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    if not (is_day(start) and is_day(end)):
        same = first.date() == last.date() and not is_day(end)
        return f"{_show(start)} – {last:%H:%M}" if same else f"{_show(start)} – {_show(end)}"
    if start == end:
        return _show(start)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {_show(end)}"
    if first.year == last.year:
        return f"{first.day} {first:%b} – {_show(end)}"
    return f"{_show(start)} – {_show(end)}"


def _show(value: str) -> str:
    wall = datetime.fromisoformat(value)
    day = f"{wall.day} {wall:%b} {wall.year}"
    return day if is_day(value) else f"{day} {wall:%H:%M}"
