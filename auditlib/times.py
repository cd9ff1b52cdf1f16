"""UTC instants and the viewer's days: zones, the bounds of a day, and how times are written.

Instants are integers of microseconds since 1970-01-01T00:00:00Z wherever they are compared, and
aware `datetime`s in UTC where people meet them.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ZONE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo | None:
    """The IANA zone of that name, or None where there is none. Never raises, whatever the text."""
    if len(name) > 64 or not _ZONE_NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return None


def to_micros(instant: datetime) -> int:
    """Microseconds since the epoch of an aware datetime."""
    return (instant - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC datetime of so many microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=micros)


def start_of_day(day: date, tz: ZoneInfo) -> int:
    """The first instant of a day in a zone, in microseconds.

    Where midnight does not exist (clocks skip it) it is the first instant after the gap; where it
    exists twice, the first. Raises OverflowError at the far ends of the calendar.
    """
    return reached(datetime(day.year, day.month, day.day), tz)


def end_of_day(day: date, tz: ZoneInfo) -> int:
    """The first instant after a day in a zone, in microseconds; raises OverflowError as above."""
    return start_of_day(day + timedelta(days=1), tz)


def reached(wall: datetime, tz: ZoneInfo, *, last: bool = False) -> int:
    """The instant at which a zone's clock reaches a time, in microseconds, as bounds of a range need it.

    A time that exists twice is reached first, or with `last` for good, at its second showing; one that clocks skip
    is reached at the end of the gap.
    """
    first, second = local_instant(wall, tz), local_instant(wall, tz, last=True)
    if first <= second:
        return second if last else first
    before, after = second, first
    offset = from_micros(after).astimezone(tz).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if from_micros(middle).astimezone(tz).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def local_instant(wall: datetime, tz: ZoneInfo, *, last: bool = False) -> int:
    """The instant of a wall-clock time in a zone, in microseconds.

    A time that exists twice means its first occurrence, or with `last` its second; one that does not
    exist means the instant the clock would show had it not been moved (PEP 495).
    """
    return to_micros(wall.replace(tzinfo=tz, fold=1 if last else 0).astimezone(UTC))


def write_utc(instant: datetime | None) -> str | None:
    """`YYYY-MM-DDTHH:MM:SS.ffffffZ`, the one spelling of instants in every output; None stays None."""
    if instant is None:
        return None
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='microseconds')}Z"


def in_zone(instant: datetime, tz: ZoneInfo) -> datetime:
    """The instant in a zone; at the far ends of the calendar, where that cannot be written, in UTC."""
    try:
        return instant.astimezone(tz)
    except OverflowError:
        return instant.astimezone(UTC)


def offset_label(instant: datetime, tz: ZoneInfo) -> str:
    """The zone's offset at an instant as people write it: `UTC`, `UTC+1`, `UTC-3:30`."""
    offset = instant.astimezone(tz).utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02d}" if rest else "")


FIRST_MICROS: Final = to_micros(datetime.min.replace(tzinfo=UTC))
LAST_MICROS: Final = to_micros(datetime.max.replace(tzinfo=UTC))
"""The first and the last instant that a `datetime` can hold."""
