"""The ledger as a log that sessions share: its entries moved into snapshots, opened, and read by those who may."""

from __future__ import annotations

from threading import Lock
from typing import Final

from auditlib.access.principal import AT_THE_MACHINE, Principal, Who, may_read_ledger
from auditlib.engine.serving import newest_seq
from auditlib.log import AuditLog, open_log
from pages import recording
from pages.sign_in import visitor
from pages.ui import notices, session

ENGINE: Final = "embedded"
"""Who answers for the ledger, whoever answers for the log."""

_lock = Lock()
_current: AuditLog | None = None


def ledger_log() -> AuditLog | None:
    """The ledger as this session reads it, with all entries up to when it came to the page; None where there is none yet.

    What cannot be moved into snapshots is said, and what was moved before is shown.
    """
    log = session.ledger_log()
    if log is None:
        with notices.told():
            recording.moved_to_snapshots()
        log = _newest()
        if log:
            session.choose_ledger(log)
    return log.bound_to(_reading(visitor())) if log else None


def _newest() -> AuditLog | None:
    global _current
    store = recording.ledger().store
    with _lock:
        if not newest_seq(store):
            return None
        if _current is None or _current.store != store or _current.head.problem or _current.has_newer():
            _current = open_log(store, principal=AT_THE_MACHINE, engine=ENGINE)
        return _current


def _reading(who: Who) -> Who:
    """Whoever asks, where they may read the ledger at that moment; else nobody."""

    def reader() -> Principal | None:
        person = who()
        return person if may_read_ledger(person) else None

    return reader
