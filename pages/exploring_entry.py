"""The side panel on the Explore page: the event of a row that was chosen, or that a link names."""

from __future__ import annotations

from functools import partial

import streamlit as st

from auditlib.errors import NotFoundError
from auditlib.log import AuditLog
from pages import recorded, revealing
from pages.ui import notices, panel, session, text
from pages.ui.entry import entry
from pages.ui.explore import state


def open_entry(log: AuditLog) -> None:
    """Opens the panel of the event that is asked for; says so where there is none."""
    try:
        log.event(state.asked().view.event, metadata=False)
    except NotFoundError as error:
        st.warning(text.told(error, 200))
        state.open_entry("")
        return
    st.dialog("Entry", position="right", width=580, on_dismiss=state.close_entry)(_panel)(log)


@notices.told()
def _panel(log: AuditLog) -> None:
    view = state.asked().view
    if not view.event or state.is_leaving():
        st.rerun()
    revealing.keep_open([view.event])
    event = log.event(view.event, metadata=False)
    entry(
        event=panel.payload(event, tab=view.tab, tz=state.zone(), metadata=recorded.details(log, event), position=None, total=0),
        seal=session.seal(log.head.digest, log.total(view)),
        key=state.PANEL,
        on_pivot_change=state.pivot,
        on_step_change=state.used,
        on_reveal_change=partial(revealing.reveal, state.PANEL, state.used),
        on_copied_change=partial(revealing.copied, state.PANEL, state.used),
    )
