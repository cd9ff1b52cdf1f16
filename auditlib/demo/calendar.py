"""Offices, their working hours, and the clock by which the organisation is busy or quiet.

Instants are microseconds since the epoch in UTC. Summer time is computed from the rules of the
European Union and the United States, not read from the machine's zone data, so that the same
arguments give the same rows everywhere; it is exact to the day, and the switch is on a Sunday.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import accumulate
from typing import Final

from auditlib.demo.chance import Chance
from auditlib.times import to_micros

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

END: Final = to_micros(datetime(2026, 11, 20, 18, tzinfo=UTC))
"""Every demo history ends here, a Friday."""

_OPENS: Final = 8 * HOUR + 30 * MINUTE
_CLOSES: Final = 18 * HOUR + 15 * MINUTE
_SATURDAY: Final = 5
_HALF_HOUR: Final = 30 * MINUTE
_SLOTS: Final = 16
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Office:
    """One office: its city, zone, standard offset in hours, summer-time rule, country and network prefix."""

    city: str
    zone: str
    hours: float
    summer: str
    country: str
    network: str

    def offset(self, at: int) -> int:
        """Microseconds by which the wall clock is ahead of UTC."""
        return int(self.hours * HOUR) + (HOUR if self.summer and _is_summer(self.summer, at // DAY) else 0)

    def is_open(self, at: int) -> bool:
        """Whether people are at work there."""
        local = at + self.offset(at)
        return _weekday(local) < _SATURDAY and _OPENS <= local % DAY < _CLOSES

    def at_work(self, at: int, chance: Chance) -> int:
        """That instant if the office is open then, else some time on its next working day, or early in the week after a weekend."""
        offset = self.offset(at)
        local = at + offset
        day, time = local // DAY, local % DAY
        if _weekday(local) < _SATURDAY and _OPENS <= time < _CLOSES:
            return at
        if time >= _OPENS:
            day += 1
        if (weekday := (day + 3) % 7) >= _SATURDAY:
            day += 7 - weekday + chance.between(0, 3)
        return day * DAY + _OPENS + int(chance.random() * 7 * HOUR) - offset

    def slot(self, after: int, chance: Chance) -> int:
        """A half hour of a working day, between 9 and 17 local time, after that instant."""
        at = self.at_work(after, chance)
        offset = self.offset(at)
        opens = (at + offset) // DAY * DAY + 9 * HOUR - offset
        first = max(0, (at - opens) // _HALF_HOUR + 1)
        if first >= _SLOTS:
            return self.slot(at + 6 * HOUR, chance)
        return opens + chance.between(first, _SLOTS) * _HALF_HOUR


OFFICES: Final = (
    Office("Berlin", "Europe/Berlin", 1, "eu", "DE", "203.0.113."),
    Office("Lisbon", "Europe/Lisbon", 0, "eu", "PT", "192.0.2."),
    Office("New York", "America/New_York", -5, "us", "US", "198.51.100."),
    Office("São Paulo", "America/Sao_Paulo", -3, "", "BR", "10.44.7."),
    Office("Bangalore", "Asia/Kolkata", 5.5, "", "IN", "10.91.3."),
    Office("Tokyo", "Asia/Tokyo", 9, "", "JP", "172.20.5."),
)


class Clock:
    """The share of a history's activity that has passed at an instant, and back.

    Working hours weigh most, nights little, weekends almost nothing.
    """

    def __init__(self, days: int) -> None:
        self.start = END - days * DAY
        hours = range(self.start, END, HOUR)
        self._passed = list(accumulate((_busy(hour) for hour in hours), initial=0.0))
        self._whole = self._passed[-1]

    def at(self, share: float) -> int:
        """The instant at which that share, 0 to 1, of the activity has passed."""
        target = share * self._whole
        hour = min(bisect_right(self._passed, target), len(self._passed) - 1) - 1
        within = (target - self._passed[hour]) / (self._passed[hour + 1] - self._passed[hour])
        return self.start + hour * HOUR + int(min(within, 1.0) * HOUR)

    def share(self, at: int) -> float:
        """The share, 0 to 1, of the activity that has passed at that instant."""
        hour, rest = divmod(min(max(at, self.start), END) - self.start, HOUR)
        if hour + 1 >= len(self._passed):
            return 1.0
        return (self._passed[hour] + (self._passed[hour + 1] - self._passed[hour]) * rest / HOUR) / self._whole


def day_text(at: int) -> str:
    """`20 Nov 10:00` of an instant that was shifted to local time."""
    return f"{_dates(at // DAY)[0]} {at % DAY // HOUR:02d}:{at % HOUR // MINUTE:02d}"


def iso_text(at: int) -> str:
    """`2026-11-20T10:00:00Z` of an instant."""
    return f"{_dates(at // DAY)[1]}T{at % DAY // HOUR:02d}:{at % HOUR // MINUTE:02d}:{at % MINUTE // SECOND:02d}Z"


def iso_day(at: int) -> str:
    """`2026-11-20` of an instant."""
    return _dates(at // DAY)[1]


def duration_text(micros: int) -> str:
    """`1 h 01 min`, `58 min` or `40 s`."""
    minutes = micros // MINUTE
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min" if minutes else f"{max(micros // SECOND, 0)} s"


def _weekday(local: int) -> int:
    return (local // DAY + 3) % 7


def _busy(hour: int) -> float:
    if _weekday(hour) >= _SATURDAY:
        return 0.015
    clock = hour % DAY // HOUR
    return 1.0 if 7 <= clock < 17 else 0.45 if 3 <= clock < 21 else 0.12


@lru_cache(maxsize=4096)
def _dates(day: int) -> tuple[str, str]:
    found = date.fromordinal(day + _EPOCH_ORDINAL)
    return f"{found.day} {_MONTHS[found.month - 1]}", found.isoformat()


@lru_cache(maxsize=4096)
def _is_summer(rule: str, day: int) -> bool:
    found = date.fromordinal(day + _EPOCH_ORDINAL)
    if rule == "eu":
        return _last_sunday(found.year, 3) <= found.toordinal() < _last_sunday(found.year, 10)
    return _first_sunday(found.year, 3) + 7 <= found.toordinal() < _first_sunday(found.year, 11)


def _first_sunday(year: int, month: int) -> int:
    first = date(year, month, 1).toordinal()
    return first + (-first) % 7


def _last_sunday(year: int, month: int) -> int:
    return date(year, month, 31).toordinal() - date(year, month, 31).toordinal() % 7


_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
