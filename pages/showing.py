"""A log as a table: what the Audit Logs page and the ledger share, read top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

import streamlit as st

from auditlib import vocabulary
from auditlib.access.principal import may_read_ledger, require_reader
from auditlib.access.subjects import EVENT
from auditlib.engine.base import EventPage
from auditlib.errors import NotFoundError
from auditlib.evidence import exports
from auditlib.log import AuditLog
from auditlib.view import View
from pages import distant, downloads, missing, recorded, recording, revealing, seeing
from pages.asking import asking_as_session
from pages.bundling import Bundling
from pages.overview import show_overview
from pages.ui import chips, notices, panel, rows, session, style, text
from pages.ui.entry import entry
from pages.ui.event_table import event_table
from pages.ui.export import ReadyExport, export_menu
from pages.ui.filter_bar import filter_bar
from pages.ui.pager import pager
from pages.ui.tools import tools

LEDGER: Final = "ledger.py"


@dataclass(frozen=True, slots=True)
class Shown:
    """How a page shows its log: its title, whether it has tabs, what stands beside the title and below it.

    `traced` says that the ledger knows who has read its events, and the panel leads there.
    """

    title: str
    tabs: bool
    beside: Callable[[View], None]
    below: Callable[[AuditLog], None]
    traced: bool


def show_log(log: AuditLog, how: Shown) -> None:
    """Draws a log at the link of the page, with filters, chips, table, pager, side panel and exports."""
    session.read_link(log.actions)
    distant.within_range(log)
    if event_id := session.event_to_trace():
        st.switch_page(LEDGER, query_params={"related": f"{EVENT}:{event_id}"})
    page = _asked(log)
    view = session.view()

    with st.sidebar:
        filter_bar(view, actions=log.actions, head=log.head, find=log.suggest, name_of=log.name_of, live=not log.answered_by)
        person = log.principal
        if person and person.local:
            st.caption(text.LOCAL_ADMIN)

    title_row = _title(how, session.seal(log.head.digest, page.total))
    how.below(log)
    notices.damage(log.head)
    notices.unrecorded(recording.failure())
    if how.tabs:
        _tabs(log, view, page)
    active = view.chips(log.name_of)
    chips.chips(active)
    notices.problems(view.problems)
    notices.compared(log.compare(view))
    missing.searched_event(log, view, active)
    if page.total:
        show_overview(log, view, page.total)
    else:
        missing.nothing(log, view)
    with st.container(key="list"):
        (_list if log.answered_by else _own_list)(log, iter([page]), _around(log, page))
    if page.without_time:
        st.caption(text.left_out(page.without_time))
    if view.event:
        _open_panel(log, how)
    else:
        seeing.entry(log, "")
    session.write_link()
    with title_row:
        export_menu(
            view,
            page.total,
            _opened(page),
            lambda key, progress: _export(log, view, key, progress),
            lambda asked: Bundling(log, view, session.zone().key, asked, recording.recorder(log), _word(view)).start(),
        )


def _title(how: Shown, seal: str) -> st.delta_generator.DeltaGenerator:
    """The title row; the Export menu joins it last."""
    row = st.container(horizontal=True, vertical_alignment="center", key="title")
    with row:
        st.title(how.title, anchor=False, width="stretch")
        st.caption(f"Times in {session.zone().key}", width="content")
        how.beside(session.view())
        tools(seal)
    return row


def _tabs(log: AuditLog, view: View, page: EventPage) -> None:
    st.tabs([tab.label for tab in vocabulary.TABS.values()], key="tab", on_change=session.choose_tab)
    counts = tuple(page.total if tab == view.tab else log.total(view.on_tab(tab)) for tab in vocabulary.TABS)
    style.tab_counts(counts, page.incomplete)


def _asked(log: AuditLog) -> EventPage:
    """The page of the view, told to the ledger before anything of it is drawn."""
    page = log.page(session.view(), metadata=False)
    session.keep_page(page.view.page)
    session.keep_drawn()
    seeing.view(log, seeing.link_of(session.view().opened("")), page.total)
    seeing.rows(log, _open_rows(page))
    return page


def _around(log: AuditLog, page: EventPage) -> tuple[object, ...]:
    """All that the page around the list shows, and that may have changed by the next run."""
    view = session.view()
    return view.on_page(1), view.problems, _opened(page), recording.failure(), log.has_newer(), log.unreachable


def _whole(use: Callable[..., None]) -> Callable[..., None]:
    """A use of the list that changes what stands around it as well: the whole page is run after it."""

    def used(*what: object) -> None:
        use(*what)
        st.rerun()

    return used


@notices.told()
@asking_as_session()
def _list(log: AuditLog, asked: Iterator[EventPage], around: tuple[object, ...]) -> None:
    """The table and what turns its pages. The run of the whole page has asked for the events; a run of the list alone asks itself,
    and gives way to a run of the whole page where that would show something else around it."""
    page = next(asked, None)
    if page is None:
        page = _asked(log)
        if _around(log, page) != around:
            st.rerun()
    opened = _opened(page)
    revealing.keep_open(opened)
    if page.total:
        _table(log, page)
    pager(page, on_turn=_whole(session.turn_page) if opened else session.turn_page, on_rows_change=_whole(session.choose_rows))
    session.write_link()


_own_list: Final = st.fragment(_list)
"""The list as a part of its own: turning a page, which is most of what is done, leaves the rest of the page in the browser as it is."""


def _table(log: AuditLog, page: EventPage) -> None:
    tz = session.zone()
    events = {event.event_id: event for event in page.events}
    opened = _open_rows(page)
    event_table(
        rows=rows.page(page.events, tz),
        details={event_id: recorded.details(log, events[event_id]) for event_id in opened},
        open_ids=opened,
        current=session.view().event,
        zone=rows.zone_name(page.events, tz),
        key=session.TABLE,
        on_open_change=_whole(session.rows_changed),
        on_row_change=_whole(session.row_chosen),
        on_reveal_change=partial(revealing.reveal, session.TABLE, session.used),
        on_copied_change=partial(revealing.copied, session.TABLE, session.used),
    )


def _open_rows(page: EventPage) -> list[str]:
    """The events of the page that are open in place."""
    shown = {event.event_id for event in page.events}
    return [event_id for event_id in session.open_rows() if event_id in shown]


def _opened(page: EventPage) -> list[str]:
    """The events that are open on the page: in place, or in the side panel."""
    return list(dict.fromkeys([*_open_rows(page), *filter(None, [session.view().event])]))


def _open_panel(log: AuditLog, how: Shown) -> None:
    try:
        log.event(session.view().event, metadata=False)
    except NotFoundError as error:
        st.warning(text.told(error, 200))
        session.change(session.view().opened(""))
        return
    st.dialog("Entry", position="right", width=580, on_dismiss=session.close_panel)(_panel)(log, how)


@notices.told()
def _panel(log: AuditLog, how: Shown) -> None:
    view = session.view()
    if not view.event or view.page != session.drawn_page() or session.is_leaving():
        st.rerun()
    seeing.entry(log, view.event)
    revealing.keep_open([*session.open_rows(), view.event])
    event = log.event(view.event, metadata=False)
    position = log.position(view, view.event)
    shown = panel.payload(
        event, tab=view.tab, tz=session.zone(), metadata=recorded.details(log, event), position=position, total=log.total(view)
    )
    if how.traced and may_read_ledger(log.principal):
        shown["related"].append(panel.readers(view.event))
    entry(
        event=shown,
        seal=session.seal(log.head.digest, log.total(view)),
        key=session.PANEL,
        on_pivot_change=session.pivot,
        on_step_change=lambda: session.step(log),
        on_reveal_change=partial(revealing.reveal, session.PANEL, session.used),
        on_copied_change=partial(revealing.copied, session.PANEL, session.used),
    )
    if position is None:
        notices.hidden(log.hiding(view, view.event), view.chips(log.name_of), searched=False)
    session.write_link()


def _export(log: AuditLog, view: View, key: str, progress: Callable[[int], None]) -> ReadyExport:
    head, kind, link = log.head, exports.FORMATS[key], seeing.link_of(view)
    about = {"link": link, "view": view.describe(log.name_of), "head": head.digest, "complete": str(head.complete).lower()}
    path = downloads.new_file(kind.suffix)
    exports.export(log.batches(view), path, key, about, progress=progress)
    name = exports.export_name(_word(view), head.seq, head.digest, datetime.now(UTC), incomplete=not head.complete, suffix=kind.suffix)
    size = path.stat().st_size
    try:
        recording.record("exported", link=link, count=log.total(view), detail={"name": name, "format": key, "bytes": size})
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    token = downloads.offer(path, name, kind.mime, require_reader(log.principal))
    return ReadyExport(view, token, name, size)


def _word(view: View) -> str:
    """What the name of a file says of a view."""
    return view.tab if session.page() == session.AUDIT else session.page()
