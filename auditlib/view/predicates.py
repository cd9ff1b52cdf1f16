"""What a view asks of each event: a small algebra that every engine translates once.

Columns are those of the schema. An event without a value in a column meets no `AnyOf`, `Contains`,
`Between`, `InNetwork` or `Touches` on it, and therefore meets the `Not` of each.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The column equals one of the values."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """The folded column contains the folded needle; for `resource_type`, its key or its label does."""

    column: str
    needle: str


@dataclass(frozen=True, slots=True)
class Between:
    """`occurred_at` lies in [start, end), both in microseconds since the epoch, UTC."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class InNetwork:
    """`ip` is an address of one of the networks, the same address, or the same text."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Touches:
    """`changes` names one of the fields, or `related` one of the `kind:id` pairs."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds; without parts, always true."""

    parts: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds; without parts, never true."""

    parts: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Predicate


Predicate = AnyOf | Contains | Between | InNetwork | Touches | And | Or | Not


def all_of(*parts: Predicate) -> Predicate:
    """The conjunction, without needless nesting."""
    return parts[0] if len(parts) == 1 else And(parts)


def any_of(*parts: Predicate) -> Predicate:
    """The disjunction, without needless nesting."""
    return parts[0] if len(parts) == 1 else Or(parts)
