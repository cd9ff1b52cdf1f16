"""What is not on the page: which filters leave nothing, and why an event that is looked for by its id is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditlib import vocabulary
from auditlib.engine.base import Person
from auditlib.errors import NotFoundError
from auditlib.log import AuditLog
from auditlib.view import Chip, View
from pages.ui import notices


def nothing(log: AuditLog, view: View) -> None:
    """Says what would be found without each filter, and where else the events may be."""
    relaxations = [notices.Relaxation(chip, log.total(view.without(chip.parameter, chip.value))) for chip in view.chips(log.name_of)]
    relaxations.sort(key=lambda each: -each.found)
    other = next(tab for tab in vocabulary.TABS.values() if tab.key != view.tab)
    notices.nothing(
        relaxations,
        events=log.head.events,
        strangers=[clause.value for clause in view.clauses if clause.filter.person and log.person(clause.value) is None],
        elsewhere=(other.key, other.label, log.total(view.on_tab(other.key))),
        candidate=_searched_candidate(log, view),
        head=log.head,
        outside=view.span() is not None and not any(log.total(replace(view, clauses=(), tab=tab)) for tab in vocabulary.TABS),
    )


def searched_event(log: AuditLog, view: View, chips: Sequence[Chip]) -> None:
    """Where the search text is the id of an event, says why that is hidden, as the search does not read event ids."""
    searched = next(iter(view.values("q")), "")
    if not searched or view.event == searched:
        return
    try:
        found = log.hiding(view, searched)
    except NotFoundError:
        return
    notices.hidden(found, chips, searched=True)


def _searched_candidate(log: AuditLog, view: View) -> Person | None:
    """Someone the search text names as a candidate, where no actor is meant."""
    searched = view.values("q")
    if not searched or view.tab != vocabulary.INTERVIEWS or view.values("candidate") or log.suggest("actor", searched[0], limit=1):
        return None
    return next(iter(log.suggest("candidate", searched[0], limit=1)), None)
