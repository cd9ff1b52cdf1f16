"""The full check of the store that all sessions share: run in the background, cancelled by anyone who may read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Lock, Thread

from auditlib import settings
from auditlib.engine.checking import full_check
from auditlib.errors import AuditError
from auditlib.store import Report


class _Stopped(Exception):
    """Somebody cancelled the check."""


@dataclass(slots=True)
class Check:
    """One full check: how many bytes it has read of how many, and how it ended.

    A finished check has a `report`, an `error`, or neither where it was cancelled; `ended_at` is in UTC.
    """

    done: int = 0
    total: int = 0
    report: Report | None = None
    error: AuditError | None = None
    ended_at: datetime | None = None
    finished: Event = field(default_factory=Event)
    stopped: Event = field(default_factory=Event)

    def run(self) -> None:
        """Checks the store; never raises an error of the library."""
        try:
            self.report = full_check(settings.store(), self._advance)
        except AuditError as error:
            self.error = error
        except _Stopped:
            pass
        finally:
            self.ended_at = datetime.now(UTC)
            self.finished.set()

    def _advance(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self.stopped.is_set():
            raise _Stopped


_lock = Lock()
_current: Check | None = None


def current() -> Check | None:
    """The check under way, or the last one of this process."""
    return _current


def start() -> Check:
    """Starts a check, or gives the one under way."""
    global _current
    with _lock:
        if _current is None or _current.finished.is_set():
            _current = Check()
            Thread(target=_current.run, name="full-check", daemon=True).start()
        return _current


def cancel() -> None:
    """Stops the check under way; what it had found by then counts for nothing."""
    if _current:
        _current.stopped.set()
