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
from urllib.parse import urlsplit

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from auditlib.access.principal import Principal, may_read
from auditlib.errors import AuditError, LedgerError
from pages import arrival, downloads, log_lines, opening
from pages.ui import text

LOCAL_HEADER: Final = "x-audit-local"
_PROOF: Final = secrets.token_hex(32)
_FORWARDED: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"via"})
_CORE: Final = ("health", "host-config", "stream", "bidi-components/")
"""What of Streamlit's own routes answers: not its metrics, uploads and agents."""
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
log_lines.keep_words_out()


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

        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
        elif not _names_us(scope):
            await PlainTextResponse("Misdirected request", 421)(scope, receive, send_with_headers)
        elif not _is_open(scope["path"]):
            await PlainTextResponse("Not found", 404)(scope, receive, send_with_headers)
        else:
            await self._answer(scope, receive, send_with_headers)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's answer to a request, or one sentence where it failed before it began to answer."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if begun:
                raise
            await PlainTextResponse(text.unexpected(log_error(error)), 500)(scope, receive, send)


def _policy() -> bytes:
    """The content security policy: scripts of this server alone, and those that stand in Streamlit's own page."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _INLINE_SCRIPT.findall(page))
    return _POLICY.format(hashes=" ".join(f"'sha256-{digest}'" for digest in digests)).encode()


def is_proof(value: str | None) -> bool:
    """Whether a header's value is the mark that this process puts on requests of the machine itself."""
    return value is not None and secrets.compare_digest(value.encode(), _PROOF.encode())


def is_local(scope: Scope) -> bool:
    """Whether a request comes from this machine, and from no page of another origin, to a server that only this machine can reach."""
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1")
    origin = headers.get(b"origin")
    peer = (scope.get("client") or ("",))[0]
    named = (peer, _host_name(host), _listening_address())
    is_own = origin is None or urlsplit(origin.decode("latin-1")).netloc == host
    return is_own and not _FORWARDED & headers.keys() and all(map(_is_loopback, named))


def routes() -> list[BaseRoute]:
    """The routes beside Streamlit's own."""
    return [
        Route("/healthz", _health),
        Route("/export/{token}", _export),
        Route("/signed-in", _signed_in),
        Route(arrival.PATH, arrival.sign_in),
        Route("/api/{rest:path}", _not_found),
    ]


def log_error(error: Exception) -> str:
    """Logs where something went wrong; returns the id under which it stands in the log."""
    number = secrets.token_hex(4)
    _LOG.error("Unexpected error %s", number, exc_info=error)
    return number


def report_error(error: Exception) -> bool:
    """Shows the person one sentence: that of an error of the library, else one with an id to be found in the log."""
    said = text.told(error) if isinstance(error, AuditError) else text.unexpected(log_error(error))
    st.error(said, icon=":material/error:")
    return True


def refusal(person: Principal | None) -> Response | None:
    """The answer to a plain request of who may not read, whatever it asks for: the same for what exists and what does not.

    It is 401 for nobody, 403 for someone without a role that may read, None for a reader.
    """
    if may_read(person):
        return None
    return PlainTextResponse("Admins only", 403 if person else 401, headers={"cache-control": "no-store"})


async def _signed_in(request: Request) -> Response:
    """Tells an open page whether its person may still read."""
    from pages.sign_in import request_principal

    refused = refusal(await run_in_threadpool(request_principal, request))
    return refused or Response(status_code=204, headers={"cache-control": "no-store"})


async def _health(request: Request) -> Response:
    attempt = opening.opening()
    head = opening.newest_head()
    return JSONResponse(
        {
            "status": "unavailable" if attempt.error else "ok" if head else "starting",
            "head": f"{head.seq}:{head.digest}" if head else None,
            "quarantined": len(head.quarantined) if head else 0,
        },
        headers={"cache-control": "no-store"},
    )


async def _export(request: Request) -> Response:
    from pages import recording
    from pages.sign_in import request_principal

    person = await run_in_threadpool(request_principal, request)
    if refused := refusal(person):
        await run_in_threadpool(recording.of_request(request, person, "/export").refused)
        return refused
    found = downloads.find(request.path_params["token"], person)
    if found is None:
        return PlainTextResponse(text.FILE_GONE, 404, headers={"cache-control": "no-store"})
    if request.method == "GET":
        try:
            recorder = recording.of_request(request, person, "/export", found.session)
            await run_in_threadpool(recorder.record, "downloaded", event_id=found.event_id, detail=found.detail())
        except LedgerError as error:
            return PlainTextResponse(str(error), 503, headers={"cache-control": "no-store"})
    return FileResponse(
        found.path, media_type=found.mime, filename=found.name, content_disposition_type="attachment", headers={"cache-control": "no-store"}
    )


async def _not_found(request: Request) -> Response:
    return PlainTextResponse("Not found", 404)


def _names_us(scope: Scope) -> bool:
    """Whether a request names a host of `server.allowedHosts`, which Streamlit asks of WebSockets alone; a health check may name any."""
    return scope["path"] == "/healthz" or is_host_allowed(dict(scope["headers"]).get(b"host", b"").decode("latin-1"))


def _is_open(path: str) -> bool:
    """Whether a path answers; of what Streamlit serves beside its page, only what is named here, below whatever base path."""
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    path = path.removeprefix(f"/{base}") if base else path
    if path.startswith("/media/"):
        return path.endswith((".png", ".svg"))
    if path.startswith("/_stcore/"):
        return path.removeprefix("/_stcore/").startswith(_CORE)
    return not path.startswith(("/component/", "/app/static/"))


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
