"""A crowd: many threads that ask one engine at once, and the floor of a search by one thread."""

from __future__ import annotations

import mmap
import random
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from auditlib.engine.embedded.haystack import Haystack
from auditlib.errors import EngineBusyError
from benchmarks.machine import timed
from benchmarks.peers import Peer
from benchmarks.questions import Question, asker

THREADS: Final = (1, 8, 32)
_SEARCHED: Final = ("actor.names.text", "resource_id.folded.text")


def crowd(peer: Peer, questions: Sequence[Question], seconds: float) -> list[dict[str, float]]:
    """For each number of threads, questions in a random order with nothing kept: how many a second, how long, how many busy."""
    asked = [asker(peer, question) for question in questions if question.kind in ("page", "facet", "histogram")]
    found = []
    for threads in THREADS:
        until = time.perf_counter() + seconds

        def one(seed: int, until: float = until) -> tuple[list[float], int]:
            chance, took, busy = random.Random(seed), [], 0
            while time.perf_counter() < until:
                peer.forget()
                try:
                    took.append(timed(chance.choice(asked)))
                except EngineBusyError:
                    busy += 1
            return took, busy

        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(one, range(threads)))
        took = sorted(each for mine, _ in answers for each in mine)
        found.append(
            {
                "threads": threads,
                "per_second": len(took) / seconds,
                "median": statistics.median(took),
                "p95": took[int(len(took) * 0.95)],
                "slowest": took[-1],
                "busy": sum(busy for _, busy in answers),
            }
        )
    return found


def floor(cache: Path, needle: str) -> float:
    """Seconds in which one thread looks for a needle through the distinct names and ids with `memmem`, every hit counted."""
    haystacks = []
    for path in (path for name in _SEARCHED for path in cache.rglob(name)):
        with path.open("rb") as file:
            haystacks.append(Haystack(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    wanted = needle.encode()

    def look() -> None:
        for haystack in haystacks:
            at = haystack.find(wanted)
            while at >= 0:
                at = haystack.find(wanted, at + len(wanted))

    return statistics.median(timed(look) for _ in range(7))
