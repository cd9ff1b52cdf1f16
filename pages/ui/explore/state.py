"""What a session remembers of the Explore page: its link, the query under way, the chosen entry. The one owner of both there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo

import streamlit as st

from auditlib import times, vocabulary
from auditlib.sandbox.starting import starting_sql
from auditlib.view import FILTERS, View
from pages.ui import session
from pages.ui.explore.link import SQL, Exploration
from pages.ui.explore.parameters import parameters
from pages.ui.explore.questions import BY

PANEL: Final = "explore_entry"
EDITOR: Final = "sql"
ROW_LIMIT: Final = "explore_limit"
ROW_LIMITS: Final = (1_000, 10_000, 100_000)
_ASKED, _WRITTEN, _USED, _RUN, _GO = (f"_explore_{name}" for name in ("asked", "written", "used", "run", "go"))
_ASKING: Final = "_explore_asking"
_ANSWER, _CLOSED = "_explore_answer", "_explore_closed"

Link = dict[str, list[str]]


def asked() -> Exploration:
    """What this session's page is asked; `read_link` must have run."""
    current: Exploration = st.session_state[_ASKED]
    return current


def zone() -> ZoneInfo:
    """The zone of the view, else the viewer's own, else UTC."""
    return times.zone(asked().view.tz or session.own_zone() or "UTC") or ZoneInfo("UTC")


def read_link(actions: Iterable[str]) -> None:
    """Takes over the link where it is not the one last written; a run that a widget started does not read it.

    A query that comes with a link is run: it can only read, within the limits, for someone who may.
    """
    link: Link = {name: st.query_params.get_all(name) for name in st.query_params}
    by_widget = st.session_state.pop(_USED, False)
    if _ASKED not in st.session_state or (link != st.session_state.get(_WRITTEN) and not by_widget):
        pairs = [(name, value) for name, values in link.items() for value in values]
        change(Exploration.from_pairs(pairs, tz=session.own_zone(), actions=actions), run=True)
        st.session_state[_WRITTEN] = link
        st.session_state.pop(_USED, None)
    for key, value in _seeds(asked()).items():
        if key not in st.session_state:
            st.session_state[key] = value


def write_link() -> None:
    """Writes what is asked into the link where it differs."""
    wanted: Link = {}
    for name, value in asked().to_pairs():
        wanted.setdefault(name, []).append(value)
    if wanted != {name: st.query_params.get_all(name) for name in st.query_params}:
        st.query_params.from_dict(wanted)
    st.session_state[_WRITTEN] = wanted
    st.session_state.pop(_USED, None)


def used() -> None:
    """A widget was used: the run that follows does not read the link."""
    st.session_state[_USED] = True


def change(new: Exploration, *, run: bool = False) -> None:
    """Takes over what was asked for on the page, and sets every widget to it; `run` has the query at the desk answered.

    An empty desk gets the view's own query. A query that lacks values for its parameters is not run: there are fields for
    them then.
    """
    used()
    st.session_state[_RUN] = run and new.show == SQL and bool(new.sql.strip()) and not new.missing
    if new.show == SQL and not new.sql.strip():
        new = replace(new.asking(starting_sql(new.view)), problems=new.problems)
    st.session_state[_ASKED] = new
    for key, value in _seeds(new).items():
        st.session_state[key] = value


def _seeds(of: Exploration) -> dict[str, Any]:
    """What each widget shows."""
    given = {"zone": of.view.tz or session.own_zone() or "UTC", **dict(of.parameters)}
    fields = {parameter_key(name): given.get(name, "") for name in parameters(of.sql)}
    return {"explore_show": of.show, "explore_tab": of.view.tab, EDITOR: of.sql, **fields}


def parameter_key(name: str) -> str:
    """The key of the field of a parameter."""
    return f"p_{name}"


# -- the query under way ----------------------------------------------------------------------------


def asking() -> Any:
    """The query that this session asked last, or None."""
    return st.session_state.get(_ASKING)


