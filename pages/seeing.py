"""What a session has been shown: each view, entry and opened row is told to the ledger once, before it is drawn."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from auditlib.log import AuditLog
from auditlib.view import View
from pages import recording
from pages.ui import session

_VIEWED, _OPENED, _EXPANDED = (f"_seen_{name}" for name in ("view", "entry", "rows"))


def link_of(view: View) -> str:
    """The link of a view on the page that is open."""
    return recording.link_to(session.page(), session.pairs_of(view))


def view(log: AuditLog, link: str, count: int | None = None) -> None:
    """A view of a log is shown, of so many events; again only where something else was shown in between."""
    seen = (link, log.head.digest)
    if st.session_state.get(_VIEWED) != seen and recording.note("viewed", link=link, count=count):
        st.session_state[_VIEWED] = seen


def entry(log: AuditLog, event_id: str) -> None:
    """The side panel shows an event; an empty id says that it is closed."""
    seen = (event_id, log.head.digest)
    if not event_id or (st.session_state.get(_OPENED) != seen and recording.note("opened", event_id=event_id)):
        st.session_state[_OPENED] = seen


def rows(log: AuditLog, event_ids: Iterable[str]) -> None:
    """Rows are open in place, whole; those that were so before are not told again."""
    known = st.session_state.get(_EXPANDED, frozenset())
    now = {(event_id, log.head.digest) for event_id in event_ids}
    missed = {seen for seen in sorted(now - known) if not recording.note("expanded", event_id=seen[0])}
    st.session_state[_EXPANDED] = frozenset(now - missed)
