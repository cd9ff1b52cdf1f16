"""The Integrity page: which snapshots were verified, how they hang together, which days they cover."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import streamlit as st

from auditlib import times
from auditlib.engine.base import Head
from auditlib.evidence.record import Coverage, coverage, quarantined_by, snapshots
from auditlib.log import AuditLog
from auditlib.store import Chain
from pages import checking, opening, reading, recording, seeing
from pages.sign_in import visitor
from pages.ui import notices, session, text
from pages.ui.integrity import integrity, payload

AUDIT: Final = "audit.py"
SHOWN_AT_FIRST: Final = 100
MOST_KEPT: Final = 16
_KEY: Final = "integrity"
_kept: dict[tuple[object, ...], Coverage] = {}


def main() -> None:
    log = reading.log_for(visitor())
    session.enter("integrity")
    head = log.head
    tz = times.zone(session.own_zone() or "UTC") or ZoneInfo("UTC")
    check = checking.current()
    found = check if check and check.report and check.ended_at and check.ended_at > head.verified_at else None
    chain: Chain = found.report.chain if found and found.report else head.chain
    quarantined = quarantined_by(found.report) if found and found.report else head.quarantined
    problem = str(chain.problem or "")

    _title(found.ended_at if found and found.ended_at else head.verified_at, tz)
    reading.offer_newer(log)
    if check and not check.finished.is_set():
        _progress()
    elif check and check.error:
        st.error(text.told(check.error), icon=":material/error:")
    elif check and check.stopped.is_set():
        st.info("The check was cancelled. What is shown below was verified before.")
    if found:
        _outcome(head, quarantined, problem)
    notices.damage(head)
    seeing.view(log, "/integrity")
    notices.unrecorded(recording.failure())
    every = snapshots(chain, quarantined)
    shown = len(every) if st.session_state.get("_all_snapshots") else SHOWN_AT_FIRST
    integrity(
        record=payload.record(head, every, _covered(log, tz), tz, problem=problem, shown=shown),
        key=_KEY,
        on_day_change=_day_chosen,
    )
    if shown < len(every):
        st.button(f"Show all {len(every):,} snapshots", key="all_snapshots", on_click=_show_all)
    if day := st.session_state.pop("_day", None):
        st.switch_page(AUDIT, query_params={"from": day, "to": day, "tz": tz.key})


def _covered(log: AuditLog, tz: ZoneInfo) -> Coverage:
    """The days of the record; the last few answers are kept, since a record does not change under its head."""
    key = (log.head.digest, tuple(log.head.quarantined), tz.key)
    if key not in _kept:
        if len(_kept) == MOST_KEPT:
            _kept.clear()
        _kept[key] = coverage(log, tz)
    return _kept[key]


def _title(verified_at: datetime, tz: ZoneInfo) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="heading"):
        st.title("Integrity", anchor=False, width="stretch")
        st.caption(f"Last full check {payload.moment(verified_at, tz)}", width="content")
        check = checking.current()
        running = check is not None and not check.finished.is_set()
        st.button("Verify again", key="verify", type="primary", icon=":material/verified_user:", on_click=_verify, disabled=running)


@st.fragment(run_every=0.5)
def _progress() -> None:
    """How far the check is; a fragment of its own, so that the rest of the page stays as it is."""
    check = checking.current()
    if check is None or check.finished.is_set():
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="checking"):
        share = min(check.done / check.total, 1.0) if check.total else 0.0
        st.progress(share, text=f"Reading every byte again: {check.done / 2**20:,.0f} of {check.total / 2**20:,.0f} MiB")
        st.button("Cancel", key="cancel_check", on_click=checking.cancel)


def _outcome(head: Head, quarantined: Mapping[int, str], problem: str) -> None:
    """What a check found that the record as it is served does not know yet."""
    news = [f"Snapshot {seq}: {why}." for seq, why in sorted(quarantined.items()) if seq not in head.quarantined]
    news += [f"Snapshot {seq} is whole again." for seq in head.quarantined if seq not in quarantined]
    news += [f"{problem}."] if problem and problem != head.problem else []
    if not news:
        whole = (
            "Every byte was read again and agrees with its manifest."
            if head.complete
            else "Every byte was read again; nothing has changed."
        )
        st.success(whole, icon=":material/verified_user:")
        return
    with st.container(key="found"):
        told = " ".join(text.label(each, 400) for each in news)
        st.warning(f"**The check found what the pages do not show yet.** {told}", icon=":material/gpp_maybe:")
        st.button("Open the record again", key="reopen", on_click=_reopen)


def _verify() -> None:
    recording.note("verified")
    checking.start()


def _reopen() -> None:
    opening.opening(again=True)
    session.forget_log()


def _show_all() -> None:
    st.session_state["_all_snapshots"] = True


def _day_chosen() -> None:
    chosen = str(st.session_state[_KEY].get("day") or "")
    try:
        st.session_state["_day"] = date.fromisoformat(chosen).isoformat()
    except ValueError:
        return


with notices.told():
    main()
