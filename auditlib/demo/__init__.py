"""The demo history: a believable organisation's audit log, equal for equal arguments, traps included.

"Northwind Talent" hires in six offices: campaigns open and close, applications move through their
workflow, interviews are booked, moved, missed, held, recorded and judged, and the team signs in, looks,
exports and administers. About 60 % of the events are interviews. The history ends on 2026-11-20 at
18:00 UTC. No clock, no hash order and no zone data of the machine takes part in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from auditlib.demo.history import History

__all__ = ["DemoSnapshot", "log_id", "snapshots", "traps"]


@dataclass(frozen=True, slots=True)
class DemoSnapshot:
    """One snapshot to publish: its name, when it was delivered (UTC), and its rows."""

    name: str
    created: datetime
    batches: Iterator[pa.RecordBatch]


def snapshots(events: int, seed: int = 7, days: int = 180) -> Iterator[DemoSnapshot]:
    """The snapshots of a demo history of exactly so many events, three or more, oldest first.

    Their batches have the schema of events and are to be read snapshot by snapshot, each to its end;
    they are made while they are read, so that memory holds a batch and what is under way. A snapshot
    may be without rows where there are few events. Raises AuditError where a number is out of range.
    """
    history = History(events, seed, days)
    return (DemoSnapshot(part.name, part.created, history.batches(part)) for part in history.parts)


def log_id(events: int, seed: int = 7, days: int = 180) -> str:
    """The log id of that history's store."""
    return f"demo-{events}-{days}d-{seed}"


def traps(events: int, seed: int = 7, days: int = 180) -> Mapping[str, tuple[str, ...]]:
    """The event ids of every trap in that history, by the names that `auditlib.demo.pitfalls` explains.

    Empty below 2,000 events. Runs through the history to find them.
    """
    history = History(events, seed, days)
    for part in history.parts:
        for _ in history.batches(part):
            pass
    return history.trapped
