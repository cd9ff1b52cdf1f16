"""The side panel on the Explore page: the event of a row that was chosen, or that a link names."""

from __future__ import annotations

import streamlit as st

from auditlib.access.principal import require_reader
from auditlib.errors import AuditError, NotFoundError
from auditlib.event import AuditEvent
from auditlib.log import AuditLog
from pages import downloads
from pages.ui import notices, panel, rows, session, text
from pages.ui.entry import entry
from pages.ui.explore import state


def open_entry(log: AuditLog) -> None:
    """Opens the panel of the event that is asked for; says so where there is none."""
    try:
        log.event(state.asked().view.event, metadata=False)
    except NotFoundError as error:
        st.warning(text.label(str(error), 200))
        state.open_entry("")
        return
    st.dialog("Entry", position="right", width=580, on_dismiss=state.close_entry)(_panel)(log)


@notices.told()
def _panel(log: AuditLog) -> None:
    view = state.asked().view
    if not view.event or state.is_leaving():
        st.rerun()
    event = log.event(view.event, metadata=False)
    entry(
        event=panel.payload(event, tab=view.tab, tz=state.zone(), metadata=_metadata(log, event), position=None, total=0),
        seal=session.seal(log.head.digest, log.total(view)),
        key=state.PANEL,
        on_pivot_change=state.pivot,
        on_step_change=state.used,
    )


def _metadata(log: AuditLog, event: AuditEvent) -> dict[str, object]:
    try:
        recorded = log.metadata([event.event_id])[event.event_id]
    except AuditError as error:
        return rows.unreadable(event, str(error))
    url = downloads.offer_text(recorded, rows.file_name(event), require_reader(log.principal)) if rows.needs_download(recorded) else ""
    return rows.details(event, recorded, url)
