"""Who is asking: the signed-in person, or whoever sits at this machine where no sign-in is configured."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import streamlit as st
from starlette.requests import HTTPConnection, Request
from streamlit import config
from streamlit.auth_util import get_origin_from_redirect_uri
from streamlit.errors import StreamlitSecretNotFoundError
from streamlit.web.server.starlette import starlette_websocket as cookies
from streamlit.web.server.starlette.starlette_server_config import TOKENS_COOKIE_NAME, USER_COOKIE_NAME

from auditlib.access.principal import AT_THE_MACHINE, Principal
from auditlib.access.sign_in import SignIn
from auditlib.access.signed_out import is_signed_out
from pages.provider import confirmed
from pages.server import LOCAL_HEADER, is_proof


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks at one connection; on any thread, and anew at each call, so that a role, a sign-in or a session that ended counts."""

    is_local: bool = False
    sign_in: SignIn | None = None

    def __call__(self) -> Principal | None:
        """The person, or None for nobody. It may ask the identity provider, which takes a moment."""
        if self.sign_in is None:
            return AT_THE_MACHINE if self.is_local else None
        if not self.sign_in.counts_at(time.time()) or is_signed_out(self.sign_in):
            return None
        return confirmed(self.sign_in)


_known: Final[ContextVar[Visitor | None]] = ContextVar("known", default=None)


@contextmanager
def known(who: Visitor) -> Iterator[None]:
    """Lets `visitor` give whom the run of the page has found, for the block of that run; whether they count is asked at each call."""
    token = _known.set(who)
    try:
        yield
    finally:
        _known.reset(token)


def is_configured() -> bool:
    """Whether sign-in with an identity provider is configured: `[auth]` in the secrets, or secrets that cannot be read."""
    try:
        return "auth" in st.secrets
    except (StreamlitSecretNotFoundError, OSError, UnicodeDecodeError):
        return any(os.path.lexists(path) for path in config.get_option("secrets.files"))


def visitor() -> Visitor:
    """Who asks in the running session: whoever opened its connection."""
    if found := _known.get():
        return found
    context = st.context
    return _visitor(context.headers.get(LOCAL_HEADER), context.cookies, context.headers.get("origin"))


def visitor_of(connection: HTTPConnection) -> Visitor:
    """Who asks at a connection: a plain request, or a WebSocket's handshake, which must name the origin of the sign-in."""
    headers = connection.headers
    origin = headers.get("origin") if connection.scope["type"] == "websocket" else _origin_at(headers.get("host"))
    return _visitor(headers.get(LOCAL_HEADER), connection.cookies, origin)


def current_principal() -> Principal | None:
    """The person of the running session, or None for nobody. Asked anew at every run."""
    return visitor()()


def request_principal(request: Request) -> Principal | None:
    """The person of a plain request, or None for nobody."""
    return visitor_of(request)()


def _visitor(mark: str | None, sent: Mapping[str, str], origin: str | None) -> Visitor:
    return Visitor(sign_in=_sign_in(dict(sent), origin or "")) if is_configured() else Visitor(is_local=is_proof(mark))


def _sign_in(sent: dict[str, str], origin: str) -> SignIn | None:
    """The sign-in of the cookies that Streamlit signed for an origin; None where there is none, or its session is not of that origin."""
    found = cookies._get_signed_cookie_with_chunks(sent, USER_COOKIE_NAME)
    claims = cookies._parse_decoded_user_cookie(found, origin) if found else {}
    if not claims.pop("is_logged_in", False):
        return None
    tokens = cookies._get_signed_cookie_with_chunks(sent, TOKENS_COOKIE_NAME)
    return SignIn(claims, str(json.loads(tokens or b"{}").get("access_token", "")))


def _origin_at(host: str | None) -> str | None:
    """The origin for which people sign in, where a request was sent to its host."""
    origin = get_origin_from_redirect_uri() if is_configured() else None
    return origin if origin and urlsplit(origin).netloc == host else None
