"""The log as a person reads it: one store, one head, bound to the person who asks.

Every method asks whether that person may read, so that no page, route or script can forget to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Final, get_args
from zoneinfo import ZoneInfo

import pyarrow as pa

from auditlib import engine, settings
from auditlib.access.principal import AT_THE_MACHINE, Principal, Who, require_reader
from auditlib.engine.base import Activity, Count, Counts, Engine, EventPage, Head, Person, PersonKind
from auditlib.engine.comparison import Comparison, compare
from auditlib.engine.hiding import Hiding, hiding
from auditlib.engine.serving import Progress, newest_seq, unreachable
from auditlib.errors import EngineError, LakeError, NotFoundError, QueryRefusedError
from auditlib.event import AuditEvent
from auditlib.location import Location, locate
from auditlib.sandbox.database import forget_others
from auditlib.sandbox.desk import Desk
from auditlib.sandbox.question import MAX_ROWS, TIMEOUT, SqlResult
from auditlib.schema import SCHEMA
from auditlib.text import one_line
from auditlib.view import View
from auditlib.view.buckets import MOST, buckets

FAR: Final = 5
"""How many times the time of most matches the time of all must be for some to count as far away."""

ENGINES: Final = tuple(sorted(module.name for module in iter_modules(engine.__path__) if module.ispkg and module.name != "lake"))
"""The engines that answer from a store: each is a package with `opening.open_engine`."""


class AuditLog:
    """A read-only log; get one from `open_log`.

    Every method raises AccessDeniedError where the person may not read the log, and EngineBusyError
    where too many questions are under way.
    """

    def __init__(self, engine: Engine, who: Principal | Who | None, store: Location, desk: Desk | None = None) -> None:
        self._engine = engine
        self._who: Who = who if callable(who) else lambda: who
        self._store = store
        self._desk = desk or Desk(store, engine.head)

    def bound_to(self, who: Principal | Who | None) -> AuditLog:
        """The same log for another person, or for whoever a function gives at each call."""
        return AuditLog(self._engine, who, self._store, self._desk)

    @property
    def principal(self) -> Principal | None:
        """The person who asks, as they are now; None for nobody."""
        return self._who()

    @property
    def store(self) -> Location:
        """The folder of the store, or its place in an object store."""
        self._asked()
        return self._store

    @property
    def head(self) -> Head:
        """The newest accepted manifest, what of the chain is served, and what is not."""
        return self._asked().head

    @property
    def actions(self) -> frozenset[str]:
        """The action keys that occur in the log."""
        return self._asked().actions

    @property
    def answered_by(self) -> str:
        """Who answers over a network, as people read it; empty where this process answers from the store itself."""
        return self._asked().answered_by

    def has_newer(self) -> bool:
        """Whether the store holds a manifest that this log has not read; cheap. A lake table says so when it is asked."""
        head = self._asked().head
        return not self._engine.answered_by and not head.problem and newest_seq(self._store) > head.seq

    @property
    def unreachable(self) -> str:
        """Why an object store cannot be reached now, in which case this log goes on answering; else an empty text. Cheap."""
        self._asked()
        return unreachable(self._store)

    def view(self, link: str, *, tz: str | None = None) -> View:
        """The view of a link, with the actions of this log honoured; see `View.from_link`."""
        return View.from_link(link, tz=tz, actions=self.actions)

    def page(self, view: View, *, metadata: bool = True) -> EventPage:
        """The events of the view's page and the exact total; past the end, the last page.

        Without `metadata` the events hold what a list shows, their metadata is None, and no snapshot file is read.
        """
        engine = self._asked()
        page = engine.page(view.resolved(engine.actions))
        if not metadata or not page.events:
            return page
        records = [record for batch in engine.batches(page.view, whole=False) for record in batch.to_pylist()]
        return replace(page, events=tuple(replace(event, **record) for event, record in zip(page.events, records, strict=True)))

    def total(self, view: View) -> int:
        """How many events match the view, whatever its page."""
        engine = self._asked()
        return engine.total(view.resolved(engine.actions))

    def compare(self, view: View) -> Comparison | None:
        """What the head and total that a copied link carries (`at`, `n`) say beside those of today; None without them."""
        head = self._asked().head
        return compare(view, head, self.total(view)) if view.at or view.n is not None else None

    def batches(self, view: View, *, whole: bool = True) -> Iterator[pa.RecordBatch]:
        """Every match in the view's order, or only those of its page, a few thousand events at a time, in all columns."""
        engine = self._asked()
        return engine.batches(view.resolved(engine.actions), whole=whole)

    def events(self, view: View) -> pa.Table:
        """Every match in the view's order as an Arrow table of the schema; `.to_pandas()` gives a frame."""
        return pa.Table.from_batches(self.batches(view), schema=SCHEMA)

    def event(self, event_id: str, *, metadata: bool = True) -> AuditEvent:
        """One event, with its metadata unless that is not asked for.

        Raises NotFoundError where there is none by that id, DamagedFileError where its metadata has changed
        since it was verified.
        """
        engine = self._asked()
        event = engine.event(event_id)
        if event is None:
            raise _not_found(engine.head, event_id)
        return replace(event, metadata=engine.metadata([event_id])[event_id]) if metadata else event

    def metadata(self, event_ids: list[str]) -> dict[str, str]:
        """The recorded metadata of events by id; raises DamagedFileError where the bytes have changed since."""
        return self._asked().metadata(event_ids)

    def position(self, view: View, event_id: str) -> int | None:
        """The place of an event among the view's matches, from 0; None where it is not among them."""
        engine = self._asked()
        return engine.position(view.resolved(engine.actions), event_id)

    def hiding(self, view: View, event_id: str) -> Hiding:
        """Why an event is not among the view's matches: filters it does not meet, or that it is on the other tab.

        Raises NotFoundError where there is no such event in what is served.
        """
        engine = self._asked()
        found = hiding(engine, view.resolved(engine.actions), event_id)
        if found is None:
            raise _not_found(engine.head, event_id)
        return found

    def event_at(self, view: View, position: int) -> str | None:
        """The id of the event at a place among the view's matches, from 0; None past either end."""
        engine = self._asked()
        return engine.event_at(view.resolved(engine.actions), position)

    def facet(self, view: View, column: str, *, limit: int = 50) -> list[Count]:
        """The most frequent values of a column among the matches, ignoring the filters on that column.

        Raises NotFoundError for a column without a facet.
        """
        engine = self._asked()
        return Counts(engine.facet(view.resolved(engine.actions), column, limit=limit))

    def histogram(self, view: View, *, bucket_minutes: int = 60) -> list[Count]:
        """Matches with a known time per bucket of so many minutes, counted from the epoch, UTC; empty buckets are left out.

        Raises EngineError for less than one minute.
        """
        engine = self._asked()
        if bucket_minutes < 1:
            raise EngineError(f"A bucket cannot span {bucket_minutes} minutes: expected at least 1", bucket_minutes=bucket_minutes)
        return Counts(engine.histogram(view.resolved(engine.actions), bucket_minutes=bucket_minutes))

    def activity(self, view: View, tz: ZoneInfo, *, most: int = MOST) -> Activity:
        """Matches over the view's range of time, in no more than so many buckets that begin at round times of a zone's clock.

        Without a closed range it is the time from the first match to the last, but for a few that a wrong clock has put so far
        away that nothing could be told of the others. These, and matches without a time, are in no bucket.
        """
        engine = self._asked()
        view = view.resolved(engine.actions)
        asked = view.span()
        span = (asked[0], asked[1] - 1) if asked else _near(engine, view)
        if span is None:
            return Activity(None, ())
        cut = buckets(*span, tz, most)
        return Activity(cut, tuple(engine.spread(view, cut.edges)))

    def spread(self, view: View, edges: Sequence[int]) -> list[int]:
        """How many matches lie from each of ascending instants to before the next, in microseconds UTC."""
        engine = self._asked()
        return engine.spread(view.resolved(engine.actions), edges)

    def suggest(self, kind: PersonKind, text: str, *, limit: int = 8) -> list[Person]:
        """People whose name, e-mail or id contains the text, ignoring case; best matches first.

        `kind` is `interviewer`, `candidate`, `member` (of the team) or `actor` (anyone who acted); raises NotFoundError for another.
        """
        if kind not in get_args(PersonKind):
            raise NotFoundError(f"No people of kind {one_line(kind, 40)!r}: expected one of {', '.join(get_args(PersonKind))}", kind=kind)
        return self._asked().suggest(kind, text, limit=limit)

    def person(self, person_id: str) -> Person | None:
        """The person of an id, as recorded last; None where the log knows nobody by it."""
        return self._asked().person(person_id)

    def name_of(self, person_id: str) -> str | None:
        """The newest recorded name of a person id, or None."""
        found = self.person(person_id)
        return found.name or None if found else None

    def sql(
        self,
        text: str,
        *,
        parameters: Mapping[str, object] | None = None,
        timeout: float = TIMEOUT,
        max_rows: int = MAX_ROWS,
        masked: bool = False,
        owner: str = "",
        stopped: Callable[[], bool] | None = None,
    ) -> SqlResult:
        """The answer to one SELECT over the table `events`, which has the columns of the schema, given by a locked child process.

        `parameters` are the values of `$name` in the text; `timeout` is in seconds. `masked` shows values under secret-looking
        keys as dots. A query replaces an older one of the same `owner`, and ends where `stopped` says so. The first one prepares
        the events, which takes a while, see `prepare_sql`. Raises QueryError and the kinds below it, and EngineBusyError.
        """
        person = require_reader(self.principal).id
        return self._at_hand().ask(
            text, parameters=parameters, timeout=timeout, max_rows=max_rows, masked=masked, person=person, owner=owner, stopped=stopped
        )

    def prepare_sql(self, progress: Progress | None = None, *, masked: bool = False) -> None:
        """Prepares the events for `sql`, and a process that will answer; raises CacheError where that fails."""
        self._asked()
        self._at_hand().prepare(progress, masked=masked)

    def stop_sql(self, owner: str) -> bool:
        """Stops the query of an owner; returns whether there was one."""
        self._asked()
        return self._desk.stop(owner)

    def close(self) -> None:
        """Gives up files and memory, for everyone who shares this log."""
        self._asked().close()
        self._desk.close()

    def _at_hand(self) -> Desk:
        if self._engine.answered_by:
            raise QueryRefusedError(
                f"SQL is answered from a store that this machine reads itself, not by {self._engine.answered_by}: ask it in its own SQL, "
                "or set AUDIT_ENGINE=embedded",
                reason="lake",
            )
        return self._desk

    def _asked(self) -> Engine:
        require_reader(self.principal)
        return self._engine


