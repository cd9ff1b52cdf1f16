"""Secrets shown on request, and metadata that is copied: the ledger has each of them before the person, or the person has not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import streamlit as st

from auditlib.access.principal import may_read
from auditlib.errors import LedgerError
from pages.recording import note, record
from pages.sign_in import current_principal

_PAGE, _OPEN, _SHOWN, _REFUSED, _COPIED = (f"_revealing_{name}" for name in ("page", "open", "shown", "refused", "copied"))
_MOST_KEPT: Final = 200


def on_page(path: str) -> None:
    """A page is run: what was revealed on another one is hidden again."""
    if st.session_state.get(_PAGE) != path:
        st.session_state[_PAGE] = path
        keep_open(())


def keep_open(event_ids: Iterable[str]) -> None:
    """These events are open now: the secrets of all others are hidden again."""
    opened = frozenset(event_ids)
    st.session_state[_OPEN] = opened
    st.session_state[_SHOWN] = st.session_state.get(_SHOWN, frozenset()) & opened
    st.session_state[_REFUSED] = {each: why for each, why in st.session_state.get(_REFUSED, {}).items() if each in opened}


def is_revealed(event_id: str) -> bool:
    """Whether the person asked to see the secrets of an event that is open, and the ledger has it."""
    return event_id in st.session_state.get(_SHOWN, ())


def refusal(event_id: str) -> str:
    """Why the secrets of an event that were asked for last stay hidden; empty where they do not."""
    return str(st.session_state.get(_REFUSED, {}).get(event_id, ""))


def reveal(component: str, used: Callable[[], None]) -> None:
    """Reveal or Hide was pressed in a component; what the ledger cannot record stays hidden."""
    used()
    asked = st.session_state[component].get("reveal") or {}
    event_id, shown = str(asked.get("id", "")), st.session_state.get(_SHOWN, frozenset())
    if not asked.get("show"):
        st.session_state[_SHOWN] = shown - {event_id}
    elif not is_revealed(event_id) and _may_ask(event_id):
        try:
            record("revealed", event_id=event_id, detail={"secrets": "shown"})
        except LedgerError as error:
            st.session_state[_REFUSED] = {event_id: str(error)}
        else:
            st.session_state[_SHOWN], st.session_state[_REFUSED] = shown | {event_id}, {}


def copied(component: str, used: Callable[[], None]) -> None:
    """Copy was pressed in a component, which tells of its last clicks each time; each of them is recorded once."""
    used()
    known: list[str] = st.session_state.get(_COPIED, [])
    for mark, event_id in st.session_state[component].get("copied") or []:
        if mark not in known:
            known = [*known[-_MOST_KEPT:], str(mark)]
            if _may_ask(event_id):
                note("copied", event_id=event_id, detail={"secrets": "shown" if is_revealed(event_id) else "hidden"})
    st.session_state[_COPIED] = known


def _may_ask(event_id: str) -> bool:
    """Whether the event is open, and the person may read."""
    return event_id in st.session_state.get(_OPEN, ()) and may_read(current_principal())
