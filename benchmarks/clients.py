"""`python -m benchmarks.clients PORT COUNT SECONDS`: that many readers who turn pages over a websocket of their own.

They speak as the browser does, and draw nothing: each asks for a random page, waits until the run is over, and thinks.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

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
        with connect(
            f"ws://localhost:{port}/_stcore/stream",
            origin=Origin(f"http://localhost:{port}"),
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
        ) as socket:
            _run(socket, "")
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                time.sleep(THINK_SECONDS * chance.uniform(0.5, 1.5))
                start = time.perf_counter()
                _run(socket, f"page={chance.randrange(1, PAGES)}")
                took.append(time.perf_counter() - start)
    except (WebSocketException, OSError):
        return None
    return took


def _run(socket: ClientConnection, query: str) -> None:
    asked = BackMsg()
    asked.rerun_script.query_string = query
    asked.rerun_script.page_name = "audit"
    asked.rerun_script.context_info.timezone = "Europe/Berlin"
    socket.send(asked.SerializeToString())
    while True:
        told = ForwardMsg()
        raw = socket.recv(timeout=60)
        told.ParseFromString(raw if isinstance(raw, bytes) else raw.encode())
        if told.WhichOneof("type") == "script_finished":
            return


if __name__ == "__main__":
    main()