def keep_asking(new: object) -> None:
    """Remembers a query that was started, or None to ask again; the answer of the one before is forgotten."""
    st.session_state[_ASKING] = new
    st.session_state[_ANSWER] = _number(_ANSWER) + 1


def take_run() -> bool:
    """Whether the query at the desk is to be run now; asked once."""
    return bool(st.session_state.pop(_RUN, False))


def row_limit() -> int:
    """How many rows are asked for at the desk, at most."""
    return int(st.session_state.get(ROW_LIMIT, ROW_LIMITS[1]))


def cancel() -> None:
    """Cancel was pressed."""
    used()
    current = asking()
    if current:
        current.stopped.set()


def ask_again() -> None:
    """The same is to be asked once more."""
    used()
    keep_asking(None)
    st.session_state[_RUN] = asked().show == SQL


def answer_key(name: str) -> str:
    """The key of something that is chosen on the answer shown now."""
    return f"explore_{name}_{_number(_ANSWER)}"


def table_key() -> str:
    """The key of the table of results; another one after an entry was closed, so that no row stays chosen."""
    return f"{answer_key('rows')}_{_number(_CLOSED)}"


def _number(key: str) -> int:
    return int(st.session_state.get(key, 0))


# -- what widgets do --------------------------------------------------------------------------------


def choose_show() -> None:
    """Another question was chosen, or the desk."""
    change(replace(asked(), show=st.session_state["explore_show"], by="", per="", problems=()))


def choose_tab() -> None:
    """The other tab's events were chosen."""
    change(replace(asked(), view=asked().view.on_tab(st.session_state["explore_tab"]), problems=()))


def choose_by() -> None:
    """What is counted was chosen."""
    by = st.session_state["explore_by"]
    change(replace(asked(), by=by if by in BY else "", problems=()))


def choose_per() -> None:
    """The step of time was chosen."""
    change(replace(asked(), per=st.session_state["explore_per"] or "", problems=()))


def choose_range(first: str, last: str) -> None:
    """A range of days was chosen."""
    change(replace(asked(), view=asked().view.between(first, last, zone().key), problems=()))


def open_desk(sql: str, given: Iterable[tuple[str, str]] = (), *, run: bool = False) -> None:
    """A query was brought to the desk, with values for its parameters."""
    change(asked().asking(sql, given), run=run)


def run_desk() -> None:
    """Run was pressed; parameters that are new in the text have no field yet."""
    text = str(st.session_state[EDITOR] or "")
    keys = {name: parameter_key(name) for name in parameters(text)}
    given = tuple((name, str(st.session_state[key] or "")) for name, key in keys.items() if key in st.session_state)
    change(asked().asking(text, given), run=True)


# -- the side panel ---------------------------------------------------------------------------------


def open_entry(event_id: str) -> None:
    """A row with an event id was chosen."""
    used()
    st.session_state[_ASKED] = replace(asked(), view=asked().view.opened(event_id))


def close_entry() -> None:
    """The side panel was closed."""
    open_entry("")
    st.session_state[_CLOSED] = _number(_CLOSED) + 1


def pivot() -> None:
    """A value in the side panel was chosen: the Audit Logs page opens with it as a filter."""
    chosen = st.session_state[PANEL].get("pivot") or {}
    parameter, value = str(chosen.get("parameter", "")), str(chosen.get("value", ""))
    rule = FILTERS.get(parameter)
    if rule and not rule.check(value):
        tab = vocabulary.TEAM if vocabulary.TEAM in rule.tabs else vocabulary.INTERVIEWS
        st.session_state[_GO] = View(tab=tab).having(parameter, value, excluded=bool(chosen.get("exclude"))).to_pairs()


def is_leaving() -> bool:
    """Whether a value was chosen that leads to the Audit Logs page."""
    return _GO in st.session_state


def where_to() -> list[tuple[str, str]] | None:
    """The link of the Audit Logs page that was asked for, once; else None."""
    found: list[tuple[str, str]] | None = st.session_state.pop(_GO, None)
    return found