def _near(engine: Engine, view: View) -> tuple[int, int] | None:
    """The time of all matches, or of all but one in a thousand at each end where that is a small part of it."""
    whole = engine.span(view)
    most = engine.span(view, skipping=1 + engine.total(view) // 1_000)
    return most if whole and most and (whole[1] - whole[0]) > FAR * max(1, most[1] - most[0]) and most[1] > most[0] else whole


def _not_found(head: Head, event_id: str) -> NotFoundError:
    missing = len(head.quarantined)
    snapshots = "one snapshot is" if missing == 1 else f"{missing} snapshots are"
    perhaps = f"; {snapshots} quarantined and may hold it" if missing else ""
    return NotFoundError(f"No event {one_line(event_id, 140)!r} in this log{perhaps}", event_id=event_id)


def open_log(
    store: str | Location | None = None,
    *,
    principal: Principal | None = AT_THE_MACHINE,
    progress: Progress | None = None,
    engine: str = "",
) -> AuditLog:
    """A store's log: verified, loaded, read-only.

    Without `store` or `engine`, those of the settings. `progress` is called with a stage and how much of how much
    is done; what it raises ends the opening. Raises NotAStoreError where there is no store, UnreachableError where an object
    store does not answer and nothing was fetched of it before, ChainError where not even its first manifest
    can be accepted, CacheError where the events cannot be prepared for reading.
    """
    place = locate(store) if store is not None else settings.store()
    opened = _opener(engine or settings.engine())(place, progress)
    if not opened.answered_by:
        forget_others(place, opened.head)
    return AuditLog(opened, principal, place)


def _opener(name: str) -> Callable[[Location, Progress | None], Engine]:
    """How the engine of a name opens a store, or a lake table is asked through a URL; only what is chosen is imported."""
    if "://" in name:
        return lambda place, progress: _lake(name, progress)
    if name not in ENGINES:
        raise NotFoundError(f"No engine AUDIT_ENGINE={one_line(name, 40)}: expected one of {', '.join(ENGINES)}", engine=name)
    opened: Callable[[Location, Progress | None], Engine] = import_module(f"auditlib.engine.{name}.opening").open_engine
    return opened


def _lake(url: str, progress: Progress | None) -> Engine:
    if not settings.table():
        raise LakeError("AUDIT_TABLE is not set: expected the lake table that is asked, by name or place", reason="table")
    try:
        from auditlib.engine.lake.opening import open_lake
    except ModuleNotFoundError as error:
        raise LakeError(
            f"AUDIT_ENGINE asks for a lake, but {error.name} is not installed: python -m pip install 'audit-logs[lake]'", reason="extra"
        ) from error
    return open_lake(url, settings.table(), progress)
