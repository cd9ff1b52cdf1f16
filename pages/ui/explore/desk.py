"""The SQL desk: the text, fields for its parameters, examples, and queries that were kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from auditlib.sandbox.question import MAX_BYTES, TIMEOUT
from auditlib.sandbox.starting import starting_sql
from pages.saved_queries import MOST_NAME, SavedQuery
from pages.ui import text
from pages.ui.explore import state
from pages.ui.explore.link import LONGEST, Exploration
from pages.ui.explore.parameters import examples, parameters

LIMITS = (
    f"Read-only · {TIMEOUT:g} s · {MAX_BYTES >> 20} MiB · no files, no network · values under secret-looking keys are dots · times in UTC"
)


def desk(asked: Exploration, kept: Sequence[SavedQuery], save: Callable[[str, Exploration], None], forget: Callable[[str], None]) -> None:
    """Draws the desk, with the queries that the person kept."""
    with st.container(horizontal=True, vertical_alignment="center", key="desk_row"):
        st.markdown("**SQL** :gray[one SELECT over the table events]", width="stretch")
        st.button(
            "Start from the filters", key="start_from_filters", on_click=lambda: state.open_desk(starting_sql(asked.view)),
            help="Puts the events above into the desk as a query",
        )  # fmt: skip
        with st.popover("Examples", key=state.answer_key("examples")):
            for place, example in enumerate(examples()):
                st.button(
                    text.label(example.title, 100), key=f"example_{place}", type="tertiary",
                    on_click=state.open_desk, args=(example.sql, example.parameters), kwargs={"run": True},
                )  # fmt: skip
        with st.popover("Saved", key=state.answer_key("saved")):
            _saved(asked, kept, save, forget)
    with st.form("desk", border=True):
        st.text_area("SQL", key=state.EDITOR, height=230, label_visibility="collapsed", placeholder="SELECT … FROM events")
        names = parameters(asked.sql)
        if names:
            with st.container(horizontal=True, key="parameters"):
                for name in names:
                    st.text_input(f"\\${name}", key=state.parameter_key(name), width=220, max_chars=1_000)
        with st.container(horizontal=True, vertical_alignment="center", key="run_row"):
            st.form_submit_button("Run", key="run", type="primary", icon=":material/play_arrow:", on_click=state.run_desk)
            st.caption("Ctrl + Enter", width="stretch")
            st.selectbox(
                "Row limit", state.ROW_LIMITS, key=state.ROW_LIMIT, index=1, format_func="at most {:,} rows".format, width=180,
                label_visibility="collapsed",
            )  # fmt: skip
    st.caption(LIMITS)
    if asked.missing:
        st.caption(f"Fill in {', '.join(asked.missing)}, then run.")
    if asked.is_too_long:
        st.warning(f"This query is not in the link: it is longer than {LONGEST:,} bytes there. Save it to find it again.")


def _saved(asked: Exploration, kept: Sequence[SavedQuery], save: Callable[[str, Exploration], None], forget: Callable[[str], None]) -> None:
    def keep() -> None:
        state.used()
        name = str(st.session_state.get("save_name") or "").strip()
        if name:
            save(name, asked)
            st.session_state["save_name"] = ""

    def drop(name: str) -> None:
        state.used()
        forget(name)

    st.text_input("Name for what was run last", key="save_name", max_chars=MOST_NAME, on_change=state.used)
    st.button("Save", key="save", on_click=keep)
    for place, query in enumerate(kept):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                text.label(query.name, MOST_NAME), key=f"saved_{place}", type="tertiary", width="stretch",
                on_click=state.open_desk, args=(query.sql, query.parameters), kwargs={"run": True},
            )  # fmt: skip
            st.button("Forget", key=f"forget_{place}", type="tertiary", on_click=drop, args=(query.name,))
    if not kept:
        st.caption("Nothing is saved yet. What you save is yours alone.")
