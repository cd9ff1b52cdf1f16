"""The Export menu: every match of the view as a file, made with progress, cancelled by any other click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import streamlit as st

from auditlib.evidence.exports import FORMATS
from auditlib.view import View
from pages.ui import session, text

OFFERED: Final = ("csv", "jsonl", "parquet")
_WANTED: Final = "_export_wanted"
_READY: Final = "_export_ready"

Make = Callable[[str, Callable[[int], None]], "ReadyExport"]


@dataclass(frozen=True, slots=True)
class ReadyExport:
    """A finished export: the view it holds, and where it can be downloaded, under which name and size in bytes."""

    view: View
    token: str
    name: str
    size: int


def export_menu(view: View, total: int, make: Make) -> None:
    """Draws the menu into the current container, and makes the export that was asked for.

    `make` writes the file of a format, calling back with the events written so far. Call it at the end of
    a run: while it works, everything else on the page already stands.
    """
    with st.popover("Export", icon=":material/download:", key="export"):
        st.markdown(f"**{text.count(total)}** of this view, in all columns, metadata as recorded.")
        st.selectbox("Format", OFFERED, key="export_format", format_func=lambda key: FORMATS[key].label, on_change=session.used)
        wanted = st.session_state.pop(_WANTED, None)
        if wanted:
            st.button("Cancel", key="export_cancel", on_click=session.used)
            bar = st.progress(0.0, text="Writing events …")
            st.session_state[_READY] = make(wanted, lambda done: _advance(bar, done, total))
            st.rerun()
        st.button("Prepare file", key="export_prepare", on_click=_ask, disabled=not total)
        ready = st.session_state.get(_READY)
        if isinstance(ready, ReadyExport) and ready.view == view:
            st.link_button(f"Download ({_size(ready.size)})", f"./export/{ready.token}", type="primary", icon=":material/download:")
            st.caption(text.label(ready.name, 140))


def _ask() -> None:
    session.used()
    st.session_state.pop(_READY, None)
    st.session_state[_WANTED] = st.session_state["export_format"]


def _advance(bar: st.delta_generator.DeltaGenerator, done: int, total: int) -> None:
    bar.progress(min(done / max(total, 1), 1.0), text=f"{done:,} of {total:,} events")


def _size(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB" if size >= 2**20 else f"{size / 2**10:,.0f} KiB"
