"""The Audit Logs page: one view of the log, with both its tabs."""

from __future__ import annotations

import streamlit as st

from auditlib.log import AuditLog
from auditlib.view import View
from pages import distant, reading
from pages.showing import Shown, show_log
from pages.sign_in import visitor
from pages.ui import notices, session, text


def main() -> None:
    session.enter(session.AUDIT)
    log = reading.log_for(visitor())
    if distant.is_stopped(log):
        return
    with distant.waiting(log):
        show_log(log, Shown(text.APP, tabs=True, beside=_explore, below=_arrivals, traced=True))


def _arrivals(log: AuditLog) -> None:
    reading.offer_newer(log)
    distant.told_range(log)


def _explore(view: View) -> None:
    st.page_link("explore.py", label="Explore", icon=":material/terminal:", query_params=view.on_page(1).opened("").to_pairs())


with notices.told():
    main()
