"""The answer to a query on the Explore page: waited for, shown, and made into files."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from auditlib.access.principal import require_reader
from auditlib.engine.turns import aside
from auditlib.evidence.exports import FORMATS, export_name
from auditlib.evidence.tables import written
from auditlib.log import AuditLog
from auditlib.sandbox.question import SqlResult
from pages import downloads
from pages.exploring import SOON_SECONDS, Asking, preparation
from pages.recording import record, sql_detail
from pages.ui import text
from pages.ui.explore import charts, results, state
from pages.ui.explore.link import SQL, Exploration
from pages.ui.explore.questions import QUESTIONS
from pages.ui.export import ReadyExport


def show_answer(log: AuditLog, asking: Asking, asked: Exploration) -> None:
    """Draws how far a query is, or how it ended."""
    with aside():
        asking.finished.wait(max(0.0, SOON_SECONDS - asking.seconds))
    if not asking.is_over:
        _waiting()
    elif asking.result is not None and not asking.stopped.is_set():
        _show(log, asking.query.text, asking.result, asked)
    else:
        if asking.error and not asking.stopped.is_set():
            st.error(text.told(asking.error), icon=":material/error:")
        else:
            st.markdown("The query was stopped.")
        st.button("Ask again", key="ask_again", on_click=state.ask_again)


@st.fragment(run_every=0.4)
def _waiting() -> None:
    """How far it is; a fragment of its own, so that the page can be used meanwhile."""
    asking: Asking | None = state.asking()
    if asking is None or asking.is_over:
        state.used()
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="explore_waiting"):
        stage, done, total = preparation()
        if stage:
            st.progress(min(done / max(total, 1), 1.0), text=f"{stage}, once for this record: {done:,} of {total:,} events")
        else:
            st.markdown(f"Running for {asking.seconds:.0f} s …", width="stretch")
        st.button("Cancel", key="explore_cancel", on_click=state.cancel)


def _show(log: AuditLog, query: str, result: SqlResult, asked: Exploration) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="explore_status"):
        results.status(result, log.head)
        results.download(lambda key: _file(log, query, result, key))
    if asked.show == SQL:
        with st.container(horizontal=True, key="explore_result"):
            with st.container(key="explore_answer"):
                results.rows(result.table)
            results.chart_of_two(result.table)
        return
    if not len(result):
        st.caption(text.NOTHING_TO_COUNT)
        return
    if spec := charts.chart(asked.show, result.table.to_pylist(), asked.chosen_by, asked.chosen_per, str(st.context.theme.type)):
        with st.container(key="explore_drawn"):
            st.vega_lite_chart(spec, width="stretch", alt=f"{QUESTIONS[asked.show].help} The table below has the same numbers.")
    results.rows(result.table)


def _file(log: AuditLog, query: str, result: SqlResult, key: str) -> ReadyExport:
    """The answer as a file of a format, with what is said of it."""
    head, kind = log.head, FORMATS[key]
    about = {
        "query": query,
        "head": head.digest,
        "complete": str(head.complete).lower(),
        "truncated": result.truncated,
        "masked": "values under secret-looking keys",
    }
    path = downloads.new_file(kind.suffix)
    path.write_bytes(written(result.table, key, about))
    what = "sql-truncated" if result.truncated else "sql"
    name = export_name(what, head.seq, head.digest, datetime.now(UTC), incomplete=not head.complete, suffix=kind.suffix)
    size = path.stat().st_size
    try:
        record("exported", count=len(result), detail=sql_detail(query, name=name, format=key, bytes=size))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    token = downloads.offer(path, name, kind.mime, require_reader(log.principal))
    return ReadyExport(state.asked().view, token, name, size)
