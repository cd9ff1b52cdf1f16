"""Buckets of time: a span cut into bars at round times of the viewer's clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from auditlib.times import FIRST_MICROS, LAST_MICROS, from_micros, in_zone, reached

MOST: Final = 80
_DAY: Final = 1_440
_MONTH: Final = 31 * _DAY
_YEAR: Final = 366 * _DAY


@dataclass(frozen=True, slots=True)
class Step:
    """How long a bucket is by the clock and the calendar: so many minutes, days, weeks, months or years."""

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count} {self.unit}s" if self.count > 1 else self.unit

    @property
    def minutes(self) -> int:
        """How many minutes it has at most, but for a clock that is moved."""
        return self.count * {"minute": 1, "hour": 60, "day": _DAY, "week": 7 * _DAY, "month": _MONTH, "year": _YEAR}[self.unit]

    def floor(self, wall: datetime) -> datetime:
        """The last start of a bucket up to a time on the wall."""
        midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        match self.unit:
            case "year":
                return midnight.replace(year=max(1, wall.year - wall.year % self.count), month=1, day=1)
            case "month":
                return midnight.replace(month=1 + (wall.month - 1) // self.count * self.count, day=1)
            case "week":
                return midnight - timedelta(days=midnight.weekday())
            case "day":
                return midnight
        return midnight + (wall - midnight) // timedelta(minutes=self.minutes) * timedelta(minutes=self.minutes)

    def after(self, start: datetime) -> datetime:
        """The start of the next bucket; raises ValueError or OverflowError past the end of the calendar."""
        match self.unit:
            case "year":
                return start.replace(year=start.year - start.year % self.count + self.count)
            case "month":
                months = start.month - 1 + self.count
                return start.replace(year=start.year + months // 12, month=months % 12 + 1)
        return start + timedelta(minutes=self.minutes)


STEPS: Final = (
    *(Step(count, "minute") for count in (1, 2, 5, 10, 15, 30)),
    *(Step(count, "hour") for count in (1, 3, 6, 12)),
    Step(1, "day"),
    Step(1, "week"),
    Step(1, "month"),
    Step(3, "month"),
    *(Step(count, "year") for count in (1, 2, 5, 10, 20, 50, 100, 200)),
)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Consecutive buckets: each edge is the first instant of one, and the last edge ends the last; microseconds UTC."""

    step: Step
    edges: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.edges) - 1

    def of(self, micros: int) -> int:
        """The number of the bucket that an instant lies in."""
        return bisect_right(self.edges, micros) - 1


def buckets(first: int, last: int, tz: ZoneInfo, most: int = MOST, *, step: Step | None = None) -> Buckets:
    """The buckets of a zone that hold the instants from `first` to `last`, microseconds UTC: of a step, or no more than so many.

    They begin at round times of the zone's clock, days at its midnight and weeks on its Monday. Where the clock is
    put forward a bucket is shorter or missing, where it is put back one is longer, as the clock shows a time twice.
    """
    if step:
        return Buckets(step, tuple(_edges(first, last, tz, step)))
    for step in STEPS:
        if (last - first) // (step.minutes * 60_000_000) < most:
            edges = tuple(_edges(first, last, tz, step))
            if len(edges) - 1 <= most:
                return Buckets(step, edges)
    raise ValueError(f"{most} buckets are too few for any span")


def _edges(first: int, last: int, tz: ZoneInfo, step: Step) -> Iterator[int]:
    wall: datetime | None = step.floor(in_zone(from_micros(first), tz).replace(tzinfo=None))
    edge = _reached(wall, tz)
    if edge > first:  # the zone's clock shows no earlier time that the calendar has
        edge = FIRST_MICROS
    yield edge
    while edge <= last:
        wall = _after(wall, step)
        reached_at = _reached(wall, tz)
        if reached_at > edge:
            edge = reached_at
            yield edge


def _after(wall: datetime | None, step: Step) -> datetime | None:
    try:
        return step.after(wall) if wall else None
    except (ValueError, OverflowError):
        return None


def _reached(wall: datetime | None, tz: ZoneInfo) -> int:
    """The instant a clock reaches a time; None is the end of the calendar."""
    if wall is None:
        return LAST_MICROS + 1
    try:
        return reached(wall, tz)
    except OverflowError:
        return FIRST_MICROS if wall.year < 2 else LAST_MICROS + 1
