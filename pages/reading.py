"""The log of a session: opened with progress on first use, exchanged for a newer head when the person asks."""

from __future__ import annotations

import streamlit as st

from auditlib.access.principal import Who, require_reader
from auditlib.engine.turns import aside
from auditlib.log import AuditLog
from pages.opening import Opening, newest_head, opening
from pages.ui import session, text


def log_for(who: Who) -> AuditLog:
    """The log this session reads, which asks who it is at each call; waits, with progress, while it is being opened.

    Raises AccessDeniedError where that person may not read it.
    """
    require_reader(who())
    place = st.empty()  # at every run, so that what stands below it keeps its place, and the list its scroll
    log = session.chosen_log()
    if log is None:
        log = _opened(place)
        session.choose_log(log)
    return log.bound_to(who)


def offer_newer(log: AuditLog) -> None:
    """Offers to read newer events where the store holds some that this session has not read, or says that it cannot be asked."""
    if why := log.unreachable:
        with st.container(key="unreachable"):
            at = f"{log.head.verified_at:%Y-%m-%d %H:%M} UTC"
            st.info(
                f"**Newer events cannot be looked for.** {text.label(why, 400)}. What is shown was verified on {at}.",
                icon=":material/cloud_off:",
            )
    elif log.has_newer():
        with st.container(horizontal=True, vertical_alignment="center", border=True, key="newer"):
            st.markdown("**New events have arrived.** This page still shows the record as it was opened.", width="stretch")
            st.button("Refresh", key="refresh", icon=":material/refresh:", on_click=_take_newer, args=(log.head.seq,))


def _take_newer(seen: int) -> None:
    head = newest_head()
    if head is None or head.seq <= seen:
        opening(again=True)
    session.forget_log()


def _try_again() -> None:
    opening(again=True)


def _finished_soon(attempt: Opening) -> bool:
    with aside():
        return attempt.finished.wait(0.1)


def _opened(place: st.delta_generator.DeltaGenerator) -> AuditLog:
    attempt = opening(again=opening().error is not None)
    while not _finished_soon(attempt):
        share = attempt.done / attempt.total if attempt.total else 0.0
        place.progress(min(share, 1.0), text=f"{attempt.stage} …")
    place.empty()
    if attempt.log is None:
        st.title(text.APP, anchor=False)
        if attempt.error:
            st.error(text.told(attempt.error), icon=":material/gpp_bad:")
        st.button("Try again", on_click=_try_again)
        st.stop()
    return attempt.log
