"""What was recorded with an event, as its card and its panel show it."""

from __future__ import annotations

from auditlib.access.principal import require_reader
from auditlib.errors import AuditError
from auditlib.event import AuditEvent
from auditlib.log import AuditLog
from pages import downloads, revealing
from pages.ui import rows


def details(log: AuditLog, event: AuditEvent) -> dict[str, object]:
    """The metadata of an event for the components, with the address of its recorded bytes; what cannot be read says why."""
    try:
        recorded = event.metadata if event.metadata is not None else log.metadata([event.event_id])[event.event_id]
    except AuditError as error:
        return rows.unreadable(event, str(error))
    revealed, refused = revealing.is_revealed(event.event_id), revealing.refusal(event.event_id)
    return rows.details(event, recorded, _offered(log, event, recorded), revealed=revealed, refused=refused)


def _offered(log: AuditLog, event: AuditEvent, recorded: str) -> str:
    """Where the recorded bytes can be downloaded; empty on a disk that takes no file, where reading goes on."""
    person = require_reader(log.principal)
    try:
        return downloads.offer_text(recorded, rows.file_name(event), person, event.event_id)
    except OSError:
        return ""
