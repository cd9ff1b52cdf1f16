"""The Explore page: ready questions over the events of a view, and the SQL desk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from auditlib import vocabulary
from auditlib.access.principal import require_reader
from auditlib.log import AuditLog
from pages import reading, recording, revealing, saved_queries, seeing
from pages.exploring import Asking, Query, ask
from pages.exploring_answers import show_answer
from pages.exploring_entry import open_entry
from pages.saved_queries import SavedQuery
from pages.sign_in import visitor
from pages.ui import notices, session, text
from pages.ui.chips import words
from pages.ui.explore import state
from pages.ui.explore.desk import desk
from pages.ui.explore.link import SQL, Exploration
from pages.ui.explore.questions import BY, MOST_ROWS, PER, QUESTIONS, Question
from pages.ui.explore.schema import schema
from pages.ui.tools import tools

AUDIT: Final = "audit.py"


def main() -> None:
    log = reading.log_for(visitor())
    session.enter("explore")
    state.read_link(log.actions)
    if (link := state.where_to()) is not None:
        st.switch_page(AUDIT, query_params=link)
    asked = state.asked()
    with st.container(horizontal=True, vertical_alignment="center", key="heading"):
        st.title("Explore", anchor=False, width="stretch")
        st.caption(f"Times in {state.zone().key}", width="content")
        tools(session.seal(log.head.digest, log.total(asked.view)))
    reading.offer_newer(log)
    seeing.view(log, seeing.link_of(asked.view.opened("")), log.total(asked.view))
    notices.damage(log.head)
    notices.unrecorded(recording.failure())
    notices.problems(asked.problems)
    notices.compared(log.compare(asked.view))
    with st.sidebar:
        schema(log.head.events)
    _events(log, asked)
    shown = [*QUESTIONS, SQL]
    st.segmented_control(
        "Question", shown, key="explore_show", required=True, format_func=_name, on_change=state.choose_show, label_visibility="collapsed"
    )
    asking = _desk(log, asked) if asked.show == SQL else _ready(log, QUESTIONS[asked.show], asked)
    if asking:
        show_answer(log, asking, asked)
    if asked.view.event:
        open_entry(log)
    else:
        revealing.keep_open(())
    state.write_link()


def _name(show: str) -> str:
    return "SQL desk" if show == SQL else QUESTIONS[show].label


def _events(log: AuditLog, asked: Exploration) -> None:
    """Which events are looked at, and the way to other ones."""
    chips = " · ".join(words(asked.view.chips(log.name_of)).values())
    with st.container(horizontal=True, vertical_alignment="center", key="explore_events"):
        st.segmented_control(
            "Events", list(vocabulary.TABS), key="explore_tab", required=True, format_func=lambda tab: vocabulary.TABS[tab].label,
            on_change=state.choose_tab, label_visibility="collapsed",
        )  # fmt: skip
        st.markdown(f"**{text.count(log.total(asked.view))}** {chips or ':gray[no filters]'}", width="stretch")
        st.page_link(AUDIT, label="Change the filters", icon=":material/filter_alt:", query_params=asked.view.opened("").to_pairs())


def _ready(log: AuditLog, question: Question, asked: Exploration) -> Asking | None:
    """A ready question: what it can be asked by, its SQL, and who answers it."""
    by, per = asked.chosen_by, asked.chosen_per
    with st.container(horizontal=True, vertical_alignment="center", key="explore_choices"):
        st.caption(question.help, width="stretch")
        if question.by:
            st.session_state["explore_by"] = by
            st.segmented_control("By", list(BY), key="explore_by", required=True, format_func=lambda key: BY[key].label,
                                 on_change=state.choose_by, label_visibility="collapsed")  # fmt: skip
        if question.per:
            st.session_state["explore_per"] = per
            st.segmented_control("Per", list(PER), key="explore_per", required=True, format_func=str.capitalize,
                                 on_change=state.choose_per, label_visibility="collapsed")  # fmt: skip
    if question.key == "movers" and not asked.view.previous():
        _offer_ranges(log)
        return None
    sql = question.write(asked.view, state.zone(), by, per)
    with st.expander("SQL of this answer", key="explore_sql"):
        st.code(sql, language="sql", wrap_lines=True)
        st.button("Open in the SQL desk", key="open_in_desk", on_click=state.open_desk, args=(sql,), kwargs={"run": True})
    query = Query(sql, (), MOST_ROWS, log.head.digest)
    if state.asking() is None or state.asking().query != query:
        state.keep_asking(ask(log, query))
    found: Asking = state.asking()
    return found


def _offer_ranges(log: AuditLog) -> None:
    head = log.head
    last = min(filter(None, (head.last_at, head.created_at)), default=datetime.now(UTC)).astimezone(state.zone()).date()
    st.markdown("Periods are compared once there is a range of days. Choose one here, or with Change the filters.")
    with st.container(horizontal=True):
        for days in (7, 30, 90):
            first = last - timedelta(days=days - 1)
            st.button(f"{days} days up to {last}", on_click=state.choose_range, args=(first.isoformat(), last.isoformat()))


def _desk(log: AuditLog, asked: Exploration) -> Asking | None:
    """The SQL desk, and who answers its query; None before it is run, and after it was changed."""
    person = require_reader(log.principal).id
    if state.take_run():
        state.keep_asking(ask(log, Query(asked.sql, asked.parameters, state.row_limit(), log.head.digest)))
    desk(
        asked,
        saved_queries.saved(person),
        lambda name, of: saved_queries.save(person, SavedQuery(name, of.sql, of.parameters)),
        lambda name: saved_queries.forget(person, name),
    )
    found: Asking | None = state.asking()
    return found if found and (found.query.text, found.query.parameters) == (asked.sql, asked.parameters) else None


with notices.told():
    main()
