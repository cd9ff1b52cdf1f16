"""The ledger: who read what, shown as the log itself is, to those who may read it."""

from __future__ import annotations

import streamlit as st

from auditlib.access.principal import may_read_ledger
from auditlib.errors import AccessDeniedError
from auditlib.log import AuditLog
from auditlib.view import View
from pages import recording, retracing
from pages.showing import Shown, show_log
from pages.sign_in import current_principal
from pages.ui import notices, session, text


def main() -> None:
    session.enter(session.LEDGER)
    if not may_read_ledger(current_principal()):
        recording.recorder().refused()
        raise AccessDeniedError("Your account may not read the ledger")
    log = retracing.ledger_log()
    if log is None:
        st.title(text.LEDGER, anchor=False)
        if recording.note("viewed", link="/ledger"):
            st.markdown(text.LEDGER_EMPTY)
        notices.unrecorded(recording.failure())
        return
    show_log(log, Shown(text.LEDGER, tabs=False, beside=_refresh, below=_until, traced=False))


def _refresh(view: View) -> None:
    st.button("Refresh", key="refresh_ledger", icon=":material/refresh:", on_click=session.forget_ledger)


def _until(log: AuditLog) -> None:
    last = log.head.last_at
    st.caption(text.ledger_until(log.head.events, last.astimezone(session.zone()) if last else None))


with notices.told():
    main()
