"""`python -m benchmarks.clients PORT COUNT SECONDS`: that many readers who turn pages over a websocket of their own.

Each asks for a random page, waits until the run is over, and thinks.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from websockets.exceptions import WebSocketException

from benchmarks.visitor import Visitor

THINK_SECONDS: Final = 1.0
PAGES: Final = 200


def main() -> None:
    """Runs the clients and prints how long their runs took, and how many readers were lost."""
    port, count, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    with ThreadPoolExecutor(count) as pool:
        found = list(pool.map(lambda seed: _reader(port, seed, seconds), range(count)))
    took = sorted(each for mine in found if mine for each in mine)
    print(json.dumps({"runs": len(took), "lost": found.count(None), "median": statistics.median(took), "p95": took[int(len(took) * 0.95)]}))


def _reader(port: int, seed: int, seconds: float) -> list[float] | None:
    """The seconds of each run after the first; None where the connection broke."""
    chance, took = random.Random(seed), []
    try:
        with Visitor(port) as visitor:
            visitor.run()
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                time.sleep(THINK_SECONDS * chance.uniform(0.5, 1.5))
                took.append(visitor.run(f"page={chance.randrange(1, PAGES)}").seconds)
    except (WebSocketException, OSError):
        return None
    return took


if __name__ == "__main__":
    main()
