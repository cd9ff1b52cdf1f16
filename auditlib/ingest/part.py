"""Parts: some records of a source that stand one after another, mapped to events in Arrow columns.

A part is made without a look at what came before it, so parts can be made in any process; what depends
on the events before (repeats, counts of identical bodies, numbers of records) is settled when it is taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import pyarrow as pa

from auditlib.ingest.catalogue import Format
from auditlib.ingest.identity import KEY, digest
from auditlib.ingest.listed import GivenBackError, read_listed
from auditlib.ingest.mapping import Row, UnfitError
from auditlib.ingest.reader import Block, Record, Reject, read_block
from auditlib.ingest.scan import TEXT_LIMIT
from auditlib.schema import SCHEMA

BATCH_ROWS: Final = 8_192
BATCH_BYTES: Final = 32 << 20

Body = tuple[str, str | None, int, bytes]
"""What the id of an event without a native id rests on: source, tenant, index within the record, raw bytes."""


class Part(NamedTuple):
    """What some records gave.

    Attributes:
        items: how many records there were, rejected ones among them.
        last: the line of the last of them, and whether it was rejected.
        batch: the events; `source_row` is null where the record itself does not give it.
        numbers: for each event, which record of the part it is of, from 1; whole numbers of 64 bits.
        keys: for each event, the KEY bytes by which repeats are known, one after another.
        bodies: the events without a native id, by their place in the batch.
        not_utf8: the places of events whose metadata was not UTF-8.
        rejects: the rejected records.
        notes: what else is worth saying, counted.
    """

    items: int
    last: tuple[int, bool]
    batch: pa.RecordBatch
    numbers: pa.Array
    keys: bytes
    bodies: dict[int, Body]
    not_utf8: list[int]
    rejects: list[Reject]
    notes: Counter[str]


def parts(format: Format, items: Iterable[Record | Reject]) -> Iterator[Part]:
    """The parts that the records of a source give, each of bounded size."""
    part = _Unfinished()
    for item in items:
        part.add(format, item)
        if len(part.rows) >= BATCH_ROWS or part.size >= BATCH_BYTES or len(part.rejects) >= BATCH_ROWS:
            yield part.finished()
            part = _Unfinished()
    if part.items:
        yield part.finished()


def parts_of(format: Format, block: Block) -> list[Part] | None:
    """The parts of a block; None where it was not cut between records and has to be read with what follows it."""
    try:
        return list(parts(format, read_listed(block) if block.is_listed else read_block(block, format.events.wrapper)))
    except GivenBackError:
        return None


def part_of(reject: Reject) -> Part:
    """The part of one rejected record."""
    part = _Unfinished()
    part.reject(reject)
    return part.finished()


class _Unfinished:
    """A part that still grows."""

    def __init__(self) -> None:
        self.items = 0
        self.size = 0
        self.rows: list[Row] = []
        self.rejects: list[Reject] = []
        self._last = (1, False)
        self._numbers: list[int] = []
        self._keys: list[bytes] = []
        self._bodies: dict[int, Body] = {}
        self._notes: Counter[str] = Counter()

    def add(self, format: Format, item: Record | Reject) -> None:
        if isinstance(item, Reject):
            self.reject(item)
            return
        try:
            record = format.opened(item, self._notes) if format.opened else item
            rows = format.rules.rows(record)
        except UnfitError as error:
            self.reject(_unfit(item, str(error)))
            return
        except RecursionError:
            self.reject(_unfit(item, "nested too deeply"))
            return
        self.items += 1
        self._last = (item.line, False)
        for index, row in enumerate(rows):
            self._keys.append(self._key(row, index))
            self._numbers.append(self.items)
            self.size += len(row["metadata"])
            self.rows.append(row)

    def reject(self, item: Reject) -> None:
        self.items += 1
        self._last = (item.line, True)
        self.rejects.append(item)

    def _key(self, row: Row, index: int) -> bytes:
        """Gives a row its event id unless it has one."""
        if row["event_id"] is not None:
            return sha256(row["event_id"].encode() + b"\0" + row["metadata"]).digest()[:KEY]
        source, tenant, native_id, raw = row["source"], row["tenant"], row["source_event_id"], row["metadata"]
        key = digest(source, tenant, native_id, index, raw)
        if native_id is None:
            self._bodies[len(self.rows)] = (source, tenant, index, raw)
        row["event_id"] = key.hex()
        return key

    def finished(self) -> Part:
        columns = zip(*map(dict.values, self.rows), strict=True) if self.rows else ([] for _ in SCHEMA)
        texts = [row["metadata"] for row in self.rows]
        metadata, not_utf8 = _metadata(texts)
        arrays = [
            metadata if column.name == "metadata" else _array(values, column.type) for column, values in zip(SCHEMA, columns, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
        numbers, keys = pa.array(self._numbers, pa.int64()), b"".join(self._keys)
        return Part(self.items, self._last, batch, numbers, keys, self._bodies, not_utf8, self.rejects, self._notes)


def _unfit(item: Record, reason: str) -> Reject:
    return Reject(item.line, reason, item.raw[: TEXT_LIMIT * 4].decode("utf-8", "backslashreplace")[:TEXT_LIMIT])


def _metadata(texts: Sequence[bytes]) -> tuple[pa.Array, list[int]]:
    try:
        return pa.array(texts, pa.binary()).cast(pa.string()), []
    except pa.ArrowInvalid:
        written = pa.array([text.decode("utf-8", "backslashreplace") for text in texts], pa.string())
        return written, [place for place, text in enumerate(texts) if not _is_utf8(text)]


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([value and value.encode("utf-8", "backslashreplace").decode() for value in values], kind)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
