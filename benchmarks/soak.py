"""`python -m benchmarks.soak`: readers who come, turn pages and leave, others who ask in SQL, and what the server holds each minute."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import Final
from urllib.parse import urlencode

from benchmarks import history
from benchmarks.machine import held
from benchmarks.serving import Served, served
from benchmarks.visitor import Visitor
from benchmarks.visits import LINKS, LOST, Pulse, Told, pulse, visit

ANALYSTS: Final = 2
THINK_SECONDS: Final = 1.0
QUERIES: Final = (
    "SELECT action, count(*) AS n FROM events GROUP BY ALL ORDER BY n DESC",
    "SELECT actor_name, count(*) AS n FROM events WHERE outcome = 'failure' GROUP BY ALL ORDER BY n DESC LIMIT 50",
    "SELECT date_trunc('day', occurred_at) AS day, count(*) AS n FROM events GROUP BY ALL ORDER BY day",
)
HEAD: Final = """\
| minute | runs | busy | errors | p50 s | p95 s | slowest health s | memory MB | queries' memory MB | threads | files |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"""
_BUSY: Final = "please try again in a moment"
"""What those are told whom a full queue turns away: an answer, and no error."""


def main() -> None:
    """Runs the soak and prints a line each minute; exits with 1 where anything went wrong."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak")
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--store", type=Path, help="a store to read; else one of so many events is made and removed")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="audit-soak-"))
    try:
        store = arguments.store or work / "store"
        if not store.exists():
            history.store(store, arguments.events)
        settings = {"AUDIT_CACHE": str(work / "cache"), "AUDIT_STATE": str(work / "state")}
        with served(store.resolve(), settings) as server:
            faults = _soaked(server, arguments.minutes, arguments.readers)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for fault in sorted(set(faults)):
        print(f"{faults.count(fault)} × {fault}")
    sys.exit(1 if faults else 0)


class Crowd:
    """What the visitors of one minute came to; safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._told = Told()

    def add(self, told: Told) -> None:
        """Takes in what one visit came to."""
        with self._lock:
            self._told.add(told)

    def taken(self) -> Told:
        """What there is since the last time."""
        with self._lock:
            told, self._told = self._told, Told()
        return told


def _soaked(server: Served, minutes: int, readers: int) -> list[str]:
    """All that went wrong in so many minutes."""
    first = Told()
    visit(server.port, list(LINKS), first)
    crowd, over, faults = Crowd(), Event(), list(first.faults)
    print(HEAD, flush=True)
    with ThreadPoolExecutor(readers + ANALYSTS) as pool, pulse(server) as felt:
        working = [pool.submit(_reading, server.port, number, crowd, over) for number in range(readers)]
        working += [pool.submit(_asking, server.port, number, crowd, over) for number in range(ANALYSTS)]
        try:
            for minute in range(1, minutes + 1):
                time.sleep(60)
                told = crowd.taken()
                faults += told.faults
                print(_line(minute, told, felt, server), flush=True)
        finally:
            over.set()
        for each in working:
            each.result()
    return _errors(faults + crowd.taken().faults + felt.faults)


def _errors(faults: list[str]) -> list[str]:
    return [fault for fault in faults if _BUSY not in fault]


def _line(minute: int, told: Told, felt: Pulse, server: Served) -> str:
    beats, felt.seconds = felt.seconds, []
    now = held(server.process)
    seconds = (f"{each:.3f}" for each in (told.within(0.5), told.within(0.95), max(beats, default=0.0)))
    megabytes = (each // 1_000_000 for each in (now.memory, now.children))
    errors = _errors(told.faults)
    cells = (minute, len(told.seconds), len(told.faults) - len(errors), len(errors), *seconds, *megabytes, now.threads, now.files)
    return f"| {' | '.join(map(str, cells))} |"


def _reading(port: int, number: int, crowd: Crowd, over: Event) -> None:
    """One reader after the other, each of whom turns a few pages and leaves."""
    chance = random.Random(number)
    while not over.is_set():
        told = Told()
        visit(port, [chance.choice(LINKS) for _ in range(chance.randint(3, 8))], told, think=THINK_SECONDS)
        crowd.add(told)


def _asking(port: int, number: int, crowd: Crowd, over: Event) -> None:
    """One person who asks in SQL, again and again; some leave before the answer is there."""
    chance = random.Random(number)
    while not over.is_set():
        told = Told()
        try:
            with Visitor(port) as visitor:
                for _ in range(3):
                    run = visitor.run(urlencode({"sql": chance.choice(QUERIES)}), "explore")
                    told.seconds.append(run.seconds)
                    told.faults += run.faults
                    over.wait(chance.uniform(0.0, 4.0))
        except LOST as error:
            told.faults.append(f"{type(error).__name__}: {error}")
        crowd.add(told)


if __name__ == "__main__":
    main()
