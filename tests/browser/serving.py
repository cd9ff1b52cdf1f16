"""The app as `make run` starts it: a server process of its own, on a free port, with its files in a folder of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.error import HTTPError, URLError

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0


class Server:
    """One running server of the app; a context manager that ends it and looks through its log.

    `store` is the snapshot store; cache, state and log go to `folder`. `options` are further options of Streamlit, `settings`
    are ours, `app` is the script.
    """

    def __init__(
        self,
        store: Path,
        folder: Path,
        *,
        options: Sequence[str] = (),
        settings: Mapping[str, str] = MappingProxyType({}),
        app: str = "app.py",
    ) -> None:
        self.store, self.folder = store, folder
        self.port = free_port()
        self.base = f"http://localhost:{self.port}"
        self.options, self._settings, self._app = options, settings, app
        self._log = folder / "server.log"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        own = {"AUDIT_CACHE": "cache", "AUDIT_STATE": "state", "HOME": "home"}
        places = {"AUDIT_STORE": str(self.store)} | {name: str(self.folder / place) for name, place in own.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUDIT_", "STREAMLIT_"))}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", self._app, "--server.port", str(self.port), *self.options],
                cwd=ROOT,
                env=kept | places | dict(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert "Traceback" not in self.log(), self.log()

    def log(self) -> str:
        """What the server has written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def health(self) -> dict[str, Any]:
        """The answer of `/healthz`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_stcore/health", timeout=5).close()
                return
            except (URLError, OSError) as error:
                if isinstance(error, HTTPError) and error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    return  # it answers, though not whoever asks for this host
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._process.kill()
                    self._process.wait()
                    raise AssertionError(f"The server did not start:\n{self.log()}") from None
                time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
