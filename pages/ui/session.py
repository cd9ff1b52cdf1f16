"""The session: the one owner of the link and of everything widgets remember.

The `View` is the only state. A link that differs from what was last written is read into it before any
widget is made; widgets' callbacks change it; at the end of a run it is written back. A change made by one
widget is seeded into all the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import streamlit as st

from auditlib import times, vocabulary
from auditlib.engine.base import PersonKind
from auditlib.log import AuditLog
from auditlib.view import FILTERS, View

_VIEW: Final = "_view"
_WRITTEN: Final = "_written"
_LOG: Final = "_log"
_LEDGER: Final = "_ledger"
_PAGE: Final = "_page"
_READ: Final = "_who_has_read"
READERS: Final = "readers"
"""What the side panel asks for in place of a filter: who has read the event."""
_DRAWN: Final = "_drawn_page"
_USED: Final = "_widget_used"
TABLE: Final = "events"
PANEL: Final = "entry"
AUDIT, LEDGER = "audit", "ledger"
"""The pages that show a log as a table; their links are those of views."""
_PEOPLE: Final[dict[str, tuple[PersonKind, ...]]] = {vocabulary.INTERVIEWS: ("interviewer", "candidate"), vocabulary.TEAM: ("member",)}
_READERS_OF_THE_LOG: Final[tuple[PersonKind, ...]] = ("actor",)

Link = dict[str, list[str]]


# -- the log this session reads ---------------------------------------------------------------------


def chosen_log() -> AuditLog | None:
    """The log this session reads, or None before it has chosen one."""
    found = st.session_state.get(_LOG)
    return found if isinstance(found, AuditLog) else None


def choose_log(log: AuditLog) -> None:
    """Lets this session read a log from now on."""
    st.session_state[_LOG] = log


def forget_log() -> None:
    """Lets this session choose anew which log it reads."""
    used()
    st.session_state.pop(_LOG, None)


def ledger_log() -> AuditLog | None:
    """The log of who read what, as this session reads it; None before it was opened, and again after the page was left."""
    found = st.session_state.get(_LEDGER)
    return found if isinstance(found, AuditLog) else None


def choose_ledger(log: AuditLog) -> None:
    """Lets this session read the ledger as far as this log goes."""
    st.session_state[_LEDGER] = log


def forget_ledger() -> None:
    """Lets this session open the ledger anew."""
    used()
    st.session_state.pop(_LEDGER, None)


# -- the page that is open --------------------------------------------------------------------------


def page() -> str:
    """The page that is open, by its name in a link; empty before any was."""
    return str(st.session_state.get(_PAGE, ""))


def enter(name: str) -> None:
    """A page runs: if it is another one than before, its view is read from the link, and every widget is set to it."""
    if page() != name:
        for key in (_VIEW, _USED, _LEDGER, TABLE):
            st.session_state.pop(key, None)
        st.session_state[_PAGE] = name


def shown_log() -> AuditLog | None:
    """The log that the open page shows."""
    return ledger_log() if page() == LEDGER else chosen_log()


# -- the view and its link --------------------------------------------------------------------------


def view() -> View:
    """The view of this session; `read_link` must have run."""
    current: View = st.session_state[_VIEW]
    return current


def own_zone() -> str | None:
    """The viewer's own zone, where the browser tells a usable one."""
    name = st.context.timezone
    return name if name and times.zone(name) else None


def zone() -> ZoneInfo:
    """The zone in which days are cut and times shown: the view's, else the viewer's own, else UTC."""
    return times.zone(view().tz or own_zone() or "UTC") or ZoneInfo("UTC")


def read_link(actions: Iterable[str]) -> None:
    """Takes over the link where it is not the one last written, and seeds widgets that remember nothing.

    A run that a widget started does not read it: the browser may not have heard yet of what the run before
    wrote, and its older link would undo what was done since.
    """
    link = _link()
    by_widget = st.session_state.pop(_USED, False)
    if _VIEW not in st.session_state or (link != st.session_state[_WRITTEN] and not by_widget):
        pairs = [(parameter, value) for parameter, values in link.items() for value in values]
        if page() == LEDGER:
            pairs = [("tab", vocabulary.TEAM), *pairs]
        st.session_state[_WRITTEN] = link
        _take(View.from_pairs(pairs, tz=own_zone(), actions=actions))
    for key, value in _seeds(view()).items():
        if key not in st.session_state:
            st.session_state[key] = value


def write_link() -> None:
    """Writes the view into the link where it differs: one entry of the browser's history per change."""
    wanted: Link = {}
    for parameter, value in pairs_of(view()):
        wanted.setdefault(parameter, []).append(value)
    if wanted != _link():
        st.query_params.from_dict(wanted)
    st.session_state[_WRITTEN] = wanted
    st.session_state.pop(_USED, None)


def pairs_of(of: View) -> list[tuple[str, str]]:
    """The parameters of a view's link on the open page; the ledger has one tab only, which its links do not name."""
    return [pair for pair in of.to_pairs() if page() != LEDGER or pair[0] != "tab"]


def used() -> None:
    """A widget was used: the run that follows does not read the link."""
    st.session_state[_USED] = True


def change(new: View, *, by: str = "") -> None:
    """Takes over a view that was asked for on the page; every widget but the one it comes from is set to it."""
    used()
    _take(new, by=by)


def _take(new: View, *, by: str = "") -> None:
    st.session_state[_VIEW] = new
    for key, value in _seeds(new).items():
        if key != by and st.session_state.get(key) != value:
            st.session_state[key] = value


