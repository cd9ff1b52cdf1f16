"""The filters of the Audit Logs page, one row each: a new filter of a known kind is one more row.

A row says how the filter stands in a link, on which tabs, how its value is checked, how it reads on
a chip and in a sentence, and which predicate it means. Its example feeds the tests and the docs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from auditlib import vocabulary
from auditlib.schema import ACTION_KEY, TYPE_KEY
from auditlib.text import fold, short_id
from auditlib.view.predicates import AnyOf, Contains, InNetwork, Or, Predicate, Touches, all_of, any_of

BOTH: Final = frozenset(vocabulary.TABS)
LONGEST_SEARCH: Final = 200
LONGEST_VALUE: Final = 512

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SEARCHED: Final = ("actor_name", "resource_type", "resource_id")


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter.

    Attributes:
        parameter: its name in a link.
        label: its name on a chip.
        tabs: the tabs that have it.
        example: a value that `check` accepts.
        check: says what was expected where a value cannot be honoured, or an empty text.
        predicate: what several values of it ask, any of them sufficing.
        show: a value as people read it.
        person: the values are ids of people, whose names an opened log can tell.
        excludes: the filter that cannot be set beside it.
        single: it takes one value only and no `!`.
    """

    parameter: str
    label: str
    tabs: frozenset[str]
    example: str
    check: Callable[[str], str]
    predicate: Callable[[tuple[str, ...]], Predicate]
    show: Callable[[str], str] = str
    person: bool = False
    excludes: str = ""
    single: bool = False


def _plain(value: str) -> str:
    if not value.strip():
        return "expected a value, found none"
    if len(value) > LONGEST_VALUE:
        return f"expected at most {LONGEST_VALUE} characters, found {len(value)}"
    return "expected text without control characters" if _CONTROL.search(value) else ""


def _search(value: str) -> str:
    if len(value) > LONGEST_SEARCH:
        return f"expected at most {LONGEST_SEARCH} characters, found {len(value)}"
    return _plain(value)


def _matching(pattern: str, expected: str) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda value: _plain(value) or ("" if compiled.fullmatch(value) else f"expected {expected}")


def _outcome(value: str) -> str:
    return "" if value in vocabulary.OUTCOMES else f"expected one of {', '.join(vocabulary.OUTCOMES)}"


def _column(name: str) -> Callable[[tuple[str, ...]], Predicate]:
    return lambda values: AnyOf(name, values)


def _found(values: tuple[str, ...]) -> Predicate:
    return Or(tuple(Contains(column, fold(value)) for value in values for column in _SEARCHED))


def _resources(values: tuple[str, ...]) -> Predicate:
    pairs = (value.split(":", 1) for value in values)
    return any_of(*(all_of(AnyOf("resource_type", (kind,)), AnyOf("resource_id", (name,))) for kind, name in pairs))


def _pair(label: Callable[[str], str]) -> Callable[[str], str]:
    def show(value: str) -> str:
        kind, name = value.split(":", 1)
        return f"{label(kind)} {short_id(name)}"

    return show


_ONLY_INTERVIEWS: Final = frozenset({vocabulary.INTERVIEWS})
_ONLY_TEAM: Final = frozenset({vocabulary.TEAM})
_IS_PAIR: Final = _matching(rf"{TYPE_KEY}:.+", "kind:id, such as interview_booking:BK1")

FILTERS: Final[Mapping[str, Filter]] = MappingProxyType(
    {
        row.parameter: row
        for row in (
            Filter("q", "Search", BOTH, "anna", _search, _found, lambda value: f"“{value}”", single=True),
            Filter(
                "action",
                "Action",
                BOTH,
                "updated",
                _matching(ACTION_KEY, "an action key such as updated"),
                _column("action"),
                lambda value: vocabulary.action(value).label,
            ),
            Filter(
                "interviewer",
                "Interviewer",
                _ONLY_INTERVIEWS,
                "U1042",
                _plain,
                _column("interviewer_id"),
                person=True,
                excludes="candidate",
            ),
            Filter(
                "candidate",
                "Candidate",
                _ONLY_INTERVIEWS,
                "C2001",
                _plain,
                _column("candidate_id"),
                person=True,
                excludes="interviewer",
            ),
            Filter("member", "Team member", _ONLY_TEAM, "U1007", _plain, _column("actor_id"), person=True),
            Filter("actor", "Actor", BOTH, "U1007", _plain, _column("actor_id"), person=True),
            Filter(
                "type",
                "Resource type",
                BOTH,
                "recording",
                _matching(TYPE_KEY, "a resource type such as recording"),
                _column("resource_type"),
                vocabulary.resource_label,
            ),
            Filter("resource", "Resource", BOTH, "interview_booking:BK1", _IS_PAIR, _resources, _pair(vocabulary.resource_label)),
            Filter(
                "related",
                "Related",
                BOTH,
                "booking:BK1",
                _IS_PAIR,
                lambda values: Touches("related", values),
                _pair(vocabulary.related_label),
            ),
            Filter("outcome", "Outcome", BOTH, "failure", _outcome, _column("outcome"), lambda value: vocabulary.OUTCOMES[value]),
            Filter("ip", "IP address", BOTH, "203.0.113.0/24", _plain, InNetwork),
            Filter("changed", "Changed field", BOTH, "status", _plain, lambda values: Touches("changes", values)),
        )
    }
)
