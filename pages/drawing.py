"""Whose page is drawn now: one at a time, so that a crowd leaves the server itself the time to answer.

Python runs one thread at a time: pages drawn side by side are none of them ready sooner, and every thread among them takes
its turn before the one that serves connections and health checks.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from threading import Event, Lock
from typing import Final

PATIENCE_SECONDS: Final = 10.0
"""Whoever has waited so long for the place goes on without it: one page that hangs must not stop the others."""

Aside = Callable[[], AbstractContextManager[None]]


class Place:
    """A place for one; whoever came first is served first, also where they gave it up for a while."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._lock = Lock()
        self._numbers = count()
        self._inside = 0
        self._waiting: list[tuple[int, Event]] = []

    @contextmanager
    def held(self) -> Iterator[Aside]:
        """Holds the place during the block, which gets what gives it up during a block of its own, to wait for something else."""
        number = next(self._numbers)
        self._enter(number)
        try:
            yield lambda: self._aside(number)
        finally:
            self._leave()

    @contextmanager
    def _aside(self, number: int) -> Iterator[None]:
        self._leave()
        try:
            yield
        finally:
            self._enter(number)

    def _enter(self, number: int) -> None:
        mine = (number, Event())
        with self._lock:
            if not self._inside:
                self._inside = 1
                return
            heapq.heappush(self._waiting, mine)
        if not mine[1].wait(self._patience):
            with self._lock:
                if not mine[1].is_set():
                    self._waiting.remove(mine)
                    heapq.heapify(self._waiting)
                    self._inside += 1

    def _leave(self) -> None:
        with self._lock:
            if self._inside == 1 and self._waiting:
                heapq.heappop(self._waiting)[1].set()
            else:
                self._inside -= 1
