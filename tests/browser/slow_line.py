"""A line between server and browser on which every answer takes its time."""

from __future__ import annotations

import time
from collections import deque

from playwright.sync_api import Page, WebSocketRoute

PATIENCE_SECONDS = 20.0


class SlowLine:
    """Holds what a server sends over websockets back for some seconds; answers arrive only while `wait` waits."""

    def __init__(self, page: Page, *, seconds: float) -> None:
        self._page, self._seconds = page, seconds
        self._held: deque[tuple[float, WebSocketRoute, str | bytes]] = deque()
        page.route_web_socket("**/_stcore/stream", self._connect)

    def wait(self, seconds: float) -> None:
        """Lets so much time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while self._held and self._held[0][0] <= time.monotonic():
                _, browser, message = self._held.popleft()
                browser.send(message)
            self._page.wait_for_timeout(10)

    def wait_for(self, words: str) -> None:
        """Lets time pass until the words stand on the page."""
        end = time.monotonic() + PATIENCE_SECONDS
        while words not in self._page.inner_text("body"):
            assert time.monotonic() < end, f"{words!r} did not come"
            self.wait(0.1)

    def _connect(self, browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()
        server.on_message(lambda message: self._held.append((time.monotonic() + self._seconds, browser, message)))
        browser.on_message(server.send)
