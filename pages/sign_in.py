"""Who is asking: the signed-in person, or whoever sits at this machine where no sign-in is configured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st
from starlette.requests import Request
from streamlit.web.server.starlette import starlette_websocket as cookies
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from auditlib.access.principal import AT_THE_MACHINE, Principal
from pages.server import LOCAL_HEADER, is_proof


def is_configured() -> bool:
    """Whether sign-in with an identity provider is configured (`[auth]` in the secrets)."""
    try:
        return "auth" in st.secrets
    except (FileNotFoundError, st.errors.StreamlitSecretNotFoundError):
        return False


def current_principal() -> Principal | None:
    """The person of the running session, or None for nobody. Asked anew at every run."""
    if is_configured():
        return _signed_in(st.user.to_dict()) if st.user.is_logged_in else None
    return AT_THE_MACHINE if is_proof(st.context.headers.get(LOCAL_HEADER)) else None


def request_principal(request: Request) -> Principal | None:
    """The person of a plain request, or None for nobody."""
    if not is_configured():
        return AT_THE_MACHINE if is_proof(request.headers.get(LOCAL_HEADER)) else None
    cookie = cookies._get_signed_cookie_with_chunks(dict(request.cookies), USER_COOKIE_NAME)
    if cookie is None:
        return None
    origin = f"{request.url.scheme}://{request.headers.get('host', '')}"
    claims = cookies._parse_decoded_user_cookie(cookie, origin)
    return _signed_in(claims) if claims.get("is_logged_in") else None


def _signed_in(claims: Mapping[str, Any]) -> Principal | None:
    """The person of an identity token that has not expired; Streamlit itself does not look at `exp`."""
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires < time.time():
        return None
    return Principal.from_claims(claims)
