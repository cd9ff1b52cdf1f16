"""The server that is measured: a process of the app on a free port of this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its port, and the number of its process."""

    port: int
    process: int

    def health(self) -> tuple[float, dict[str, Any]]:
        """The answer of `/healthz`, and the seconds it took; raises OSError where there is none."""
        start = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=60) as answer:
            return time.perf_counter() - start, json.load(answer)


@contextmanager
def served(store: Path, settings: Mapping[str, str], *options: str, log: Path = Path(os.devnull)) -> Iterator[Served]:
    """A server of the app on a store, which answers; `options` are Streamlit's, what it writes goes to `log`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    environment = {**os.environ, **settings, "AUDIT_STORE": str(store)}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), *options]
    with log.open("wb") as written:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=written, stderr=subprocess.STDOUT)
    try:
        yield _answering(Served(port, server.pid))
    finally:
        server.terminate()
        server.wait()


def _answering(server: Served) -> Served:
    for _ in range(1_500):
        try:
            server.health()
            return server
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"The server at port {server.port} does not answer")
