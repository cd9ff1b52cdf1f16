"""A real identity provider in a process of its own, people who sign in with it, and cookies as Streamlit signs them."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from waiting import soon

USER, TOKENS = "_streamlit_user", "_streamlit_user_tokens"
COOKIE_SECRET = "a-cookie-secret-of-the-tests-0123456789"
CLIENT_SECRET = "a-client-secret-of-the-tests"
DAY = 86_400

PEOPLE: Mapping[str, Mapping[str, Any]] = {
    "olga": {"name": "Olga Owner", "email": "olga@example.test", "roles": ["Owner"]},
    "adam": {"name": "Adam Admin", "email": "adam@example.test", "roles": "admin, member"},
    "cora": {"name": "Cora Campaign", "email": "cora@example.test", "roles": ["campaign_manager"]},
    "mel": {"name": "Mel Member", "email": "mel@example.test", "roles": ["member"]},
    "candy": {"name": "Candy Candidate", "email": "candy@example.test", "roles": ["candidate"]},
}


class Provider:
    """The provider, on a free port of this machine; a context manager. `max_age` is how long its tokens count, in seconds."""

    def __init__(self, folder: Path, *, max_age: int = 3_600) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self._log = folder / "provider.log"
        self._max_age = max_age

    def __enter__(self) -> Self:
        known = [word for sub, claims in PEOPLE.items() for word in ("--user-claims", json.dumps({"sub": sub, **claims}))]
        command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(self.port), "-e", str(self._max_age), *known]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        assert soon(self._answers), self._log.read_text()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def secrets(self, folder: Path, base: str) -> list[str]:
        """Writes the secrets of a server at an address; gives its options."""
        file = folder / "secrets.toml"
        file.write_text(
            f'[auth]\nredirect_uri = "{base}/oauth2callback"\ncookie_secret = "{COOKIE_SECRET}"\nclient_id = "audit"\n'
            f'client_secret = "{CLIENT_SECRET}"\nserver_metadata_url = "{self.base}/.well-known/openid-configuration"\n'
        )
        return ["--secrets.files", str(file)]

    def set_roles(self, person: str, roles: object) -> None:
        """Gives a person other roles, for whoever asks from now on; None leaves the claim out."""
        claims = {**PEOPLE[person], "roles": roles}
        claims = {name: value for name, value in claims.items() if value is not None}
        requests.put(f"{self.base}/users/{person}", json=claims).raise_for_status()

    def revoke(self, person: str) -> None:
        """Takes back every token of a person."""
        requests.post(f"{self.base}/users/{person}/revoke-tokens").raise_for_status()

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            return requests.get(f"{self.base}/.well-known/openid-configuration", timeout=1).ok
        except requests.ConnectionError:
            return False


@dataclass(frozen=True, slots=True)
class Cookies:
    """What a browser holds after a sign-in, and what others would make of it."""

    claims: Mapping[str, Any]
    tokens: Mapping[str, Any]

    def header(self, *, secret: str = COOKIE_SECRET, age: float = 0, without_tokens: bool = False, chunks: int = 1, **claims: Any) -> str:
        """The `Cookie` header, with other claims, secret or age in seconds, without the tokens, or in chunks with the last one missing."""
        changed = {name: value for name, value in {**self.claims, **claims}.items() if value is not None}
        text = json.dumps(changed)
        parts = {USER: text}
        if chunks > 1:
            size = len(text) // chunks + 1
            parts = {USER: f"chunks-{chunks}"} | {f"{USER}_{n + 1}": text[n * size : (n + 1) * size] for n in range(chunks - 1)}
        if not without_tokens:
            parts[TOKENS] = json.dumps(self.tokens)
        return "; ".join(f"{name}={signed(name, value, secret, age)}" for name, value in parts.items())


def signed(name: str, value: str, secret: str = COOKIE_SECRET, age: float = 0) -> str:
    """A value as Streamlit signs it for a cookie of that name, so many seconds ago."""

    class Ago(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time() - age)

    made = URLSafeTimedSerializer(secret, salt=name, signer=Ago).dumps(value)
    return made if isinstance(made, str) else made.decode()


def sign_in(base: str, person: str) -> tuple[requests.Session, Cookies]:
    """Signs a person in at a server as a browser does; gives the session of its requests, and what its cookies hold."""
    browser = requests.Session()
    form = browser.get(f"{base}/sign-in", params={"next": "/audit"})
    assert "Authorize" in form.text, form.text
    arrived = browser.post(form.url, data={"sub": person})
    assert arrived.ok
    return browser, Cookies(*(_held(browser, name) for name in (USER, TOKENS)))


def _held(browser: requests.Session, name: str) -> Mapping[str, Any]:
    def part(of: str) -> str:
        found = URLSafeTimedSerializer(COOKIE_SECRET, salt=of).loads(browser.cookies[of])
        assert isinstance(found, str)
        return found

    text = part(name)
    if chunks := re.fullmatch(r"chunks-(\d+)", text):
        text = "".join(part(f"{name}_{number + 1}") for number in range(int(chunks[1])))
    held: Mapping[str, Any] = json.loads(text)
    return held
