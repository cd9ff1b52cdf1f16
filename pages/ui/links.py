"""Links that look like buttons and stay in the tab, as Streamlit's own do not."""

from __future__ import annotations

from html import escape

import streamlit as st


def same_tab_link(label: str, address: str, *, primary: bool = False) -> None:
    """Draws a link to an address of this server."""
    kind = "link primary" if primary else "link"
    st.html(f'<a class="{kind}" role="button" href="{escape(address)}">{escape(label)}</a>', width="content")
