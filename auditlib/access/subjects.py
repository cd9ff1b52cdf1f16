"""Subjects: what an entry of the ledger is about, as ids by kind, so that one filter finds who read it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl

from auditlib.event import AuditEvent
from auditlib.view import View

EVENT: Final = "event"
"""The kind of an event's own id."""

_KINDS: Final[Mapping[str, str]] = MappingProxyType({"interview_booking": "booking", "video_session": "session"})
_PEOPLE: Final[Mapping[str, str]] = MappingProxyType(
    {"interviewer": "interviewer", "candidate": "candidate", "member": "actor", "actor": "actor"}
)


def of_event(event: AuditEvent) -> dict[str, str]:
    """What someone reads about who opens an event: its resource, its people, and what else it names as related."""
    found = {} if event.resource_id is None else {kind_of(event.resource_type): event.resource_id}
    people = {"interviewer": event.interviewer_id, "candidate": event.candidate_id, "actor": event.actor_id}
    return {**{kind: person for kind, person in people.items() if person}, **event.related_ids(), **found}


def of_link(link: str) -> dict[str, str]:
    """What someone reads about who follows a link: what its filters ask for, the first of each kind. Never raises."""
    view = View.from_pairs(parse_qsl(link.partition("?")[2], keep_blank_values=True))
    found: dict[str, str] = {}
    for clause in view.clauses:
        if clause.excluded:
            continue
        kind, value = _PEOPLE.get(clause.parameter, ""), clause.value
        if clause.parameter in ("resource", "related"):
            kind, _, value = value.partition(":")
            kind = kind_of(kind)
        if kind:
            found.setdefault(kind, value)
    return found


def kind_of(resource_type: str) -> str:
    """The kind by which `related` names resources of a type."""
    return _KINDS.get(resource_type, resource_type)
