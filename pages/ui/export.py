"""The Export menu: every match of the view as a file, or as an evidence bundle that proves itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Final, Protocol

import streamlit as st

from auditlib.errors import AuditError, LedgerError
from auditlib.evidence.bundle import MOST_EVENTS, WHOLE_BYTES
from auditlib.evidence.exports import FORMATS
from auditlib.view import View
from pages.ui import session, text

BUNDLE: Final = "bundle"
OFFERED: Final = ("csv", "jsonl", "parquet", BUNDLE)
_WANTED: Final = "_export_wanted"
_READY: Final = "_export_ready"
_MAKING: Final = "_export_making"

Make = Callable[[str, Callable[[int], None]], "ReadyExport"]


@dataclass(frozen=True, slots=True)
class ReadyExport:
    """A finished export: the view it holds, and where it can be downloaded, under which name and size in bytes.

    Of a bundle also its SHA-256, and what it leaves out.
    """

    view: View
    token: str
    name: str
    size: int
    digest: str = ""
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a bundle: with a report, without snapshot files, and of some events only."""

    report: bool = False
    excerpt: bool = False
    only: tuple[str, ...] = ()


class Making(Protocol):
    """A bundle that is being made in the background."""

    stage: str
    done: int
    total: int
    ready: ReadyExport | None
    error: AuditError | None
    finished: Event
    stopped: Event


def export_menu(view: View, total: int, opened: Sequence[str], make: Make, bundle: Callable[[Asked], Making]) -> None:
    """Draws the menu into the current container, and makes the export that was asked for.

    `opened` are the ids of events that are open on the page. `make` writes the file of a format, calling back with the
    events written so far; `bundle` starts a bundle. Call it at the end of a run: while it works, everything else on the
    page already stands.
    """
    with st.popover("Export", icon=":material/download:", key="export"):
        st.markdown(f"**{text.count(total)}** of this view, in all columns, metadata as recorded.")
        chosen = st.selectbox("Format", OFFERED, key="export_format", format_func=_label, on_change=session.used)
        if chosen == BUNDLE:
            st.caption(_about_bundles())
            st.checkbox("Add a report for printing", key="export_report", on_change=session.used)
            st.checkbox("Leave the snapshot files out: they hold other events too", key="export_excerpt", on_change=session.used)
            if opened:
                st.checkbox(f"Only what is open: {text.count(len(opened))}", key="export_opened", on_change=session.used)
        wanted = st.session_state.pop(_WANTED, None)
        if wanted == BUNDLE:
            asked = Asked(
                report=bool(st.session_state.get("export_report")),
                excerpt=bool(st.session_state.get("export_excerpt")),
                only=tuple(opened) if st.session_state.get("export_opened") else (),
            )
            st.session_state[_MAKING] = bundle(asked)
        elif wanted:
            st.button("Cancel", key="export_cancel", on_click=session.used)
            bar = st.progress(0.0, text="Writing events …")
            st.session_state[_READY] = made_or_refused(lambda: make(wanted, lambda done: _advance(bar, done, total)))
            st.rerun()
        if _MAKING in st.session_state:
            _making()
        else:
            st.button("Prepare file", key="export_prepare", on_click=_ask, disabled=not total)
        ready = st.session_state.get(_READY)
        if isinstance(ready, ReadyExport) and ready.view == view:
            _offer(ready)
        elif isinstance(ready, AuditError):
            st.error(text.told(ready, 400))


@st.fragment(run_every=0.5)
def _making() -> None:
    """How far the bundle is; a fragment of its own, so that the page can be used meanwhile."""
    making: Making | None = st.session_state.get(_MAKING)
    if making is None or making.finished.is_set():
        st.session_state.pop(_MAKING, None)
        st.session_state[_READY] = making and (making.ready or making.error)
        session.used()
        st.rerun()
    st.progress(min(making.done / making.total, 1.0) if making.total else 0.0, text=f"{making.stage} …")
    st.button("Cancel", key="bundle_cancel", on_click=making.stopped.set)


def made_or_refused(make: Callable[[], ReadyExport]) -> ReadyExport | LedgerError:
    """What is made, or the error where it is refused since it cannot be recorded."""
    try:
        return make()
    except LedgerError as error:
        return error


def _offer(ready: ReadyExport) -> None:
    st.link_button(f"Download ({_size(ready.size)})", f"./export/{ready.token}", type="primary", icon=":material/download:")
    st.caption(text.label(ready.name, 140))
    if ready.left_out:
        st.warning(ready.left_out)
    if ready.digest:
        st.caption("Its SHA-256; keep it apart from the file:")
        st.code(ready.digest, language=None, wrap_lines=True)


def _about_bundles() -> str:
    return (
        "One archive with the events, the question, the chain and the snapshot files, checked with unzip, sha256sum and openssl alone. "
        f"At most {MOST_EVENTS:,} events; past {WHOLE_BYTES >> 20} MiB of snapshot files an excerpt of them."
    )


def _label(key: str) -> str:
    return "Evidence bundle" if key == BUNDLE else FORMATS[key].label


def _ask() -> None:
    session.used()
    st.session_state.pop(_READY, None)
    st.session_state[_WANTED] = st.session_state["export_format"]


def _advance(bar: st.delta_generator.DeltaGenerator, done: int, total: int) -> None:
    bar.progress(min(done / max(total, 1), 1.0), text=f"{done:,} of {total:,} events")


def _size(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB" if size >= 2**20 else f"{size / 2**10:,.0f} KiB"
