"""The badge of the record, at the foot of every page's sidebar."""

from __future__ import annotations

import streamlit as st

from auditlib.log import AuditLog
from pages.ui import text


def badge(log: AuditLog | None, integrity: st.Page) -> None:
    """Draws how much of the record is verified and until when it reaches, and leads to the page that tells more.

    Nothing is drawn before a log is open.
    """
    if log is None:
        return
    head = log.head
    title, line = text.record(head)
    icon = ":material/verified_user:" if head.complete else ":material/gpp_maybe:"
    with st.sidebar, st.container(border=True, key="record" if head.complete else "record_incomplete", gap="xxsmall"):
        st.page_link(integrity, label=f"**{text.label(title)}**", icon=icon, help="What was verified, and what is missing")
        st.caption(text.label(line, 200))
