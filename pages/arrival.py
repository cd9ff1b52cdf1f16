"""The way through sign-in: to the identity provider, and back to the link that was opened."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from streamlit.auth_util import get_origin_from_redirect_uri, get_secrets_auth_section
from streamlit.user_info import generate_login_redirect_url

from pages.ui import text

PATH: Final = "/sign-in"
COOKIE: Final = "audit_link"
LIFETIME_SECONDS: Final = 600
MOST_CHARACTERS: Final = 3_000
"""A cookie holds 4,096 characters at most (RFC 6265, section 6.1), and base64 makes four of three."""
_OWN: Final = re.compile(r"/[a-z_]*(\?[!-~]*)?")


def ways(link: str) -> list[tuple[str, str]]:
    """The ways to sign in that are configured: a label, and an address that leads back to a link."""
    return [
        (text.sign_in_with(name), f".{PATH}?{urlencode({'provider': name, 'next': link if _is_own(link) else '/'})}")
        for name in _providers()
    ]


async def sign_in(request: Request) -> Response:
    """Sends the browser to an identity provider, and keeps the link to return to."""
    names = _providers()
    if not names:
        return Response(status_code=404)
    asked = request.query_params.get("provider", "")
    response = RedirectResponse(generate_login_redirect_url(asked if asked in names else names[0]), 302)
    link = request.query_params.get("next", "")
    if _is_own(link):
        kept = base64.urlsafe_b64encode(link.encode()).decode()
        secure = str(get_origin_from_redirect_uri()).startswith("https:")
        response.set_cookie(COOKIE, kept, max_age=LIFETIME_SECONDS, httponly=True, samesite="lax", secure=secure)
    return response


def way_back(connection: HTTPConnection) -> Response | None:
    """The answer that leads whoever arrives at the start page after a sign-in to their link, once; None for everyone else."""
    kept = connection.cookies.get(COOKIE) if connection.scope["path"] == "/" else None
    if kept is None:
        return None
    try:
        link = base64.urlsafe_b64decode(kept).decode("ascii")
    except (binascii.Error, ValueError):
        link = "/"
    response = RedirectResponse(link if _is_own(link) else "/", 302, {"cache-control": "no-store"})
    response.delete_cookie(COOKIE)
    return response


def _is_own(link: str) -> bool:
    """Whether a link leads to a page of this app: a path of one segment, and a query of printable ASCII."""
    return len(link) <= MOST_CHARACTERS and _OWN.fullmatch(link) is not None


def _providers() -> list[str]:
    """The names of the providers in the secrets; `default` is the one without a section of its own."""
    section = get_secrets_auth_section()
    named = [str(name) for name, value in section.items() if isinstance(value, Mapping) and "client_id" in value]
    return ["default", *named] if "client_id" in section else named
