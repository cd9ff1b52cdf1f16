"""A log that a cluster or server answers for: a range of dates first, a wait that can be ended, and another try where it fails.

For a log that this process answers for, nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Final

import streamlit as st

from auditlib.errors import LakeError, SupersededError
from auditlib.log import AuditLog
from auditlib.view import View
from pages import opening
from pages.ui import chips, session, text
from pages.ui.filter_bar import filter_bar

DAYS: Final = 30
"""How many days are asked for where a link names none."""
_GIVEN, _STOPPED = "_range_given", "_stopped_view"


def within_range(log: AuditLog) -> None:
    """Gives the view of a link without dates the last 30 days, once a session: whoever then drops them asks the whole record."""
    view = session.view()
    if not log.answered_by or _GIVEN in st.session_state:
        return
    st.session_state[_GIVEN] = None
    if not (view.start or view.end):
        tz = session.zone()
        last = min(datetime.now(tz).date(), log.head.last_at.astimezone(tz).date() if log.head.last_at else date.max)
        ranged = view.between((last - timedelta(days=DAYS - 1)).isoformat(), last.isoformat(), tz.key).opened(view.event)
        st.session_state[_GIVEN] = (ranged.start, ranged.end)
        session.change(ranged)


def told_range(log: AuditLog) -> None:
    """Says that the dates are not the link's, as long as they are the ones given to it, and offers to ask without them."""
    view = session.view()
    given = st.session_state.get(_GIVEN)
    if log.answered_by and given and (view.start, view.end) == given:
        with st.container(horizontal=True, vertical_alignment="center", border=True, key="range_given"):
            said = f"This link names no dates, so {text.label(log.answered_by)} was asked for the last {DAYS} days."
            st.markdown(said, width="stretch")
            st.button("Ask the whole record", key="ask_whole", on_click=session.drop, args=("from", None))


@contextmanager
def waiting(log: AuditLog) -> Iterator[None]:
    """Says who is asked while the block runs, offers to cancel, and catches what ends the waiting; says at the end who answered."""
    if not log.answered_by:
        yield
        return
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center", key="asking"):
        st.markdown(f":material/hourglass_top: Asking {text.label(log.answered_by)} …", width="stretch")
        st.button("Cancel", key="cancel_asking", on_click=_stop)
    try:
        yield
        st.caption(f"Answered by {text.label(log.answered_by)} from head {log.head.seq}, {log.head.digest[:12]}.")
    except LakeError as error:
        _offer_again(error)
    except SupersededError:
        st.rerun()
    finally:
        place.empty()


def is_stopped(log: AuditLog) -> bool:
    """Whether the person cancelled the question of this view; then its filters are drawn, and an offer to ask it after all."""
    stopped: View | None = st.session_state.get(_STOPPED)
    if not log.answered_by or stopped is None:
        return False
    session.read_link(log.actions)
    view = session.view()
    if view != stopped:
        _resume()
        return False
    with st.sidebar:
        filter_bar(view, actions=log.actions, head=log.head, find=log.suggest, name_of=log.name_of, live=False)
    st.title(text.APP, anchor=False)
    chips.chips(view.chips(log.name_of))
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="stopped"):
        st.markdown(f"Cancelled. {text.label(log.answered_by)} was not asked to the end.", width="stretch")
        st.button("Ask again", key="ask_again", on_click=_resume)
    session.write_link()
    return True


def _stop() -> None:
    session.used()
    st.session_state[_STOPPED] = session.view()


def _resume() -> None:
    session.used()
    st.session_state.pop(_STOPPED, None)


def _offer_again(error: LakeError) -> None:
    st.error(text.told(error), icon=":material/cloud_off:")
    st.button("Try again", key="try_again", on_click=_reopen)
    session.write_link()


def _reopen() -> None:
    """The table is opened anew: it may have been published to, or its cluster have been started again."""
    opening.opening(again=True)
    session.forget_log()
