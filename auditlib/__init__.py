"""Read a hiring platform's audit log from verified, immutable snapshots.

    log = auditlib.open_log("data/snapshots")
    view = auditlib.View.from_link("https://host/audit?tab=team&action=updated")
    page = log.page(view)
    frame = log.events(view).to_pandas()

Heavy parts are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from auditlib import errors
from auditlib.errors import AuditError

if TYPE_CHECKING:
    from auditlib.engine.base import Count, EventPage, Head, Person
    from auditlib.event import AuditEvent
    from auditlib.log import AuditLog, open_log
    from auditlib.sandbox.question import SqlResult
    from auditlib.view import View

__all__ = ["AuditError", "AuditEvent", "AuditLog", "Count", "EventPage", "Head", "Person", "SqlResult", "View", "errors", "open_log"]

__version__ = "0.1.0"

_HOMES = {
    "AuditEvent": "auditlib.event",
    "AuditLog": "auditlib.log",
    "Count": "auditlib.engine.base",
    "EventPage": "auditlib.engine.base",
    "Head": "auditlib.engine.base",
    "Person": "auditlib.engine.base",
    "SqlResult": "auditlib.sandbox.question",
    "View": "auditlib.view",
    "open_log": "auditlib.log",
}


def __getattr__(name: str) -> object:
    if name in vars(errors) and name.endswith("Error"):
        return getattr(errors, name)
    if name not in _HOMES:
        raise AttributeError(f"module 'auditlib' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
