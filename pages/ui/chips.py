"""The chips: one per active filter, each with its X, and Clear all."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from auditlib.view import Chip
from pages.ui import session, text


def chips(active: Sequence[Chip]) -> None:
    """Draws the chips; the container is always there, also when it is empty, so that nothing below it moves identity."""
    with st.container(horizontal=True, key="chips", gap="small", vertical_alignment="center"):
        for place, chip in enumerate(active):
            st.button(
                f":gray[{chip.label}] {text.label(chip.text)}" if not chip.incomplete else f"{chip.label} {text.label(chip.text)}",
                key=f"chip_{'incomplete_' if chip.incomplete else ''}{place}_{chip.parameter}",
                icon=":material/close:",
                icon_position="right",
                help=f"Remove the filter {chip.label}",
                on_click=session.drop,
                args=(chip.parameter, chip.value),
            )
        if active:
            st.button("Clear all", key="clear_all", type="tertiary", on_click=session.clear_all)
