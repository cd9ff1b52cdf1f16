"""The gate: what counts as this machine, which doors are closed, and headers on every answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from auditlib.access.principal import AT_THE_MACHINE
from pages import downloads, server

Visit = Callable[..., "Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gate let out."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def _mark(request: Request) -> Response:
    return JSONResponse({"local": server.is_proof(request.headers.get(server.LOCAL_HEADER))})


async def _ask(app: Starlette, scope: dict[str, Any]) -> Answer:
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nobody leaves")

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Visit:
    """Asks for a path behind the gate; by default from a browser on this machine."""
    routes = [*server.routes(), Route("/{rest:path}", _mark)]
    app = Starlette(routes=routes, middleware=[Middleware(server.Gate)])

    def ask(
        path: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        listening: str = "127.0.0.1",
        peer: str = "127.0.0.1",
        host: str = "localhost:8501",
    ) -> Answer:
        monkeypatch.setattr(server, "_listening_address", lambda: listening)
        given = [(name.lower().encode(), value.encode()) for name, value in {"Host": host, **headers}.items()]
        place = {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1"}
        scope = {"type": "http", "method": "GET", "headers": given, "client": (peer, 50_000), "server": ("127.0.0.1", 8501), **place}
        with ThreadPoolExecutor(1) as own_loop:
            return own_loop.submit(asyncio.run, _ask(app, scope)).result()

    return ask


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "127.0.0.1:8501", "[::1]:8501", "127.0.0.53"])
def test_a_browser_on_this_machine_is_marked(host: str, visit: Visit) -> None:
    assert visit("/mark", host=host).json() == {"local": True}


@pytest.mark.parametrize(
    "how",
    [
        {"listening": "0.0.0.0"},
        {"listening": "::"},
        {"listening": ""},
        {"listening": "192.168.1.7"},
        {"peer": "203.0.113.9"},
        {"peer": "testclient"},
        {"host": "audit.example.test"},
        {"host": "localhost.example.test"},
        {"host": "127.0.0.1.example.test"},
        {"host": "127.1.example.test:8501"},
    ],
    ids=str,
)
def test_whatever_is_not_loopback_throughout_is_not_marked(how: dict[str, Any], visit: Visit) -> None:
    assert visit("/mark", **how).json() == {"local": False}


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-FORWARDED-PROTO", "X-Real-IP", "Via"])
def test_a_forwarded_request_is_not_marked(header: str, visit: Visit) -> None:
    assert visit("/mark", {header: "127.0.0.1"}).json() == {"local": False}


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8501", "null", "http://evil.test", "localhost:8501"])
def test_a_request_of_a_page_of_another_origin_is_not_marked(origin: str, visit: Visit) -> None:
    assert visit("/mark", {"Origin": origin}).json() == {"local": False}
    assert visit("/mark", {"Origin": "http://localhost:8501"}).json() == {"local": True}


def test_a_forged_mark_is_taken_away(visit: Visit) -> None:
    forged = {server.LOCAL_HEADER: "0" * 64}
    assert visit("/mark", forged, peer="203.0.113.9").json() == {"local": False}
    assert visit("/mark", forged).json() == {"local": True}
    assert not server.is_proof("0" * 64)
    assert not server.is_proof("é")
    assert not server.is_proof(None)


@pytest.mark.parametrize(
    "path",
    [
        "/media/x.json",
        "/media/a.csv",
        "/_stcore/metrics",
        "/_stcore/upload_file/x",
        "/_stcore/agent/run",
        "/_stcore/script-health-check",
        "/_stcore/whatever-comes-next",
        "/app/static/x",
        "/component/a/b.html",
        "/api/x",
        "/export/x",
    ],
)
def test_closed_doors_answer_404_to_everyone(path: str, visit: Visit) -> None:
    assert visit(path).status == 404


@pytest.mark.parametrize(
    "path", ["/media/logo.png", "/media/x.svg", "/audit", "/_stcore/health", "/_stcore/bidi-components/x.js", "/static/media/font.woff2"]
)
def test_what_the_page_needs_stays_open(path: str, visit: Visit) -> None:
    assert visit(path).status == 200


@pytest.mark.parametrize("path", ["/mark", "/media/x.json", "/api/x", "/healthz", "/export/x"])
def test_security_headers_are_on_every_answer(path: str, visit: Visit) -> None:
    headers = visit(path, peer="203.0.113.9").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert "'sha256-" in policy["script-src"]
    assert "unsafe" not in policy["script-src"]
    assert policy["frame-ancestors"] == "'none'"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_a_server_that_was_told_its_names_answers_to_no_other_but_about_its_health(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "is_host_allowed", lambda host: host == "audit.example.test")
    assert {host: visit("/audit", host=host).status for host in ("audit.example.test", "localhost:8501", "")} == {
        "audit.example.test": 200,
        "localhost:8501": 421,
        "": 421,
    }
    assert visit("/healthz", host="10.0.0.7").status == 200


def test_health_answers_everyone_without_event_data(visit: Visit) -> None:
    answer = visit("/healthz", peer="203.0.113.9", host="elsewhere.test")
    assert answer.status == 200
    assert answer.json().keys() == {"status", "head", "quarantined"}


def test_an_export_is_sent_to_its_person_and_to_nobody_else(visit: Visit) -> None:
    path = downloads.new_file(".csv")
    path.write_bytes(b"event_id\r\n")
    token = downloads.offer(path, "audit.csv", "text/csv", AT_THE_MACHINE)
    answer = visit(f"/export/{token}")
    assert (answer.status, answer.body) == (200, b"event_id\r\n")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert answer.headers["cache-control"] == "no-store"
    for refused in (
        visit(f"/export/{token}", peer="203.0.113.9"),
        visit(f"/export/{token}", {"Via": "1.1 proxy"}),
        visit("/export/x", host="x.test"),
    ):
        assert (refused.status, refused.body, refused.headers["cache-control"]) == (401, b"Admins only", "no-store")
    downloads.withdraw(token)
    assert visit(f"/export/{token}").status == 404
