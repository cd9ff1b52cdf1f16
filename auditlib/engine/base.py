"""The seam between a question and whoever answers it: what an engine must offer, and its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, Protocol

import pyarrow as pa

from auditlib import vocabulary
from auditlib.errors import NotFoundError
from auditlib.event import AuditEvent
from auditlib.store import Chain
from auditlib.text import html_table
from auditlib.view import View
from auditlib.view.buckets import Buckets

PersonKind = Literal["interviewer", "candidate", "member", "actor"]


@dataclass(frozen=True, slots=True)
class Head:
    """What an engine answers from: the newest accepted manifest and what of the chain is served.

    Attributes:
        log_id, seq, digest: of the newest accepted manifest; digest is hexadecimal SHA-256 of its bytes.
        snapshots: how many snapshots are served.
        quarantined: a sentence for each snapshot that is not, by sequence number.
        problem: why newer manifests are refused, or an empty text.
        events, duplicates: events served, and identical repeats that are shown once.
        created_at: when the newest served snapshot was published, UTC.
        first_at, last_at: earliest and latest known time, UTC; a source's clock may have been wrong.
        verified_at: when every file was last read and hashed in full, UTC.
        retired: a sentence for each snapshot files of which were removed by policy or after an erasure, by sequence number.
        chain: the accepted manifests, their signatures and pins.
    """

    log_id: str
    seq: int
    digest: str
    snapshots: int
    quarantined: Mapping[int, str]
    problem: str
    events: int
    duplicates: int
    created_at: datetime | None
    first_at: datetime | None
    last_at: datetime | None
    verified_at: datetime
    retired: Mapping[int, str]
    chain: Chain

    @property
    def complete(self) -> bool:
        """Whether everything that was published, and not removed by policy since, is served."""
        return not self.quarantined and not self.problem

    @property
    def signed(self) -> bool:
        """Whether every accepted manifest has a good signature by a configured key."""
        return self.chain.signed

    @property
    def notices(self) -> tuple[str, ...]:
        """What a reader should know of the record although it is no damage."""
        return self.chain.notices

    def _repr_html_(self) -> str:
        told = [
            ("head", f"{self.seq}, {self.digest}"),
            ("events", f"{self.events:,} in {self.snapshots:,} snapshots"),
            ("verified", self.verified_at),
            *((f"snapshot {seq} is quarantined", why) for seq, why in self.quarantined.items()),
            *([("newer snapshots are refused", self.problem)] if self.problem else []),
        ]
        return html_table(("", ""), told)


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of a view.

    `view` is the view that was answered: its page is the last one where the asked page lay beyond.
    `first` and `last` count from 1 and are 0 where nothing matches; `incomplete` says that snapshots
    are quarantined; `without_time` counts matches left out only because a range of days is asked and
    they have no time.
    """

    view: View
    events: tuple[AuditEvent, ...]
    total: int
    first: int
    last: int
    incomplete: bool
    without_time: int = 0

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self.total // self.view.rows))

    def _repr_html_(self) -> str:
        rows = (
            (
                event.occurred_at,
                event.actor_name or event.actor_id,
                vocabulary.action(event.action).label,
                vocabulary.resource_label(event.resource_type),
                event.resource_id,
                event.summary,
            )
            for event in self.events
        )
        said = f"{self.first:,}–{self.last:,} of {self.total:,}{' (incomplete)' if self.incomplete else ''}. {self.view.describe()}"
        return html_table(("when (UTC)", "actor", "action", "resource", "id", "details"), rows, said)


@dataclass(frozen=True, slots=True)
class Person:
    """Someone the log speaks of: id, newest recorded name and e-mail, and in how many events.

    `events` counts one part: the one that was asked for, else the part in which there are most.
    """

    id: str
    name: str
    email: str
    events: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many events of a view have one value; `start` is the bucket's first instant in a histogram, UTC."""

    value: str | None
    events: int
    start: datetime | None = None


