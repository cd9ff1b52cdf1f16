"""The opened log that all sessions share: opened once, in the background, with progress for whoever waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from auditlib import settings
from auditlib.access.principal import AT_THE_MACHINE
from auditlib.engine.base import Head
from auditlib.errors import AuditError
from auditlib.log import AuditLog, open_log


@dataclass(slots=True)
class Opening:
    """One attempt to open the store: how far it is, how it ended, and until then the log that was opened before."""

    stage: str = "Reading the chain"
    done: int = 0
    total: int = 0
    log: AuditLog | None = None
    error: AuditError | None = None
    before: AuditLog | None = None
    finished: Event = field(default_factory=Event)

    def run(self) -> None:
        """Opens the store; never raises an error of the library."""
        try:
            self.log = open_log(settings.store(), principal=AT_THE_MACHINE, progress=self._advance)
            self.before = None
        except AuditError as error:
            self.error = error
        finally:
            self.finished.set()

    def _advance(self, stage: str, done: int, total: int) -> None:
        self.stage, self.done, self.total = stage, done, total


_lock = Lock()
_current: Opening | None = None


def opening(*, again: bool = False) -> Opening:
    """The attempt under way or finished; `again` starts a new one once the last has finished."""
    global _current
    with _lock:
        if _current is None or (again and _current.finished.is_set()):
            _current = Opening(before=newest_log())
            Thread(target=_current.run, name="open-store", daemon=True).start()
        return _current


def newest_log() -> AuditLog | None:
    """The log that was opened last, or None while there is none."""
    return (_current.log or _current.before) if _current else None


def newest_head() -> Head | None:
    """The head of the log that was opened last, or None while there is none."""
    log = newest_log()
    return log.head if log else None
