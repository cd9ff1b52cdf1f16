"""The world of one demo history: what every process in it shares, and the queue of processes under way.

A process is a generator that yields the instant (microseconds, UTC) at which it wants to go on, and
writes a row or a few whenever it is resumed. So nothing can happen before what causes it, and only
what is under way is held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from heapq import heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Final, TypeAlias

from auditlib.demo.calendar import END, Clock
from auditlib.demo.chance import Chance
from auditlib.demo.organisation import Organisation
from auditlib.demo.writing import Writer

if TYPE_CHECKING:
    from auditlib.demo.interviews import Interview

Process: TypeAlias = Generator[int, None, None]

_DAYS_AT_NATURAL_PACE: Final = 60


class World:
    """Shared state: chance, clock, organisation, pen, recent interviews, and what the traps ask for.

    `pace` shortens waiting times in histories of few days. While it is `crowded`, more is going on than
    the number of events allows, and applications rest where they are. `flaws` are faults the next video
    sessions must show; `trapped` collects the ids of the events of each trap.
    """

    def __init__(self, events: int, seed: int, days: int) -> None:
        self.events, self.days = events, days
        self.chance = Chance(f"auditlib demo {events} {seed} {days}")
        self.clock = Clock(days)
        self.pace = min(1.0, days / _DAYS_AT_NATURAL_PACE)
        self.writer = Writer(self.chance)
        self.organisation = Organisation(self.chance, events)
        self.recent: deque[Interview] = deque(maxlen=200)
        self.flaws: deque[str] = deque()
        self.settings: dict[str, str] = {}
        self.reviewers: set[str] = set()
        self.keys: list[str] = []
        self.crowded = False
        self.trapped: dict[str, list[str]] = {}
        self.now = self.clock.start
        self._queue: list[tuple[int, int, Process]] = []
        self._started = 0

    def start(self, process: Process) -> None:
        """Let a process run; its first yield is when, and never earlier than now."""
        at = next(process, None)
        if at is not None:
            self._started += 1
            heappush(self._queue, (max(at, self.now), self._started, process))

    def step(self, until: int) -> bool:
        """Resume the process whose turn is next; False when none is due before that instant."""
        queue = self._queue
        if not queue or queue[0][0] >= until:
            return False
        self.now, number, process = queue[0]
        at = next(process, None)
        if at is None or at >= END:
            heappop(queue)
        else:
            heapreplace(queue, (max(at, self.now), number, process))
        return True

    def trap(self, name: str, *event_ids: str) -> None:
        """Remember that these events are that trap."""
        self.trapped.setdefault(name, []).extend(event_ids)
