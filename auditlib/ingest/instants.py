"""Instants as sources spell them, read into microseconds since 1970-01-01T00:00:00Z.

Never invented: text that names no instant gives None, as do a bare day, a zero, the year 1, and a number
too small to be a time of our age. Fractions finer than a microsecond are cut off, not rounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from auditlib.ingest.recall import recalled
from auditlib.times import local_instant, to_micros

UNITS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0}
"""Units of epoch numbers; `auto` tells them apart by size."""

_ISO: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,12}))? ?(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?")
_NUMBER: Final = re.compile(r"\d{9,19}(?:\.\d{1,9})?")
_SECONDS_FROM: Final = 100_000_000  # 1973-03-03: a smaller number is a count, not a time
_MILLISECONDS_FROM: Final = 10**11
_MICROSECONDS_FROM: Final = 10**14
_NANOSECONDS_FROM: Final = 10**17
_BEGIN: Final = to_micros(datetime(2, 1, 1, tzinfo=UTC))  # the year 1 is how some writers say that no time was set
_END: Final = to_micros(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))

Clock = Callable[[Any], int | None]


def clock(unit: str = "auto", zone: ZoneInfo | None = None, patterns: tuple[str, ...] = ()) -> Clock:
    """A reader of instants.

    Args:
        unit: what epoch numbers count: `s`, `ms`, `us`, `ns`, or `auto`, which goes by their size.
        zone: the zone of times that name none; without one such times are not usable.
        patterns: further spellings, in the letters of `datetime.strptime`.

    Returns:
        A function from a JSON value to microseconds since the epoch, None where it is no usable time.
    """

    @recalled
    def read_text(text: str) -> int | None:
        if _is_plain(text) and (instant := _utc(text)) is not None:
            return instant
        match = _ISO.fullmatch(text.strip())
        if match:
            return _iso(match, zone)
        if _NUMBER.fullmatch(text):
            whole, _, fraction = text.partition(".")
            return _epoch(int(whole), unit, fraction)
        for pattern in patterns:
            try:
                return _in_zone(datetime.strptime(text, pattern), zone)
            except ValueError:
                continue
        return None

    def read(value: Any) -> int | None:
        if type(value) is str:
            return read_text(value)
        if type(value) is int:
            return _epoch(value, unit, "")
        if type(value) is float:
            return read_text(f"{value:.6f}") if 0 < value < 1e19 else None
        return None

    return read


def _is_plain(text: str) -> bool:
    """Whether text looks like `2026-07-01T08:30:00Z` or `2026-07-01T08:30:00.123Z`, by far the commonest spellings."""
    if text[4:20:3] == "--T::Z":
        return len(text) == 20
    return len(text) == 24 and text[4:20:3] == "--T::." and text[-1] == "Z"


def _utc(text: str) -> int | None:
    try:
        return _in_range(to_micros(datetime.fromisoformat(text)))
    except ValueError:
        return None


def _iso(match: re.Match[str], zone: ZoneInfo | None) -> int | None:
    day, time, fraction, offset = match.groups()
    micros = (fraction or "")[:6].ljust(6, "0")
    if offset in ("Z", "z", "UTC", "GMT"):
        offset = "+00:00"
    text = f"{day}T{time if len(time) > 5 else time + ':00'}.{micros}{offset or ''}"
    try:
        return _in_zone(datetime.fromisoformat(text), zone)
    except ValueError:
        return None


def _in_zone(moment: datetime, zone: ZoneInfo | None) -> int | None:
    try:
        if moment.tzinfo is None:
            return _in_range(local_instant(moment, zone)) if zone else None
        return _in_range(to_micros(moment))
    except OverflowError:
        return None


def _in_range(micros: int) -> int | None:
    return micros if _BEGIN <= micros <= _END else None


def _epoch(number: int, unit: str, fraction: str) -> int | None:
    if number < (_SECONDS_FROM if unit == "auto" else 1):
        return None
    if unit == "auto":
        unit = (
            "s" if number < _MILLISECONDS_FROM
            else "ms" if number < _MICROSECONDS_FROM
            else "us" if number < _NANOSECONDS_FROM
            else "ns"
        )  # fmt: skip
    scale = UNITS[unit]
    if not scale:
        return _in_range(number // 1_000)
    return _in_range(number * scale + int(fraction[:9].ljust(9, "0")) * scale // 10**9)
