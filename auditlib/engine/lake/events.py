"""Events for a lake table: the rows of verified snapshot files, each event once, under its final id, with what is derived from it.

Which rows are repeats, and which id a later body of one id gets, was decided when the segments of the embedded engine
were built; here it is only read from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditlib import vocabulary
from auditlib.engine.embedded.arrays import Ints
from auditlib.engine.embedded.layers import Layers
from auditlib.engine.lake import layout
from auditlib.schema import SCHEMA
from auditlib.store import VerifiedFile

CHUNK_ROWS: Final = 131_072
"""Rows that are in memory at once, and sorted together."""

_PEOPLE: Final[Mapping[str, tuple[str, str, str | None]]] = {
    "interviewer": ("interviewer_id", "interviewer_name", None),
    "candidate": ("candidate_id", "candidate_name", None),
    "actor": ("actor_id", "actor_name", "actor_email"),
    "member": ("actor_id", "actor_name", "actor_email"),
}


@dataclass(frozen=True, slots=True)
class Decisions:
    """What the rule on repeats decided for the rows of one file.

    Attributes:
        dropped: rows that are left out, ascending.
        claimed: rows that another event contradicts, with their final ids.
        digests: the SHA-256 of each row's metadata.
    """

    dropped: Ints
    claimed: Mapping[int, str]
    digests: Ints

    @property
    def digest(self) -> str:
        """The SHA-256 of dropped and claimed rows."""
        told = [self.dropped.tolist(), sorted(self.claimed.items())]
        return sha256(json.dumps(told).encode()).hexdigest()


def decisions(layers: Layers) -> Iterator[Decisions]:
    """The decisions on each of the served files, in the order of publishing."""
    marks = {row for layer in layers.all for row in layer.segment.marks.tolist()}
    for layer in layers.all:
        segment = layer.segment
        kept = np.zeros(int(segment.part_starts[-1]), bool)
        kept[segment.origin] = True
        claimed = {int(segment.origin[position]): position for position in segment.conflicts.tolist()}
        marked = {row - layer.first_row for row in marks if 0 <= row - layer.first_row < len(kept)} - claimed.keys()
        if marked:
            places = np.flatnonzero(np.isin(segment.origin, np.array(sorted(marked))))
            claimed.update((int(segment.origin[position]), position) for position in places.tolist())
        for first, last in zip(segment.part_starts[:-1].tolist(), segment.part_starts[1:].tolist(), strict=True):
            ids = {row - first: segment.event_ids[position] for row, position in claimed.items() if first <= row < last}
            yield Decisions(np.flatnonzero(~kept[first:last]), ids, segment.digests[first:last])


def chunks(file: VerifiedFile, decided: Decisions, snapshot: int, width: int) -> Iterator[pa.Table]:
    """The events of a file as tables in the columns of the layout, with `period` and `tab` behind them, a chunk at a time.

    Within a chunk they are ordered by period and tab, then newest first.
    """
    row = 0
    for batch in pq.ParquetFile(file.path).iter_batches(CHUNK_ROWS, columns=SCHEMA.names):
        yield _ordered(_completed(batch, decided, snapshot, row), width)
        row += batch.num_rows
    file.assert_unchanged()


def slices(chunk: pa.Table) -> Iterator[tuple[str, str, pa.Table]]:
    """The parts of an ordered chunk by period and tab."""
    keys = pc.binary_join_element_wise(chunk["period"], chunk["tab"], "/").combine_chunks()
    runs = pc.run_end_encode(keys)
    start = 0
    for key, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        period, _, tab = key.partition("/")
        yield period, tab, chunk.slice(start, end - start).select(layout.EVENTS.names).cast(layout.EVENTS)
        start = end


def people(tables: list[pa.Table], snapshot: int) -> pa.Table:
    """The people of one file: what `people_of` gives of its chunks, taken together."""
    known = pa.concat_tables(tables).group_by(["kind", "id", "name", "email"]).aggregate([("events", "sum"), ("newest", "max")])
    known = known.rename_columns(["kind", "id", "name", "email", "events", "newest"])
    return (
        known.append_column("snapshot", pa.repeat(snapshot, len(known)))
        .cast(layout.PEOPLE)
        .sort_by([("kind", "ascending"), ("id", "ascending")])
    )


def people_of(chunk: pa.Table) -> pa.Table:
    """Everyone a chunk speaks of, by kind, id, name and e-mail."""
    chunk = chunk.append_column("newest", layout.recency(chunk["occurred_us"], chunk["event_id"]))
    found = []
    for kind, (person_id, name, email) in _PEOPLE.items():
        mine = chunk.filter(pc.is_in(chunk["actor_role"], pa.array(vocabulary.TEAM_ROLES))) if kind == "member" else chunk
        mine = mine.filter(pc.greater(pc.binary_length(mine[person_id]), 0))
        columns = {
            "kind": pa.repeat(kind, len(mine)),
            "id": mine[person_id],
            "name": mine[name],
            "email": mine[email] if email else pa.nulls(len(mine), pa.string()),
            "newest": mine["newest"],
        }
        grouped = pa.table(columns).group_by(["kind", "id", "name", "email"]).aggregate([("newest", "count"), ("newest", "max")])
        found.append(grouped.rename_columns(["kind", "id", "name", "email", "events", "newest"]))
    return pa.concat_tables(found)


def _completed(batch: pa.RecordBatch, decided: Decisions, snapshot: int, first: int) -> pa.Table:
    """The kept rows of a batch that begins at a row of its file, with the derived columns."""
    last = first + batch.num_rows
    table = pa.Table.from_batches([batch]).cast(SCHEMA)
    claimed = {row - first: event_id for row, event_id in decided.claimed.items() if first <= row < last}
    if claimed:
        ids = table["event_id"].to_pylist()
        for row, event_id in claimed.items():
            ids[row] = event_id
        table = table.set_column(0, SCHEMA.field("event_id"), pa.array(ids, pa.string()))
    flags = np.zeros(batch.num_rows, bool)
    flags[list(claimed)] = True
    dropped = decided.dropped[(decided.dropped >= first) & (decided.dropped < last)] - first
    kept = np.ones(batch.num_rows, bool)
    kept[dropped] = False
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    occurred, recorded = (columns[name].cast(pa.int64()) for name in ("occurred_at", "recorded_at"))
    derived = {
        "occurred_us": occurred,
        "recorded_us": recorded,
        "search_text": layout.search_text(columns["actor_name"], columns["resource_id"]),
        "changed_text": layout.changed_text(columns["changes"]),
        "related_text": layout.related_text(columns["related"]),
        "ip_key": layout.ip_keys(columns["ip"]),
        "metadata_sha256": _hexadecimal(decided.digests[first:last]),
        "snapshot": pa.repeat(snapshot, batch.num_rows),
        "conflicts": pa.array(flags),
        "day": layout.days_of(occurred),
        "tab": layout.tabs_of(columns["resource_type"], columns["actor_role"]),
    }
    for name, values in derived.items():
        table = table.append_column(name, values)
    return table if kept.all() else table.filter(pa.array(kept))


def _ordered(table: pa.Table, width: int) -> pa.Table:
    table = table.append_column("period", layout.periods_of(table["day"].combine_chunks(), width))
    keys = [("period", "ascending"), ("tab", "ascending"), ("occurred_us", "descending"), ("event_id", "descending")]
    return table.take(pc.sort_indices(table, sort_keys=keys))


def _hexadecimal(digests: Ints) -> pa.Array:
    """Rows of 32 bytes as texts of 64 hexadecimal digits."""
    text = np.ascontiguousarray(digests).tobytes().hex().encode()
    ends = pa.py_buffer(np.arange(len(digests) + 1, dtype=np.int32) * 64)
    return pa.Array.from_buffers(pa.string(), len(digests), [None, ends, pa.py_buffer(text)])
