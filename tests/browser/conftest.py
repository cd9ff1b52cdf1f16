"""A demo store, a server on it for each worker, and browsers that note whatever they should never do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from auditlib import demo
from auditlib.log import AuditLog, open_log
from auditlib.store import publish
from browser.audit_page import AuditPage
from browser.serving import Server

EVENTS, SEED = 3_000, 7
PATIENCE_MS = 15_000
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The same browser without its windows comes first: a page costs it half."""
FOREIGN = "audit.elsewhere.test"
"""A host name that the browsers find on this machine."""
NEAR = ("localhost", "127.0.0.1", FOREIGN)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--process-per-site",  # a page that is left for the next one leaves its compiled scripts behind
    f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1",
]

DESK: Final = {
    "viewport": {"width": 1440, "height": 900},
    "timezone_id": "Europe/Berlin",
    "locale": "en-GB",
    "permissions": ["clipboard-read", "clipboard-write"],
}

Reader = Callable[..., AuditPage]
"""Opens a browser of its own on a server: `reader()`, or `reader(server, timezone_id=…)` with options of the context."""

expect.set_options(timeout=PATIENCE_MS)


def publish_demo(store: Path, events: int) -> Path:
    """Publishes a demo history; returns the store."""
    for snapshot in demo.snapshots(events, SEED):
        publish(store, snapshot.batches, name=snapshot.name, created=snapshot.created, log_id=demo.log_id(events, SEED))
    return store


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium on this machine; on Debian: apt-get install chromium")
    return {"executable_path": found, "args": QUIET}


@pytest.fixture(scope="session")
def base_url() -> None:
    """Takes the place of the plugin's own, which today's pytest warns about; servers have their own addresses here."""


@pytest.fixture(scope="session")
def served_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_demo(tmp_path_factory.mktemp("served") / "store", EVENTS)


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history of 300 events in several snapshots, to be copied and damaged."""
    return publish_demo(tmp_path_factory.mktemp("small") / "store", 300)


@pytest.fixture(scope="session")
def traps() -> dict[str, tuple[str, ...]]:
    return dict(demo.traps(EVENTS, SEED))


@pytest.fixture(scope="session")
def served_log(served_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditLog]:
    """The served store as the library reads it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AUDIT_CACHE", "AUDIT_STATE"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        log = open_log(served_store)
    yield log
    log.close()


@pytest.fixture(scope="session")
def server(served_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(served_store, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a fresh server on a store: `serve(store, options=[…])`."""
    with ExitStack() as running:
        yield lambda store, **how: running.enter_context(Server(store, tmp_path / "fresh", **how))


class Watch:
    """Notes whatever a browser should never do: ask another host for anything, open a dialog, raise an error in a script."""

    def __init__(self, browser: Browser, **how: Any) -> None:
        self.faults: list[str] = []
        self.context = browser.new_context(**DESK | how)
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("request", lambda request: self._asked(request.url))
        self.context.on("page", self._look)

    def close(self) -> None:
        """Closes the browser; fails where anything was noted."""
        self.context.close()
        assert self.faults == []

    def _look(self, page: Page) -> None:
        page.on("dialog", self._answer)
        page.on("pageerror", lambda error: self.faults.append(f"raised {error}"))
        page.on("websocket", lambda socket: self._asked(socket.url))

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname not in NEAR:
            self.faults.append(f"asked for {url}")

    def _answer(self, dialog: Dialog) -> None:
        self.faults.append(f"opened a dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def reader(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Reader]:
    """Browsers of their own, on the worker's server or another one."""
    opened: list[Watch] = []

    def start(on: Server | None = None, **how: Any) -> AuditPage:
        server = on or request.getfixturevalue("server")
        opened.append(Watch(browser, **how))
        return AuditPage(opened[-1].context.new_page(), server.base)

    yield start
    for watch in opened:
        watch.close()


@pytest.fixture(scope="session")
def desk(browser: Browser, server: Server) -> Iterator[tuple[Watch, AuditPage]]:
    """The browser that most tests of a worker share: each link that is opened starts a session of its own."""
    watch = Watch(browser)
    yield watch, AuditPage(watch.context.new_page(), server.base)
    watch.close()


@pytest.fixture
def audit(desk: tuple[Watch, AuditPage]) -> Iterator[AuditPage]:
    """A browser in Berlin on the worker's server."""
    watch, page = desk
    watch.faults.clear()
    yield page
    page.page.goto("about:blank")
    assert watch.faults == []
