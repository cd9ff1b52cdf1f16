"""Files made for one person to download: each under a token nobody can guess, while their session lasts, and an hour at most."""

from __future__ import annotations

import atexit
import hashlib
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from auditlib import settings
from auditlib.access.principal import Principal, may_read
from pages.scratch import scratch_folder

LIFETIME_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Download:
    """A finished file: where it is, the name and type under which it is saved, whose it is, and in which session it was made.

    `event_id` is the one event it is about, if any.
    """

    path: Path
    name: str
    mime: str
    principal_id: str
    until: float
    session: str
    event_id: str = ""

    def detail(self) -> dict[str, object]:
        """What the ledger is told of it."""
        return {"name": self.name, "bytes": self.path.stat().st_size}

    @property
    def is_offered(self) -> bool:
        """Whether its time is not up, and the session that it was made in has a browser."""
        has_browser = not self.session or (runtime.exists() and runtime.get_instance().is_active_session(self.session))
        return has_browser and time.monotonic() <= self.until


_lock = Lock()
_offered: dict[str, Download] = {}
_texts: dict[tuple[str, str, str, str], str] = {}
_folder: Path | None = None


def new_file(suffix: str) -> Path:
    """A new empty file, readable by this user alone, in a folder of the cache that goes with the process."""
    global _folder
    with _lock:
        if _folder is None or not _folder.is_dir():
            _folder = scratch_folder(settings.cache_folder(), "downloads-")
            atexit.register(shutil.rmtree, _folder, ignore_errors=True)
        path = _folder / f"{secrets.token_hex(16)}{suffix}"
        path.touch(mode=0o600)
        return path


def offer(path: Path, name: str, mime: str, principal: Principal, event_id: str = "") -> str:
    """Offers a file to a person, for as long as the session that runs on this thread; returns the token of its address."""
    withdraw_abandoned()
    token = secrets.token_urlsafe(32)
    with _lock:
        _offered[token] = Download(path, name, mime, principal.id, time.monotonic() + LIFETIME_SECONDS, _session(), event_id)
    return token


def offer_text(text: str, name: str, principal: Principal, event_id: str = "") -> str:
    """Offers a text as a JSON file of an event to a person; returns its address, the same one while it is offered."""
    key = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), name, principal.id, _session())
    with _lock:
        token = _texts.get(key, "")
    if find(token, principal) is None:
        path = new_file(".json")
        path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        token = offer(path, name, "application/json", principal, event_id)
        with _lock:
            _texts[key] = token
    return f"./export/{token}"


def find(token: str, principal: Principal | None) -> Download | None:
    """The file of a token, for the person it was made for and while they may read; else None."""
    found = _offered.get(token)
    if found is None or principal is None or not may_read(principal) or found.principal_id != principal.id:
        return None
    return found if found.is_offered and found.path.is_file() else None


def withdraw(token: str) -> None:
    """Removes an offered file."""
    with _lock:
        found = _offered.pop(token, None)
        for key in [key for key, made in _texts.items() if made == token]:
            del _texts[key]
    if found:
        found.path.unlink(missing_ok=True)


def withdraw_abandoned() -> None:
    """Removes the files whose time is up, and those of sessions whose browser is gone."""
    for token in [token for token, download in list(_offered.items()) if not download.is_offered]:
        withdraw(token)


def _session() -> str:
    """The session that runs on this thread; empty where there is none."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""
