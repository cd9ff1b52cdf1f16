"""Files made for one person to download: each under a token nobody can guess, for an hour at most."""

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

from auditlib import settings
from auditlib.access.principal import Principal, may_read
from pages.scratch import scratch_folder

LIFETIME_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Download:
    """A finished file: where it is, the name and type under which it is saved, and whose it is."""

    path: Path
    name: str
    mime: str
    principal_id: str
    until: float


_lock = Lock()
_offered: dict[str, Download] = {}
_texts: dict[tuple[str, str, str], str] = {}
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


def offer(path: Path, name: str, mime: str, principal: Principal) -> str:
    """Offers a file to a person; returns the token of its address. Files past their time are removed."""
    token = secrets.token_urlsafe(32)
    now = time.monotonic()
    with _lock:
        for old in [key for key, download in _offered.items() if download.until < now]:
            _offered.pop(old).path.unlink(missing_ok=True)
        _offered[token] = Download(path, name, mime, principal.id, now + LIFETIME_SECONDS)
    return token


def offer_text(text: str, name: str, principal: Principal) -> str:
    """Offers a text as a JSON file to a person; returns its address, the same one while it is offered."""
    key = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), name, principal.id)
    with _lock:
        token = _texts.get(key, "")
    if find(token, principal) is None:
        path = new_file(".json")
        path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        token = offer(path, name, "application/json", principal)
        with _lock:
            _texts[key] = token
    return f"./export/{token}"


def find(token: str, principal: Principal | None) -> Download | None:
    """The file of a token, for the person it was made for and while they may read; else None."""
    found = _offered.get(token)
    if found is None or principal is None or not may_read(principal) or found.principal_id != principal.id:
        return None
    return found if found.until >= time.monotonic() and found.path.is_file() else None


def withdraw(token: str) -> None:
    """Removes an offered file."""
    with _lock:
        found = _offered.pop(token, None)
    if found:
        found.path.unlink(missing_ok=True)
