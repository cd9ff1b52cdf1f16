"""Access: who gets in, what an outsider is sent, and which doors answer; asked of fresh servers."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests
from events import batch, events
from playwright.sync_api import WebSocket, expect
from waiting import soon

from auditlib.store import publish
from browser.audit_page import AuditPage
from browser.conftest import FOREIGN, Reader
from browser.serving import Server

pytestmark = pytest.mark.browser

REFUSED = "Admins only. Sign-in is not configured"
DATA = (b"ev-000007", b"Ada Admin", b"BK0000", b"event_table")
"""What only someone who may read the log is sent."""
AUTH = """
[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "audit"
client_secret = "none"
server_metadata_url = "http://127.0.0.1:9/.well-known/openid-configuration"
"""

Outsider = Callable[..., tuple[AuditPage, list[bytes]]]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    publish(tmp_path / "store", [batch(events(12))], name="few")
    return tmp_path / "store"


@pytest.fixture
def arrive(reader: Reader) -> Outsider:
    """Opens an address of a server; gives the page and every message its websockets receive."""

    def start(server: Server, path: str, base: str = "", **how: Any) -> tuple[AuditPage, list[bytes]]:
        frames: list[bytes] = []

        def listen(socket: WebSocket) -> None:
            socket.on("framereceived", lambda frame: frames.append(frame if isinstance(frame, bytes) else frame.encode()))

        audit = reader(server, **how)
        audit.page.on("websocket", listen)
        audit.page.goto((base or audit.base) + path)
        return audit, frames

    return start


def is_sent_nothing(audit: AuditPage, frames: list[bytes]) -> None:
    assert [sign for sign in DATA if any(sign in frame for frame in frames)] == []
    assert not any(sign.decode() in audit.page.content() for sign in DATA)
    expect(audit.rows).to_have_count(0)
    expect(audit.page.locator(".st-key-navigation")).to_have_count(0)


def test_what_an_admin_is_sent_would_be_noticed(store: Path, serve: Callable[..., Server], arrive: Outsider) -> None:
    audit, frames = arrive(serve(store), "/audit")
    audit.has_range("1–12 of 12")
    expect(audit.sidebar).to_contain_text("Signed in as local admin")
    expect(audit.page.locator(".st-key-navigation")).to_be_visible()
    assert [sign for sign in DATA if not any(sign in frame for frame in frames)] == []


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_a_forwarded_request_is_refused_on_a_cold_deep_link(
    header: str, store: Path, serve: Callable[..., Server], arrive: Outsider
) -> None:
    server = serve(store)
    for forged in ({}, {"X-Audit-Local": "0" * 64}):
        audit, frames = arrive(server, "/audit?event=ev-000003", extra_http_headers={header: "for=203.0.113.9", **forged})
        expect(audit.text).to_contain_text(REFUSED)
        is_sent_nothing(audit.settle(), frames)
        assert frames


def test_a_foreign_host_is_refused_on_a_cold_deep_link_and_elsewhere(store: Path, serve: Callable[..., Server], arrive: Outsider) -> None:
    server = serve(store)
    for path in ("/audit?event=ev-000003", "/", "/nowhere"):
        audit, frames = arrive(server, path, base=f"http://{FOREIGN}:{server.port}")
        expect(audit.text).to_contain_text(REFUSED)
        is_sent_nothing(audit, frames)


def test_a_server_that_others_can_reach_refuses_even_this_machine(store: Path, serve: Callable[..., Server], arrive: Outsider) -> None:
    server = serve(store, options=["--server.address", "0.0.0.0"])
    audit, frames = arrive(server, "/audit")
    expect(audit.text).to_contain_text(REFUSED)
    is_sent_nothing(audit, frames)
    assert server.health().keys() == {"status", "head", "quarantined"}


def test_with_sign_in_configured_nobody_is_local_admin(store: Path, serve: Callable[..., Server], arrive: Outsider, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(AUTH)
    server = serve(store, options=["--secrets.files", str(secrets)])
    for path in ("/audit?event=ev-000003", "/"):
        audit, frames = arrive(server, path)
        expect(audit.text).to_contain_text("Sign in to continue.")
        expect(audit.page.get_by_role("button", name="Sign in")).to_be_visible()
        is_sent_nothing(audit, frames)


def test_an_unknown_page_leads_an_admin_to_a_valid_one(server: Server, arrive: Outsider) -> None:
    audit, _ = arrive(server, "/nowhere")
    expect(audit.text).to_contain_text("Audit Logs")
    expect(audit.text).not_to_contain_text("Traceback")


# -- plain requests ------------------------------------------------------------------------------------

CLOSED = ("/media/x.json", "/media/" + "0" * 56 + ".csv", "/_stcore/metrics", "/export/guess", "/api/x", "/api/events")
HEADERS = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}


@pytest.mark.parametrize("path", CLOSED)
def test_a_closed_door_answers_404(path: str, server: Server) -> None:
    answer = requests.get(server.base + path)
    assert answer.status_code == 404
    assert "<html" not in answer.text
    assert HEADERS.items() <= dict(answer.headers).items()


@pytest.mark.parametrize("path", ["/", "/audit", "/healthz", "/_stcore/health", "/static/none.js"])
def test_every_answer_carries_the_security_headers(path: str, server: Server) -> None:
    assert HEADERS.items() <= dict(requests.get(server.base + path).headers).items()


def test_health_tells_the_head_and_no_event_before_anyone_has_asked_for_a_page(store: Path, serve: Callable[..., Server]) -> None:
    server = serve(store)
    assert soon(lambda: server.health()["status"] == "ok")
    answer = requests.get(server.base + "/healthz", headers={"Host": "elsewhere.test", "X-Forwarded-For": "203.0.113.9"})
    digest = sha256((store / "manifests" / "00000001.json").read_bytes()).hexdigest()
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "head": f"1:{digest}", "quarantined": 0})


def test_health_tells_that_there_is_no_store_until_a_reader_finds_one(
    store: Path, serve: Callable[..., Server], arrive: Outsider, tmp_path: Path
) -> None:
    server = serve(tmp_path / "later")
    assert soon(lambda: server.health()["status"] == "unavailable")
    assert server.health() == {"status": "unavailable", "head": None, "quarantined": 0}
    store.rename(tmp_path / "later")
    audit, _ = arrive(server, "/audit")
    audit.has_range("1–12 of 12")
    assert server.health()["status"] == "ok"


def test_no_log_line_holds_event_data(store: Path, serve: Callable[..., Server], arrive: Outsider) -> None:
    server = serve(store)
    audit, _ = arrive(server, "/audit?q=Ada&event=ev-000003")
    expect(audit.panel).to_contain_text("ev-000003")
    for sign in ("Ada", "ev-000003", "BK00", '"number"'):
        assert sign not in server.log()
