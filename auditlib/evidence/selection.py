"""Selections: the events that a bundle is of, every match of a view or a few chosen ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa

from auditlib import times
from auditlib.errors import BundleError, ExportError, LinkError
from auditlib.event import AuditEvent
from auditlib.log import AuditLog
from auditlib.schema import COLUMNS, SCHEMA
from auditlib.view import View

MOST_CHOSEN: Final = 10_000
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Selection:
    """Every match of a view, in its order and whatever its page, or the events of some ids, newest first.

    With `chosen` ids the view only says where they were chosen.
    """

    view: View
    chosen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "view", replace(self.view, page=1, event="", at="", n=None))

    def total(self, log: AuditLog) -> int:
        """How many events it has."""
        return len(set(self.chosen)) if self.chosen else log.total(self.view)

    def batches(self, log: AuditLog) -> Iterator[pa.RecordBatch]:
        """The events whole, in the schema's columns.

        Raises NotFoundError for a chosen id that is not in the log, DamagedFileError where a snapshot has changed,
        ExportError for more chosen ids than one bundle takes.
        """
        if not self.chosen:
            yield from log.batches(self.view)
            return
        ids = sorted(set(self.chosen))
        if len(ids) > MOST_CHOSEN:
            raise ExportError(f"{len(ids):,} chosen events are too many: expected at most {MOST_CHOSEN:,}", limit=MOST_CHOSEN)
        events = sorted((log.event(event_id, metadata=False) for event_id in ids), key=_newest_first)
        for start in range(0, len(events), _AT_ONCE):
            some = events[start : start + _AT_ONCE]
            recorded = log.metadata([event.event_id for event in some])
            rows = [{name: getattr(event, name) for name in COLUMNS} | {"metadata": recorded[event.event_id]} for event in some]
            yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)

    def describe(self, log: AuditLog) -> str:
        """What was selected, as one English sentence."""
        if not self.chosen:
            return self.view.describe(log.name_of).rsplit(", page ", 1)[0] + "."
        number = self.total(log)
        return f"{number:,} chosen event{'' if number == 1 else 's'}."

    def to_record(self) -> dict[str, Any]:
        """The selection as a JSON object."""
        return {"link": str(self.view), "chosen": sorted(set(self.chosen)) or None}

    @classmethod
    def from_record(cls, record: Mapping[str, Any], log: AuditLog) -> Selection:
        """The selection of a JSON object, as `log` understands its link; raises BundleError where it has none."""
        chosen = record.get("chosen") or []
        if not isinstance(record.get("link"), str) or not isinstance(chosen, list) or not all(isinstance(each, str) for each in chosen):
            raise BundleError("query.json has no link and chosen events")
        try:
            view = log.view(record["link"])
        except LinkError as error:
            raise BundleError(f"query.json: {error}") from None
        if view.problems:
            raise BundleError(f"query.json: {view.problems[0]}")
        return cls(view, tuple(chosen))


def _newest_first(event: AuditEvent) -> tuple[bool, int, str]:
    return event.occurred_at is None, -times.to_micros(event.occurred_at) if event.occurred_at else 0, event.event_id
