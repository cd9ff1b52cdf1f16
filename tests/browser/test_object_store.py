"""The page over a store in an object store: its rows, what is new, and that it goes on when the store is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from events import batch, events
from object_server import KEY, SECRET, Bucket, Line, ObjectServer
from playwright.sync_api import Locator, expect

from auditlib.location import Location, locate
from auditlib.store import publish
from browser.audit_page import AuditPage
from browser.conftest import Reader
from browser.serving import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with ObjectServer(tmp_path) as server, Line(server.port) as line:
        Bucket(server.port, "record")
        yield line


def add(store: Location, number: int) -> None:
    publish(store, [batch(events(3, 3 * number))], name=f"day-{number}")


def opened_until_seen(audit: AuditPage, what: Locator) -> Locator:
    """Opens the page again until it shows something; the server asks the store now and then only."""
    for _ in range(20):
        audit.open("")
        if what.count():
            break
    return what


def test_the_page_shows_what_arrives_and_goes_on_when_the_store_is_away(
    line: Line, serve: Callable[..., Server], reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"AWS_ENDPOINT_URL": line.url, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    for name, value in {**keys, "AUDIT_CACHE": str(tmp_path / "publisher")}.items():
        monkeypatch.setenv(name, value)
    store = locate("s3://record/audit")
    add(store, 0)
    server = serve(store, settings=keys)
    audit = reader(server).open("")
    audit.has_range("1–3 of 3")

    add(store, 1)
    opened_until_seen(audit, audit.page.get_by_role("button", name="Refresh")).click()
    audit.has_range("1–6 of 6")

    line.cut()
    away = opened_until_seen(audit, audit.page.locator(".st-key-unreachable"))
    audit.has_range("1–6 of 6")
    expect(away).to_contain_text("Newer events cannot be looked for.")
    expect(away).to_contain_text("s3://record/audit")
    audit.rows.first.click()
    expect(audit.panel).to_contain_text("number")
    assert SECRET not in audit.page.content() and KEY not in audit.page.content()
    assert SECRET not in server.log() and KEY not in server.log()
