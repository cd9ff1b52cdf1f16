"""The identity provider, asked again and again whether a sign-in still counts and which roles its person has now."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Final

import httpx
from streamlit.auth_util import get_secrets_auth_section

from auditlib import settings
from auditlib.access.principal import Principal, named_roles
from auditlib.access.sign_in import SignIn

GRACE_SECONDS: Final = 300.0
"""So long a sign-in counts while the provider cannot be asked."""
FRESH_SECONDS: Final = 120.0
"""So long after a sign-in its identity token still says what the provider says."""
PATIENCE_SECONDS: Final = 5.0
REST_SECONDS: Final = 10.0
"""So long a provider that did not answer is left alone."""
METADATA_SECONDS: Final = 3_600.0
_LOG: Final = logging.getLogger("audit_logs")


class _Unavailable(Exception):
    """The provider gave no usable answer."""


@dataclass(slots=True)
class _Provider:
    """One provider: where its user info is, whether that names roles, if it is known, and when it last failed, on the monotonic clock."""

    metadata_url: str
    userinfo_url: str | None = None
    read_at: float = float("-inf")
    failed_at: float = float("-inf")
    names_roles: bool | None = None


@dataclass(slots=True)
class _Answer:
    """What the provider said last of one sign-in: its person, or None where it does not count any more."""

    person: Principal | None
    good_at: float
    asked_at: float = 0.0
    lock: Lock = field(default_factory=Lock)


_lock: Final = Lock()
_providers: dict[str, _Provider] = {}
_answers: dict[str, _Answer] = {}


def confirmed(sign_in: SignIn) -> Principal | None:
    """The person of a sign-in as the provider knows them now, or None where it refuses the access token.

    The provider's user info is asked (OpenID Connect Core 1.0, section 5.3), at most every `AUDIT_RECHECK_SECONDS`. Roles are
    those of its answer. A provider whose user info names none right after a sign-in whose token does, and never named any, or
    that has no user info, has its say on the account alone: the roles are those of the token. While it gives no answer, the
    last one counts, for `GRACE_SECONDS`; then nobody does. It may take `PATIENCE_SECONDS`, twice.
    """
    person = Principal.from_claims(sign_in.claims)
    every = settings.recheck_seconds()
    if not every:
        return person
    now = time.time()
    with _lock:
        answer = _answers.get(sign_in.id)
        if answer is None:
            _forget(now - settings.session_seconds())
            answer = _answers[sign_in.id] = _Answer(person, sign_in.issued_at)
    with answer.lock:
        if now - answer.asked_at >= every:
            try:
                answer.person = _asked(sign_in, person)
                answer.good_at = now
            except _Unavailable as why:
                _LOG.warning("The identity provider cannot be asked: %s", why)
                if now - answer.good_at > GRACE_SECONDS:
                    answer.person = None
            answer.asked_at = now
        return answer.person


def _forget(before: float) -> None:
    """Forgets the sign-ins that nobody has come back with since."""
    for ident in [each for each, answer in _answers.items() if answer.asked_at < before]:
        del _answers[ident]


def _asked(sign_in: SignIn, person: Principal) -> Principal | None:
    provider = _provider_of(sign_in)
    if time.monotonic() - provider.failed_at < REST_SECONDS:
        raise _Unavailable("it did not answer a moment ago")
    try:
        url = _userinfo_url(provider)
        if url is None or not sign_in.access_token:
            return None if url else person
        response = httpx.get(url, headers={"Authorization": f"Bearer {sign_in.access_token}"}, timeout=PATIENCE_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        provider.failed_at = time.monotonic()
        raise _Unavailable(type(error).__name__) from None
    if response.status_code in (400, 401, 403):
        return None
    claims = _claims(response)
    if claims.get("sub") != sign_in.claims.get("sub"):
        return None
    return replace(person, roles=_roles(provider, sign_in, claims))


def _roles(provider: _Provider, sign_in: SignIn, claims: Mapping[str, Any]) -> frozenset[str]:
    """The roles that user info names; those of the token where the provider's user info never names any."""
    roles, signed_in_with = named_roles(claims), named_roles(sign_in.claims)
    if roles is not None:
        provider.names_roles = True
    elif provider.names_roles is None and signed_in_with and time.time() - sign_in.issued_at < FRESH_SECONDS:
        _LOG.warning("The user info of the identity provider names no roles: those of the identity token count until it ends")
        provider.names_roles = False
    return (signed_in_with if provider.names_roles is False else roles) or frozenset()


def _provider_of(sign_in: SignIn) -> _Provider:
    section = get_secrets_auth_section()
    named = section.get(str(sign_in.claims.get("provider", "default")))
    url = str((named if isinstance(named, Mapping) else section).get("server_metadata_url", ""))
    with _lock:
        return _providers.setdefault(url, _Provider(url))


def _userinfo_url(provider: _Provider) -> str | None:
    """Where the user info is (OpenID Connect Discovery 1.0, section 3), or None where the provider has none."""
    if time.monotonic() - provider.read_at > METADATA_SECONDS:
        found = _claims(httpx.get(provider.metadata_url, timeout=PATIENCE_SECONDS)).get("userinfo_endpoint")
        provider.userinfo_url, provider.read_at = (str(found) if found else None), time.monotonic()
    return provider.userinfo_url


def _claims(response: httpx.Response) -> Mapping[str, Any]:
    try:
        found = response.json() if response.status_code == 200 else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _Unavailable(f"status {response.status_code}, {response.headers.get('content-type', 'no content type')}")
    return found