def keep_page(page: int) -> None:
    """Corrects the page of the view where the link asked for one past the end."""
    if view().page != page:
        st.session_state[_VIEW] = replace(view(), page=page)


def _link() -> Link:
    return {parameter: st.query_params.get_all(parameter) for parameter in st.query_params}


def _seeds(of: View) -> dict[str, Any]:
    """What each widget shows of a view."""
    return {
        "tab": vocabulary.TABS[of.tab].label,
        "q": next(iter(of.values("q")), ""),
        "action": sorted(of.values("action")),
        "dates": tuple(datetime.fromisoformat(bound).date() for bound in (of.start, of.end) if bound),
        "rows": of.rows,
        "order": of.order,
    }


def seal(digest: str, total: int) -> str:
    """What a copied link says of the record beside its view, so that it can check itself: head and total."""
    return urlencode({"at": digest[:12], "n": total})


def people() -> tuple[PersonKind, ...]:
    """The kinds of person that the filters of the open page look for."""
    return _READERS_OF_THE_LOG if page() == LEDGER else _PEOPLE[view().tab]


# -- what widgets do --------------------------------------------------------------------------------


def choose_tab() -> None:
    """The tab bar was used."""
    label = st.session_state["tab"]
    change(view().on_tab(next(tab.key for tab in vocabulary.TABS.values() if tab.label == label)), by="tab")


def search() -> None:
    """The search text changed."""
    text = st.session_state["q"].strip()
    cleared = view().without("q")
    change(cleared.having("q", text) if text and not FILTERS["q"].check(text) else cleared, by="q")


def choose_actions() -> None:
    """The choice of actions changed."""
    change(view().with_only("action", *st.session_state["action"]), by="action")


def choose_person(parameter: str, person_id: str) -> None:
    """A person was chosen from the matches."""
    st.session_state[f"find_{parameter}"] = ""
    change(view().with_only(parameter, person_id))


def choose_dates() -> None:
    """The calendar was used: no day, a first day, or both."""
    days: tuple[date, ...] = st.session_state["dates"]
    bounds = [day.isoformat() for day in days]
    tz = view().tz or own_zone() or "UTC"
    change(view().between(bounds[0] if bounds else None, bounds[1] if len(bounds) > 1 else None, tz), by="dates")


def choose_rows() -> None:
    """Another number of rows a page was chosen."""
    change(view().sized(st.session_state["rows"]), by="rows")


def choose_order() -> None:
    """Newest or oldest first was chosen."""
    change(view().ordered(st.session_state["order"]), by="order")


def turn_page(by: int) -> None:
    """Previous or Next was pressed."""
    change(view().on_page(max(1, view().page + by)).opened(""))


def drop(parameter: str, value: str | None) -> None:
    """A chip was closed, or a filter dropped from the empty page."""
    change(view().without(parameter, value))


def clear_all() -> None:
    """Clear all was pressed."""
    for kinds in (*_PEOPLE.values(), _READERS_OF_THE_LOG):
        for parameter in kinds:
            st.session_state[f"find_{parameter}"] = ""
    change(view().cleared())


def go_to_tab(tab: str) -> None:
    """The other tab was chosen from a hint."""
    change(view().on_tab(tab))


def follow(parameter: str, value: str) -> None:
    """A filter was added from a hint."""
    change(view().without("q").having(parameter, value))


# -- the table and the side panel -------------------------------------------------------------------


def open_rows() -> list[str]:
    """The ids of the rows that are opened in place."""
    return list(st.session_state.get(TABLE, {}).get("open") or [])


def rows_changed() -> None:
    """Rows were opened or closed in place; the component holds which."""
    used()


def row_chosen() -> None:
    """A row was chosen: its panel opens."""
    chosen = st.session_state[TABLE].get("row")
    if chosen:
        change(view().opened(str(chosen)))


def close_panel() -> None:
    """The side panel was closed."""
    change(view().opened(""))


def step(log: AuditLog) -> None:
    """Previous or Next in the side panel: the entry beside this one, turning the page with it."""
    by = st.session_state[PANEL].get("step")
    here = log.position(view(), view().event)
    if by not in (-1, 1) or here is None:
        return
    beside = log.event_at(view(), here + by)
    if beside:
        change(replace(view(), event=beside, page=(here + by) // view().rows + 1))


def drawn_page() -> int:
    """The page that the last whole run drew."""
    return int(st.session_state.get(_DRAWN, 0))


def keep_drawn() -> None:
    """Remembers the page that this whole run draws."""
    st.session_state[_DRAWN] = view().page


def is_leaving() -> bool:
    """Whether it was asked who has read the open event."""
    return _READ in st.session_state


def event_to_trace() -> str:
    """The event of which it was asked who has read it, once; else an empty text."""
    return str(st.session_state.pop(_READ, ""))


def pivot() -> None:
    """A value in the side panel was chosen: it becomes a filter, and the panel closes."""
    asked = st.session_state[PANEL].get("pivot") or {}
    parameter, value = str(asked.get("parameter", "")), str(asked.get("value", ""))
    if parameter == READERS:
        used()
        st.session_state[_READ] = view().event
        return
    rule = FILTERS.get(parameter)
    if rule is None or rule.check(value):
        return
    base = view() if view().tab in rule.tabs else view().on_tab(next(iter(rule.tabs)))
    change(base.having(parameter, value, excluded=bool(asked.get("exclude"))).opened(""))
