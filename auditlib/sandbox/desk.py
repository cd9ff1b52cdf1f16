"""The desk: takes queries of many people, lets a few be answered at a time, in turn, and stops those that nobody waits for."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from auditlib.engine.base import Head
from auditlib.engine.serving import Progress
from auditlib.engine.turns import Turns, asking
from auditlib.errors import QueryStoppedError, SupersededError
from auditlib.location import Location
from auditlib.sandbox import database, gate
from auditlib.sandbox.pool import Pool
from auditlib.sandbox.question import MAX_BYTES, MAX_ROWS, TIMEOUT, Question, SqlResult

AT_ONCE: Final = 2
WAITING: Final = 8
PATIENCE_SECONDS: Final = 15.0


@dataclass(eq=False, slots=True)
class _Query:
    owner: str
    stopped: threading.Event = field(default_factory=threading.Event)


class Desk:
    """SQL over one head of one store; costs nothing before the first query. Safe between threads.

    Queries of one `owner` replace each other: an older one is stopped. `AT_ONCE` are answered at a time, `WAITING` wait, each
    at most `PATIENCE_SECONDS`, and people take turns.
    """

    def __init__(self, store: Location, head: Head) -> None:
        self._store, self._head = store, head
        self._preparing = threading.Lock()
        self._database = -1
        self._pools: dict[bool, Pool] = {}
        self._turns = Turns(AT_ONCE, WAITING, PATIENCE_SECONDS)
        self._lock = threading.Lock()
        self._queries: list[_Query] = []

    def prepare(self, progress: Progress | None = None, *, masked: bool = False) -> None:
        """Builds the derived database where there is none yet, and starts the children that will be asked.

        Raises CacheError where it cannot be built, StoreError where a file is no longer what was verified.
        """
        self._pool(masked, progress).refill()

    def ask(
        self,
        text: str,
        *,
        parameters: Mapping[str, object] | None = None,
        timeout: float = TIMEOUT,
        max_rows: int = MAX_ROWS,
        max_bytes: int = MAX_BYTES,
        masked: bool = False,
        person: str = "local",
        owner: str = "",
        stopped: Callable[[], bool] | None = None,
    ) -> SqlResult:
        """The answer to a query; `timeout` in seconds counts from its start.

        `masked` shows values under secret-looking keys as dots. No process ever answers two persons. `stopped` is asked again and
        again, and ends the query when it says so. Raises QueryRefusedError, QueryError, QueryTimeoutError, QueryStoppedError,
        EngineBusyError, and what `prepare` raises.
        """
        gate.check_text(text)
        question = Question(text, dict(parameters or {}), timeout, max_rows, max_bytes)
        question.check()
        pool = self._pool(masked, None)
        with self._turn(person, owner, stopped) as is_over:
            child = pool.take(person)
            try:
                return child.ask(question, is_over)
            finally:
                pool.give_back(child)

    def stop(self, owner: str) -> bool:
        """Stops the query of an owner; returns whether there was one."""
        with self._lock:
            found = [query for query in self._queries if query.owner == owner]
        for query in found:
            query.stopped.set()
        return bool(found)

    def close(self) -> None:
        """Stops every query and ends every child."""
        with self._lock:
            for query in self._queries:
                query.stopped.set()
        with self._preparing:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()
            if self._database >= 0:
                os.close(self._database)
                self._database = -1

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()

    def _pool(self, masked: bool, progress: Progress | None) -> Pool:
        with self._preparing:
            if self._database < 0:
                self._database = database.opened(self._store, self._head, progress)
            if masked not in self._pools:
                self._pools[masked] = Pool(self._database, masked=masked)
            return self._pools[masked]

    @contextmanager
    def _turn(self, asker: str, owner: str, stopped: Callable[[], bool] | None) -> Iterator[Callable[[], bool]]:
        """Waits for one of the few places; yields what says whether the query is to be stopped."""
        query = _Query(owner)

        def is_over() -> bool:
            return query.stopped.is_set() or bool(stopped and stopped())

        if owner:
            self.stop(owner)
        with self._lock:
            self._queries.append(query)
        try:
            with asking(asker, lambda: not is_over()), self._turns.turn():
                yield is_over
        except SupersededError:
            raise QueryStoppedError("The query was stopped") from None
        finally:
            with self._lock:
                self._queries.remove(query)
