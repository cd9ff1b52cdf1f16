"""The overview of a view: asked of the log only where something of it changed, and drawn; what is done on it changes the view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo

import streamlit as st

from auditlib.engine.base import Activity
from auditlib.log import AuditLog
from auditlib.view import FILTERS, View
from auditlib.view.buckets import buckets
from pages.ui import activity, session
from pages.ui.activity import FACETS, MOST_SHOWN
from pages.ui.overview import overview

_KEY: Final = "overview"
_FOLDED, _BY, _EXPANDED, _COMPARED, _KEPT = (f"_overview_{name}" for name in ("folded", "by", "expanded", "compared", "kept"))


def show_overview(log: AuditLog, view: View, total: int) -> None:
    """Draws the overview of a view with so many matches; folded, it says only how many."""
    asked = (log.head.digest, replace(view.on_page(1).opened(""), rows=50, order="newest", problems=()), *_state())
    kept = st.session_state.get(_KEPT)
    if kept is None or kept[0] != asked:
        kept = st.session_state[_KEPT] = (asked, _data(log, view, total))
    overview(kept[1], key=_KEY, on_use=_used)


def _state() -> tuple[bool, str, bool, bool, str]:
    """Whether it is folded, what is counted, whether all of it is listed, whether periods are compared, and the zone."""
    state = st.session_state
    return (
        bool(state.get(_FOLDED)),
        str(state.get(_BY, "action")),
        bool(state.get(_EXPANDED)),
        bool(state.get(_COMPARED)),
        session.zone().key,
    )


def _data(log: AuditLog, view: View, total: int) -> dict[str, Any]:
    folded, by, expanded, compared, _ = _state()
    tz = session.zone()
    if folded:
        return {"folded": True, "activity": activity.bars(total, Activity(None, ()), [], None, tz), "facets": None}
    found = log.activity(view, tz)
    facet = FACETS[by]
    counts = log.facet(view, facet.column, limit=MOST_SHOWN + 1)
    shown = activity.bars(total, found, _red(log, view, found), _before(log, view, found, tz) if compared else None, tz)
    return {
        "folded": False,
        "activity": shown | {"buttons": activity.buttons(view, compared=compared)},
        "facets": activity.values(facet, counts, view, log.name_of, expanded=expanded),
    }


def _red(log: AuditLog, view: View, found: Activity) -> list[int]:
    reds = activity.red_only(view)
    return log.spread(reds, found.buckets.edges) if found.buckets and reds else [0] * len(found.counts)


def _before(log: AuditLog, view: View, found: Activity, tz: ZoneInfo) -> list[int] | None:
    """What the bars of the period before would show; None without a range, which has no period before."""
    earlier = view.previous()
    span = earlier.span() if earlier else None
    if not (earlier and span and found.buckets):
        return None
    return log.spread(earlier, buckets(span[0], span[1] - 1, tz, step=found.buckets.step).edges)


def _used() -> None:
    """Something was done on the overview: what is shown of it changes, or the view does."""
    session.used()
    done = st.session_state[_KEY]
    view = session.view()
    if done.get("fold"):
        st.session_state[_FOLDED] = not st.session_state.get(_FOLDED)
    if done.get("expand"):
        st.session_state[_EXPANDED] = not st.session_state.get(_EXPANDED)
    if done.get("compare"):
        st.session_state[_COMPARED] = not st.session_state.get(_COMPARED)
    if done.get("by") in FACETS:
        st.session_state[_BY] = done["by"]
    if done.get("previous") and (earlier := view.previous()):
        session.change(earlier)
    if chosen := done.get("range"):
        session.change(_ranged(view, chosen))
    if chosen := done.get("facet"):
        session.change(_filtered(view, FACETS[_state()[1]].parameter, chosen))


def _ranged(view: View, chosen: Mapping[str, Any]) -> View:
    """The view in the range of some bars."""
    edges = [int(edge) for edge in chosen["edges"]][int(chosen["first"]) : int(chosen["last"]) + 2]
    tz = session.zone()
    return view.between(*activity.chosen_range(edges, tz), tz.key)


def _filtered(view: View, parameter: str, chosen: Mapping[str, Any]) -> View:
    """The view with a value asked for, left out, or neither."""
    value = str(chosen["value"])
    if FILTERS[parameter].check(value):
        return view
    match chosen["do"]:
        case "show":
            return view.having(parameter, value)
        case "hide":
            return view.having(parameter, value, excluded=True)
    return view.without(parameter, value).without(parameter, f"!{value}")
