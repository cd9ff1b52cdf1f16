"""The line under the table: the exact range, rows per page, Previous and Next."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from auditlib.engine.base import EventPage
from auditlib.view import PAGE_SIZES


def pager(page: EventPage, *, on_turn: Callable[[int], None], on_rows_change: Callable[[], None]) -> None:
    """Draws the range and what turns pages; `(incomplete)` stands behind a total while snapshots are quarantined.

    `on_turn` is called with -1 or 1.
    """
    mark = " :orange[(incomplete)]" if page.incomplete else ""
    with st.container(horizontal=True, vertical_alignment="center", key="pager"):
        with st.container(key="range"):
            st.markdown(f"**{page.first:,}–{page.last:,}** of {page.total:,}{mark}")
        st.markdown(":gray[Rows per page]", width="content")
        st.selectbox("Rows per page", PAGE_SIZES, key="rows", label_visibility="collapsed", width=90, on_change=on_rows_change)
        st.button("Previous", key="previous", disabled=page.view.page <= 1, on_click=on_turn, args=(-1,))
        st.button("Next", key="next", disabled=page.view.page >= page.pages, on_click=on_turn, args=(1,))
