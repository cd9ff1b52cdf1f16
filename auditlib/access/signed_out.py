"""The sign-ins that people ended: a copy of their cookie opens nothing any more, also after the server was started anew."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from pathlib import Path
from threading import Lock
from typing import Final

from auditlib import settings
from auditlib.access.sign_in import SignIn

FILE: Final = "signed-out.txt"
_LOG: Final = logging.getLogger("audit_logs")
_lock: Final = Lock()
_ended: dict[str, float] = {}
_read: tuple[Path, int, int] | None = None


def sign_out(sign_in: SignIn) -> None:
    """Ends a sign-in for this server and for all that share its state folder, for as long as it would have counted.

    Where that cannot be written it is logged, and this process alone knows.
    """
    path = settings.state_folder() / FILE
    with _lock:
        _ended[sign_in.id] = sign_in.until
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (path.parent / f".{FILE}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                _take_in(path)
                _write(path)
        except OSError as error:
            _LOG.error("A sign-out could not be kept for the next start: %s", error.strerror)


def is_signed_out(sign_in: SignIn) -> bool:
    """Whether a sign-in was ended; where that cannot be read, all of them count as ended."""
    with _lock:
        try:
            _take_in(settings.state_folder() / FILE)
        except OSError as error:
            _LOG.error("The sign-outs cannot be read: %s", error.strerror)
            return True
        return sign_in.id in _ended


def _take_in(path: Path) -> None:
    """Reads what others have written since."""
    global _read
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    seen = (path, found.st_mtime_ns, found.st_ino)
    if seen != _read:
        for line in path.read_text(encoding="ascii", errors="replace").splitlines():
            ident, _, until = line.partition(" ")
            if until.isdecimal():
                _ended[ident] = float(until)
        _read = seen


def _write(path: Path) -> None:
    now = time.time()
    for ident in [each for each, until in _ended.items() if until < now]:
        del _ended[ident]
    new = path.with_name(f"{FILE}.{os.getpid()}")
    new.write_text("".join(f"{ident} {until:.0f}\n" for ident, until in _ended.items()), encoding="ascii")
    new.chmod(0o600)
    new.replace(path)
