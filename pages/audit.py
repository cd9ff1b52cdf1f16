"""The Audit Logs page: one view of the log, read top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from auditlib import vocabulary
from auditlib.access.principal import require_reader
from auditlib.engine.base import EventPage
from auditlib.errors import NotFoundError
from auditlib.evidence import exports
from auditlib.log import AuditLog
from auditlib.view import View
from pages import downloads, missing, reading, recorded
from pages.bundling import Bundling
from pages.overview import show_overview
from pages.sign_in import current_principal
from pages.ui import chips, notices, panel, rows, session, style, text
from pages.ui.entry import entry
from pages.ui.event_table import event_table
from pages.ui.export import ReadyExport, export_menu
from pages.ui.filter_bar import filter_bar
from pages.ui.pager import pager
from pages.ui.tools import tools


def main() -> None:
    principal = require_reader(current_principal())
    log = reading.log_for(principal)
    session.read_link(log.actions)
    view = session.view()
    page = log.page(view, metadata=False)
    session.keep_page(page.view.page)
    session.keep_drawn()
    view = session.view()

    with st.sidebar:
        filter_bar(view, actions=log.actions, head=log.head, find=log.suggest, name_of=log.name_of)
        if principal.local:
            st.caption(text.LOCAL_ADMIN)

    title_row = _title(session.seal(log.head.digest, page.total))
    reading.offer_newer(log)
    notices.damage(log.head)
    _tabs(log, view, page)
    active = view.chips(log.name_of)
    chips.chips(active)
    notices.problems(view.problems)
    notices.compared(log.compare(view))
    missing.searched_event(log, view, active)
    if page.total:
        show_overview(log, view, page.total)
        _table(log, page)
    else:
        missing.nothing(log, view)
    pager(page)
    if page.without_time:
        st.caption(text.left_out(page.without_time))
    if view.event:
        _open_panel(log)
    session.write_link()
    with title_row:
        export_menu(
            view,
            page.total,
            _opened(page),
            lambda key, progress: _export(log, view, key, progress),
            lambda asked: Bundling(log, view, session.zone().key, asked).start(),
        )


def _title(seal: str) -> st.delta_generator.DeltaGenerator:
    """The title row; the Export menu joins it last."""
    row = st.container(horizontal=True, vertical_alignment="center", key="title")
    with row:
        st.title(text.APP, anchor=False, width="stretch")
        st.caption(f"Times in {session.zone().key}", width="content")
        st.page_link("explore.py", label="Explore", icon=":material/terminal:", query_params=session.view().opened("").to_pairs())
        tools(seal)
    return row


def _tabs(log: AuditLog, view: View, page: EventPage) -> None:
    st.tabs([tab.label for tab in vocabulary.TABS.values()], key="tab", on_change=session.choose_tab)
    counts = tuple(page.total if tab == view.tab else log.total(view.on_tab(tab)) for tab in vocabulary.TABS)
    style.tab_counts(counts, page.incomplete)


def _table(log: AuditLog, page: EventPage) -> None:
    tz = session.zone()
    events = {event.event_id: event for event in page.events}
    opened = [event_id for event_id in session.open_rows() if event_id in events]
    event_table(
        rows=[rows.row(event, tz) for event in page.events],
        details={event_id: recorded.details(log, events[event_id]) for event_id in opened},
        open_ids=opened,
        current=session.view().event,
        zone=rows.zone_name(page.events, tz),
        key=session.TABLE,
        on_open_change=session.rows_changed,
        on_row_change=session.row_chosen,
    )


def _opened(page: EventPage) -> list[str]:
    """The events that are open on the page: in place, or in the side panel."""
    shown = {event.event_id for event in page.events}
    return list(dict.fromkeys([*(each for each in session.open_rows() if each in shown), *filter(None, [session.view().event])]))


def _open_panel(log: AuditLog) -> None:
    try:
        log.event(session.view().event, metadata=False)
    except NotFoundError as error:
        st.warning(text.label(str(error), 200))
        session.change(session.view().opened(""))
        return
    st.dialog("Entry", position="right", width=580, on_dismiss=session.close_panel)(_panel)(log)


@notices.told()
def _panel(log: AuditLog) -> None:
    view = session.view()
    if not view.event or view.page != session.drawn_page():
        st.rerun()
    event = log.event(view.event, metadata=False)
    position = log.position(view, view.event)
    entry(
        event=panel.payload(
            event, tab=view.tab, tz=session.zone(), metadata=recorded.details(log, event), position=position, total=log.total(view)
        ),
        seal=session.seal(log.head.digest, log.total(view)),
        key=session.PANEL,
        on_pivot_change=session.pivot,
        on_step_change=lambda: session.step(log),
    )
    if position is None:
        notices.hidden(log.hiding(view, view.event), view.chips(log.name_of), searched=False)
    session.write_link()


def _export(log: AuditLog, view: View, key: str, progress: Callable[[int], None]) -> ReadyExport:
    head, kind = log.head, exports.FORMATS[key]
    about = {"link": str(view), "view": view.describe(log.name_of), "head": head.digest, "complete": str(head.complete).lower()}
    path = downloads.new_file(kind.suffix)
    exports.export(log.batches(view), path, key, about, progress=progress)
    name = exports.export_name(view.tab, head.seq, head.digest, datetime.now(UTC), incomplete=not head.complete, suffix=kind.suffix)
    token = downloads.offer(path, name, kind.mime, require_reader(log.principal))
    return ReadyExport(view, token, name, path.stat().st_size)


with notices.told():
    main()
