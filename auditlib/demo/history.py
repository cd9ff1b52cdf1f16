"""The course of a demo history: when things begin, how many there are, and where it is cut into snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Final

import pyarrow as pa

from auditlib.demo.applications import application, campaign
from auditlib.demo.calendar import END, HOUR, SECOND, Clock, iso_day, iso_text
from auditlib.demo.office import EVENTS_PER_VISIT, changes_of_life, look, nights, visit
from auditlib.demo.pitfalls import FEWEST_EVENTS, plant
from auditlib.demo.world import Process, World
from auditlib.demo.writing import to_batch
from auditlib.errors import AuditError
from auditlib.times import from_micros, to_micros

ROWS_PER_BATCH: Final = 4_096
LONGEST_DAYS: Final = 7_300

_EVENTS_PER_APPLICATION: Final = 46.0
_MEAN_AGE_DAYS: Final = 11.0
_SHARE_OF_APPLICATIONS: Final = 0.94
_ROWS_PER_SNAPSHOT: Final = 1_000_000
_UNEVENNESS: Final = 1.35
_FIRMNESS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Part:
    """One snapshot to be: its name, the instant at which it ends (microseconds), and when it is delivered."""

    name: str
    until: int
    created: datetime


class History:
    """One run through a demo history; `batches` of its parts are read in order, once.

    Raises AuditError where the numbers are out of range.
    """

    def __init__(self, events: int, seed: int, days: int) -> None:
        if events < 1:
            raise AuditError(f"Cannot make a history of {events} events: expected 1 or more.", events=events)
        if not 1 <= days <= LONGEST_DAYS:
            raise AuditError(f"Cannot make a history of {days} days: expected 1 to {LONGEST_DAYS}.", days=days)
        self._world = world = World(events, seed, days)
        self.parts = cut(events, days)
        self._given = 0
        self._next_part = 0
        self._lost = min(0.5, _MEAN_AGE_DAYS * world.pace / days)
        self._applications = _SHARE_OF_APPLICATIONS * events / (_EVENTS_PER_APPLICATION * self._flow(1))
        open_campaigns = max(2, min(500, events // 4_000))
        for number in range(open_campaigns):
            world.start(campaign(world, world.clock.at(0.0005 + (0.3 * number / open_campaigns if number > 1 else 0.0))))
        world.start(self._arrivals())
        world.start(self._visits())
        world.start(nights(world, min(1.0, events / days / 150)))
        if events >= FEWEST_EVENTS // 4:
            world.start(changes_of_life(world))
        if events >= FEWEST_EVENTS:
            world.start(plant(world, [part.until for part in self.parts[:-1]]))

    @property
    def trapped(self) -> dict[str, tuple[str, ...]]:
        """The event ids of each trap planted so far."""
        return {name: tuple(ids) for name, ids in self._world.trapped.items()}

    def batches(self, part: Part) -> Iterator[pa.RecordBatch]:
        """The rows of one part, batch by batch. Raises AuditError if it is not that part's turn."""
        if self._next_part >= len(self.parts) or part is not self.parts[self._next_part]:
            raise AuditError(f"Cannot read snapshot {part.name!r} now: expected all before it to be read, once.", name=part.name)
        world, writer = self._world, self._world.writer
        while writer.written < world.events and world.step(part.until):
            if len(writer.rows) >= ROWS_PER_BATCH:
                yield self._batch()
        self._next_part += 1
        if part is self.parts[-1]:
            self._fill_up()
        while writer.rows and self._given < world.events:
            yield self._batch()

    def _batch(self) -> pa.RecordBatch:
        rows = self._world.writer.rows
        batch = to_batch(rows[: min(ROWS_PER_BATCH, self._world.events - self._given)])
        del rows[:ROWS_PER_BATCH]
        self._given += batch.num_rows
        return batch

    def _fill_up(self) -> None:
        world = self._world
        missing = world.events - world.writer.written
        begin = world.now
        for number in range(missing):
            world.now = begin + (END - begin) * number // missing
            look(world, world.organisation.someone(world.now))

    def _flow(self, share: float) -> float:
        """How far the events of applications have come when that share of them has begun: they lag behind."""
        return share * share / (share + self._lost)

    def _arrivals(self) -> Process:
        world, random = self._world, self._world.chance.random
        planned = self._applications
        share = 0.004 + random() / planned
        while share < 1:
            at = world.clock.at(share)
            yield at
            world.start(application(world, at))
            ahead = world.writer.written - world.events * self._flow(share) / self._flow(1)
            rate = planned - _FIRMNESS * ahead / _EVENTS_PER_APPLICATION / (1.1 - share)
            share += 2 * random() / min(max(rate, 0.3 * planned), 1.5 * planned)

    def _visits(self) -> Process:
        world, random = self._world, self._world.chance.random
        share = 0.001
        structured = self._applications * _EVENTS_PER_APPLICATION
        while share < 1:
            at = world.clock.at(share)
            yield at
            expected = structured * (self._flow(1) - self._flow(share))
            visits = (world.events - world.writer.written - expected) / EVENTS_PER_VISIT
            world.crowded = visits < 0
            if visits < 1:
                share += (1 - share) * 0.02 + 0.0005
                continue
            world.start(visit(world, at))
            share += 2 * random() * (1 - share) / visits


def cut(events: int, days: int) -> tuple[Part, ...]:
    """The parts of a history: one per calendar month, more where a month would exceed a million rows.

    A history of fewer than three months is cut into three equal parts. Snapshots are delivered six
    hours after they end, when what was recorded late has come in.
    """
    clock = Clock(days)
    start = clock.start
    months = _months(start)
    if len(months) >= 3:
        spans = [(iso_day(since)[:7], since, until) for since, until in pairwise([*months, END])]
    else:
        edges = [start + (END - start) * third // 3 for third in range(4)]
        spans = [(iso_text(since)[:13], since, until) for since, until in pairwise(edges)]
    parts = []
    for name, since, until in spans:
        first, last = clock.share(since), clock.share(until)
        pieces = max(1, ceil(events * (last - first) * _UNEVENNESS / _ROWS_PER_SNAPSHOT))
        for piece in range(1, pieces + 1):
            edge = until if piece == pieces else clock.at(first + (last - first) * piece / pieces)
            created = from_micros((edge + 6 * HOUR) // SECOND * SECOND) + timedelta(seconds=5)
            parts.append(Part(name if pieces == 1 else f"{name}-part{piece}", edge, created))
    return tuple(parts)


def _months(start: int) -> list[int]:
    """The start, and the first instant of every month after it up to the end."""
    found = [start]
    moment = from_micros(start)
    year, month = moment.year, moment.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        first = to_micros(datetime(year, month, 1, tzinfo=UTC))
        if first >= END:
            return found
        found.append(first)
