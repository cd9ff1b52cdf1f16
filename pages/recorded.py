"""What was recorded with an event, as its card and its panel show it."""

from __future__ import annotations

from auditlib.access.principal import require_reader
from auditlib.errors import AuditError
from auditlib.event import AuditEvent
from auditlib.log import AuditLog
from pages import downloads
from pages.ui import rows


def details(log: AuditLog, event: AuditEvent) -> dict[str, object]:
    """The metadata of an event for the components; what is too large for the page can be downloaded, what cannot be read says why."""
    try:
        recorded = event.metadata if event.metadata is not None else log.metadata([event.event_id])[event.event_id]
    except AuditError as error:
        return rows.unreadable(event, str(error))
    url = downloads.offer_text(recorded, rows.file_name(event), require_reader(log.principal)) if rows.needs_download(recorded) else ""
    return rows.details(event, recorded, url)
