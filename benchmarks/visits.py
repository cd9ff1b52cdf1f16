"""Visits of many: all at once, one after the other, and whether the server answers its health check meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Barrier, Event, Thread
from typing import Final

from websockets.exceptions import WebSocketException

from benchmarks.serving import Served
from benchmarks.visitor import Visitor

LINKS: Final = (
    "", "page=7", "rows=100&page=3", "action=updated", "action=recording_failed&order=oldest", "q=anna", "tab=team", "tab=team&q=an&page=2",
    "outcome=failure", "type=recording", "from=2026-06-01&to=2026-06-30&tz=Europe%2FBerlin", "tab=team&action=%21viewed",
)  # fmt: skip
"""What visitors look at."""

HEALTH_SECONDS: Final = 0.25
LOST: Final = (WebSocketException, OSError, EOFError)


@dataclass(slots=True)
class Told:
    """What visits came to: seconds of runs that ended, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, other: Told) -> None:
        """Takes in what another visit came to."""
        self.seconds += other.seconds
        self.faults += other.faults

    def within(self, share: float) -> float:
        """The seconds within which such a share of the runs ended; 0 where there was none."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(len(self.seconds) * share))] if self.seconds else 0.0


@dataclass(slots=True)
class Pulse:
    """What a server's health check answered: the seconds of each answer, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def visit(port: int, links: list[str], told: Told, *, start: Barrier | None = None, think: float = 0.0) -> None:
    """One visitor who looks at links, and leaves; `start` is waited for once connected, `think` is the mean pause in seconds."""
    try:
        with Visitor(port) as visitor:
            if start:
                start.wait()
            for link in links:
                run = visitor.run(link)
                told.seconds.append(run.seconds)
                told.faults += run.faults
                time.sleep(think * random.uniform(0.5, 1.5))
    except LOST as error:
        told.faults.append(f"{type(error).__name__}: {error}")
        if start:
            start.abort()


def at_once(port: int, visitors: int, reruns: int) -> list[Told]:
    """So many visitors who connect, then all ask for their first page at the same moment, and for `reruns` in all without a pause."""
    start = Barrier(visitors)
    told = [Told() for _ in range(visitors)]
    chosen = [random.Random(each).choices(LINKS, k=reruns) for each in range(visitors)]
    with ThreadPoolExecutor(visitors) as pool:
        list(pool.map(lambda each: visit(port, chosen[each], told[each], start=start), range(visitors)))
    return told


def in_turn(port: int, visitors: int, together: int) -> Told:
    """So many visitors who come, look at one page, and leave, a few together."""
    whole = Told()
    with ThreadPoolExecutor(together) as pool:
        told = [Told() for _ in range(visitors)]
        list(pool.map(lambda each: visit(port, [LINKS[each % len(LINKS)]], told[each]), range(visitors)))
    for each in told:
        whole.add(each)
    return whole


@contextmanager
def pulse(server: Served) -> Iterator[Pulse]:
    """Asks for the health of a server again and again while the block runs."""
    found, over = Pulse(), Event()

    def feel() -> None:
        while not over.wait(HEALTH_SECONDS):
            try:
                seconds, said = server.health()
            except OSError as error:
                found.faults.append(str(error))
            else:
                found.seconds.append(seconds)
                if said["status"] != "ok":
                    found.faults.append(said["status"])

    thread = Thread(target=feel, name="pulse", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