class Counts(list[Count]):
    """Counts that draw themselves as a table in a notebook."""

    def _repr_html_(self) -> str:
        timed = any(count.start for count in self)
        rows = ((count.start if timed else count.value, f"{count.events:,}") for count in self)
        return html_table(("from (UTC)" if timed else "value", "events"), rows)


@dataclass(frozen=True, slots=True)
class Activity:
    """How many matches lie in each of consecutive buckets of time; no buckets where no match has a known time."""

    buckets: Buckets | None
    counts: tuple[int, ...]


class Engine(Protocol):
    """Answers views over one head; may be asked from several threads at once.

    Every method raises EngineBusyError when too many questions are under way.
    """

    head: Head
    actions: frozenset[str]
    answered_by: str
    """Who answers over a network, as people read it; empty for what runs in this process."""

    def page(self, view: View) -> EventPage:
        """The events of the view's page, without metadata, and the exact total."""

    def total(self, view: View) -> int:
        """How many events match, whatever the page."""

    def batches(self, view: View, *, whole: bool = True) -> Iterator[pa.RecordBatch]:
        """Every match in the view's order, or only those of its page, in all columns of the schema."""

    def event(self, event_id: str) -> AuditEvent | None:
        """One event without its metadata, or None."""

    def metadata(self, event_ids: Sequence[str]) -> dict[str, str]:
        """The metadata of events, checked against the digest taken when they were loaded."""

    def position(self, view: View, event_id: str) -> int | None:
        """The place of an event among the view's matches, from 0; None where it is not among them."""

    def event_at(self, view: View, position: int) -> str | None:
        """The id of the event at a place among the view's matches, from 0; None past either end."""

    def facet(self, view: View, column: str, *, limit: int) -> list[Count]:
        """The most frequent values of a column among the matches, ignoring the filters on that column."""

    def histogram(self, view: View, *, bucket_minutes: int) -> list[Count]:
        """Matches per bucket of so many minutes, buckets counted from the epoch, in UTC."""

    def span(self, view: View, *, skipping: int = 0) -> tuple[int, int] | None:
        """The earliest and the latest known time among the matches, in microseconds UTC; None where there is none.

        `skipping` leaves out so many of the earliest and of the latest.
        """

    def spread(self, view: View, edges: Sequence[int]) -> list[int]:
        """How many matches lie from each of ascending instants to before the next, in microseconds UTC."""

    def suggest(self, kind: PersonKind, text: str, *, limit: int) -> list[Person]:
        """People of a kind whose name, e-mail or id contains the text; best matches first."""

    def person(self, person_id: str) -> Person | None:
        """The person of an id, as recorded last."""

    def forget(self) -> None:
        """Drops the results that are kept; the next question is answered from the files."""

    def close(self) -> None:
        """Gives up files and memory; the engine answers nothing afterwards."""


FACETS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "action": ("action",),
        "actor_id": ("actor", "member"),
        "actor_name": ("actor", "member"),
        "actor_role": (),
        "resource_type": ("type",),
        "outcome": ("outcome",),
        "source": (),
        "ip": ("ip",),
    }
)
"""The columns that have a facet, each with the filters on it, which its counts ignore."""


def facet_filters(column: str) -> tuple[str, ...]:
    """The filters that the facet of a column ignores; raises NotFoundError for a column without a facet."""
    if column not in FACETS:
        raise NotFoundError(f"No facet on {column!r}: expected one of {', '.join(FACETS)}", column=column)
    return FACETS[column]


def page_bounds(view: View, total: int) -> tuple[int, int]:
    """The matches of the view's page, or of the last one where it lies beyond: from the first to before the last."""
    page = min(view.page, max(1, -(-total // view.rows)))
    return (page - 1) * view.rows, min(page * view.rows, total)


def mirrored(index: int, known: int, total: int) -> int:
    """The same match counted from the other end: known times turn around, unknown ones stay behind them."""
    return known - 1 - index if index < known else total - 1 - (index - known)
