"""An answer on screen: how it went, its rows as a paged table, a chart of two columns, and files of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa
import streamlit as st

from auditlib.engine.base import Head
from auditlib.errors import AuditError
from auditlib.evidence.exports import FORMATS
from auditlib.sandbox.question import SqlResult
from auditlib.text import shown_line
from pages.ui import text
from pages.ui.explore import cells, charts, state
from pages.ui.export import ReadyExport, made_or_refused

ROWS_A_PAGE: Final = 50
CHARTED: Final = 300
CHARTED_AT_FIRST: Final = 60
OFFERED: Final = ("csv", "jsonl", "parquet")


def status(result: SqlResult, head: Head) -> None:
    """Says how many rows there are, of how many events, and what is missing from them."""
    found = f":green-badge[:material/check: Done] **{text.count(len(result), 'row')}** in {result.elapsed:.2f} s"
    of = f"from {text.count(head.events)} in {text.count(head.snapshots, 'snapshot')}"
    cut = f" :orange-badge[{text.label(result.truncated, 120)}]" if result.truncated else ""
    missing = "" if head.complete else " :orange-badge[incomplete: quarantined snapshots are not in it]"
    st.markdown(f"{found} :gray[{of}]{cut}{missing}", width="stretch")


def rows(table: pa.Table, *, key: str = "page") -> None:
    """Draws the rows, a page at a time; a row with an event id opens the side panel."""
    pages = max(1, -(-table.num_rows // ROWS_A_PAGE))
    page = int(st.session_state.get(state.answer_key(key), 1))
    shown = table.slice((page - 1) * ROWS_A_PAGE, ROWS_A_PAGE)
    opens = "event_id" in table.column_names
    chosen: dict[str, Any] = {}
    if opens:
        ids = shown.column(table.column_names.index("event_id")).to_pylist()
        chosen = {"on_select": lambda: _chosen(state.table_key(), ids), "selection_mode": ["single-row", "single-cell"]}
    st.dataframe(
        cells.columns(shown),
        key=state.table_key(),
        hide_index=True,
        height="content",
        column_config={name: st.column_config.Column(label) for name, label in cells.names(table).items()},
        placeholder="null",
        **chosen,
    )
    if pages > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            first = (page - 1) * ROWS_A_PAGE + 1
            st.caption(f"{first:,}–{first + shown.num_rows - 1:,} of {table.num_rows:,}", width="stretch")
            st.pagination(pages, key=state.answer_key(key), max_visible_pages=5, on_change=state.used)
    if opens:
        st.caption("Choose a row to open its event.")


def _chosen(key: str, ids: list[Any]) -> None:
    chosen = st.session_state[key]["selection"]
    places = [*chosen["rows"], *(row for row, _ in chosen["cells"])]
    if places and isinstance(ids[places[0]], str):
        state.open_entry(ids[places[0]])


def chart_of_two(table: pa.Table) -> None:
    """Draws bars or a line of two columns, which the person chooses; nothing where no column holds numbers."""
    numeric = [place for place, kind in enumerate(table.schema.types) if _is_number(kind)]
    if not numeric or table.num_columns < 2:
        return
    others = [place for place in range(table.num_columns) if place not in numeric]
    names = table.column_names

    def named(place: int) -> str:
        return shown_line(names[place], 60)

    with st.container(border=True, key="explore_chart"):
        with st.container(horizontal=True, vertical_alignment="top"):
            kind = st.segmented_control(
                "Chart", ["none", "bar", "line"], key=state.answer_key("kind"), required=True, on_change=state.used,
                default="bar" if table.num_rows <= CHARTED_AT_FIRST and others else "none",
            )  # fmt: skip
            x = st.selectbox(
                "Along", range(len(names)), (others or numeric)[0], named, state.answer_key("x"), on_change=state.used, width=150
            )
            y = st.selectbox("Height", numeric, 0, named, state.answer_key("y"), on_change=state.used, width=150)
        drawn = table.slice(0, CHARTED)
        values = [cells.number(value) for value in drawn.column(y).to_pylist()]
        spec = charts.two_columns(str(kind), [_along(value) for value in drawn.column(x).to_pylist()], values, (names[x], names[y]))
        if spec and kind != "none":
            st.vega_lite_chart(spec, width="stretch", alt="The two chosen columns; the table has the same numbers.")
        if table.num_rows > CHARTED:
            st.caption(f"The first {CHARTED} rows.")


def download(make: Callable[[str], ReadyExport]) -> None:
    """Offers the answer as a file of each format; `make` writes one."""
    with st.popover("Download", icon=":material/download:", key="explore_download"):
        kind = st.selectbox("Format", OFFERED, key="explore_format", format_func=lambda key: FORMATS[key].label, on_change=state.used)
        st.button("Prepare file", key="explore_prepare", on_click=lambda: _prepare(make, str(kind)))
        ready = st.session_state.get(state.answer_key(f"file_{kind}"))
        if isinstance(ready, ReadyExport):
            size = f"{ready.size / 2**10:,.0f} KiB" if ready.size >= 2**10 else f"{ready.size} bytes"
            st.link_button(f"Download ({size})", f"./export/{ready.token}", type="primary", icon=":material/download:")
            st.caption(text.label(ready.name, 140))
        elif isinstance(ready, AuditError):
            st.error(text.told(ready, 400))


def _prepare(make: Callable[[str], ReadyExport], kind: str) -> None:
    state.used()
    st.session_state[state.answer_key(f"file_{kind}")] = made_or_refused(lambda: make(kind))


def _along(value: Any) -> str | int | float | None:
    found = cells.number(value)
    return found if found is not None else None if value is None else cells.text(value)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
