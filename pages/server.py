"""The server's doors: who sits at this machine, which routes answer, and headers on every response."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import logging
import re
import secrets
from pathlib import Path
from typing import Final

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config

from pages import downloads, opening
from pages.ui import text

LOCAL_HEADER: Final = "x-audit-local"
_PROOF: Final = secrets.token_hex(32)
_FORWARDED: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"via"})
_CLOSED: Final = ("/_stcore/metrics", "/_stcore/upload_file", "/component/", "/_stcore/agent")
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_POLICY: Final = (
    "default-src 'self'; script-src 'self' blob: {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_INLINE_SCRIPT: Final = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
_LOG: Final = logging.getLogger("audit_logs")


class Gate:
    """ASGI middleware around everything: marks requests of the machine itself, closes unused doors, adds headers.

    A request is the machine's own only if the server listens on a loopback address, the socket's peer is
    loopback, the Host names loopback, and nothing says that it was forwarded. What cannot be known counts
    as no. The mark is a header with a secret of this process; whatever a client sends under its name is
    removed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = (*_HEADERS, (b"content-security-policy", _policy()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        name = LOCAL_HEADER.encode()
        headers = [(key, value) for key, value in scope["headers"] if key.lower() != name]
        if is_local(scope):
            headers.append((name, _PROOF.encode()))
        scope = {**scope, "headers": headers}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {key.lower() for key, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in self._headers if pair[0] not in present)]
            await send(message)

        if scope["type"] == "http" and not _is_open(scope["path"]):
            await PlainTextResponse("Not found", 404)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def _policy() -> bytes:
    """The content security policy: scripts of this server alone, and those that stand in Streamlit's own page."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _INLINE_SCRIPT.findall(page))
    return _POLICY.format(hashes=" ".join(f"'sha256-{digest}'" for digest in digests)).encode()


def is_proof(value: str | None) -> bool:
    """Whether a header's value is the mark that this process puts on requests of the machine itself."""
    return value is not None and secrets.compare_digest(value.encode(), _PROOF.encode())


def is_local(scope: Scope) -> bool:
    """Whether a request comes from this machine to a server that only this machine can reach."""
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1")
    peer = (scope.get("client") or ("",))[0]
    return not _FORWARDED & headers.keys() and _is_loopback(peer) and _is_loopback(_host_name(host)) and _is_loopback(_listening_address())


def routes() -> list[BaseRoute]:
    """The routes beside Streamlit's own."""
    return [
        Route("/healthz", _health),
        Route("/export/{token}", _export),
        Route("/api/{rest:path}", _not_found),
    ]


def report_error(error: Exception) -> bool:
    """Logs what went wrong under an id and shows the person one sentence with that id, and nothing else."""
    number = secrets.token_hex(4)
    _LOG.error("Unexpected error %s", number, exc_info=error)
    st.error(text.unexpected(number))
    return True


async def _health(request: Request) -> Response:
    head = opening.newest_head()
    return JSONResponse(
        {
            "status": "ok" if head else "starting",
            "head": f"{head.seq}:{head.digest}" if head else None,
            "quarantined": len(head.quarantined) if head else 0,
        },
        headers={"cache-control": "no-store"},
    )


async def _export(request: Request) -> Response:
    from pages.sign_in import request_principal

    found = downloads.find(request.path_params["token"], request_principal(request))
    if found is None:
        return PlainTextResponse("Not found", 404)
    return FileResponse(
        found.path, media_type=found.mime, filename=found.name, content_disposition_type="attachment", headers={"cache-control": "no-store"}
    )


async def _not_found(request: Request) -> Response:
    return PlainTextResponse("Not found", 404)


def _is_open(path: str) -> bool:
    if path.startswith("/media/"):
        return path.endswith((".png", ".svg"))
    return not path.startswith(_CLOSED)


def _listening_address() -> str:
    """The address the server was told to listen on, where Streamlit itself started it; else unknown."""
    if getattr(config, "_server_mode", None) not in ("starlette-app", "starlette-app-direct"):
        return ""
    return str(config.get_option("server.address") or "")


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
