"""Hiding: why an event of the log is not among the matches of a view."""

from __future__ import annotations

from dataclasses import dataclass, replace

from auditlib import vocabulary
from auditlib.engine.base import Engine
from auditlib.view import View


@dataclass(frozen=True, slots=True)
class Hiding:
    """What of a view an event does not meet.

    Attributes:
        event_id: the event.
        filters: the parameters of the filters it does not meet, `from` for the range of days.
        tab: the key of the tab it is on, where that is not the view's; else an empty text.
        has_time: whether its time is known; without one it is in no range.
        relaxed: the nearest view that shows it: on its tab, without those filters, on the page it is on.
    """

    event_id: str
    filters: tuple[str, ...]
    tab: str
    has_time: bool
    relaxed: View

    @property
    def is_hidden(self) -> bool:
        """Whether the view does not show it on any page."""
        return bool(self.filters or self.tab)


def hiding(engine: Engine, view: View, event_id: str) -> Hiding | None:
    """Why an event is not among a view's matches; None where there is no such event."""
    on_tabs = [tab for tab in (view.tab, *vocabulary.TABS) if engine.position(View(tab=tab), event_id) is not None]
    if not on_tabs:
        return None
    tab = on_tabs[0]
    here = view.on_tab(tab) if tab != view.tab else view
    asked = list(dict.fromkeys(clause.parameter for clause in here.clauses))
    filters = [parameter for parameter in asked if engine.position(_alone(here, parameter), event_id) is None]
    if here.span() and engine.position(replace(here, clauses=()), event_id) is None:
        filters.append("from")
    relaxed = here
    for parameter in filters:
        relaxed = relaxed.without(parameter)
    place = engine.position(relaxed, event_id)
    assert place is not None
    event = engine.event(event_id)
    return Hiding(
        event_id,
        tuple(filters),
        "" if tab == view.tab else tab,
        event is not None and event.occurred_at is not None,
        relaxed.on_page(place // relaxed.rows + 1),
    )


def _alone(view: View, parameter: str) -> View:
    """The view with one of its filters alone."""
    clauses = tuple(clause for clause in view.clauses if clause.parameter == parameter)
    return replace(view, clauses=clauses, start=None, end=None)
