"""One import: source files in, record batches of events out, every record accounted for.

read = published + duplicates + rejected, in total and for each file. A record that cannot be an event is
rejected with its file, line and reason, and never stops the import.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TextIO

import pyarrow as pa

from auditlib.errors import IngestError
from auditlib.ingest.catalogue import Format
from auditlib.ingest.identity import event_id
from auditlib.ingest.mapping import Row, UnfitError
from auditlib.ingest.reader import Record, Reject, read_csv, read_either, read_json
from auditlib.ingest.scan import TEXT_LIMIT
from auditlib.ingest.source import Source
from auditlib.schema import SCHEMA

BATCH_ROWS: Final = 8_192
BATCH_BYTES: Final = 32 << 20

NOT_UTF8: Final = "metadata was not UTF-8; each byte that is none is kept as \\xNN"


@dataclass(slots=True)
class FileSummary:
    """What became of the events of one file."""

    name: str
    published: int = 0
    duplicates: int = 0
    rejected: int = 0
    without_time: int = 0

    @property
    def read(self) -> int:
        """All events of the file."""
        return self.published + self.duplicates + self.rejected

    def line(self) -> str:
        """The counts as one line for people."""
        return (
            f"{self.name}: {self.read:,} read, {self.published:,} published, {self.duplicates:,} duplicates, "
            f"{self.without_time:,} without time, {self.rejected:,} rejected"
        )


@dataclass(slots=True)
class Summary(FileSummary):
    """What became of all events: the totals, why records were rejected, what else is worth saying, each file."""

    reasons: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    files: list[FileSummary] = field(default_factory=list)

    def add(self) -> None:
        """Brings the totals up to date with the files."""
        for name in ("published", "duplicates", "rejected", "without_time"):
            setattr(self, name, sum(getattr(each, name) for each in self.files))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: events read, bytes read, bytes there are (None where standard input is read)."""

    events: int
    bytes_read: int
    bytes_total: int | None


class Import:
    """One run over source files.

    `batches` gives the events, in the order of the sources, and can be walked through once; `summary` is
    final when it ends. Memory holds one batch, and 16 bytes for each event to know repeats by.
    """

    def __init__(
        self,
        format: Format,
        paths: Sequence[str | Path],
        *,
        rejects: str | Path | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Looks at every file, so that a missing one is known before anything is read.

        Args:
            format: from `load_format` or `load_mapping`.
            paths: files, plain, gzip or zstd; `-` is standard input.
            rejects: a file that gets each rejected record as a JSON line of file, line, reason and text,
                the text cut after 2,000 characters. Written anew, also when nothing is rejected.
            progress: called now and then.

        Raises SourceError for what is no readable file; `batches` raises IngestError where `rejects` cannot be written.
        """
        self.summary = Summary("total")
        self._format = format
        self._progress = progress
        self._seen: set[bytes] = set()
        self._sources = [Source(path) for path in paths]
        self._rejects_path = rejects
        self._rejects: TextIO | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The events as record batches of `auditlib.schema.SCHEMA`."""
        rows: list[Row] = []
        size = 0
        with _opened(self._rejects_path) if self._rejects_path is not None else nullcontext() as self._rejects:
            for source in self._sources:
                counts = FileSummary(source.name)
                self.summary.files.append(counts)
                for row in self._events(source, counts):
                    rows.append(row)
                    size += len(row["metadata"])
                    if len(rows) >= BATCH_ROWS or size >= BATCH_BYTES:
                        yield self._batch(rows)
                        rows, size = [], 0
                self._report()
            if rows:
                yield self._batch(rows)
            self._report()

    def _events(self, source: Source, counts: FileSummary) -> Iterator[Row]:
        """The events of one file that are new in this run; counts all of them."""
        name = Path(source.name).name
        bodies: Counter[bytes] = Counter()
        for number, item in enumerate(_complete(source, self._read(source)), 1):
            rows = self._rows(item, source, counts)
            for index, row in enumerate(rows):
                key = _identify(row, index, bodies)
                if key in self._seen:
                    counts.duplicates += 1
                    continue
                self._seen.add(key)
                counts.published += 1
                counts.without_time += row["occurred_at"] is None
                row["source_file"] = row["source_file"] or name
                if row["source_row"] is None:
                    row["source_row"] = number
                yield row

    def _rows(self, item: Record | Reject, source: Source, counts: FileSummary) -> list[Row]:
        if isinstance(item, Record):
            try:
                return list(self._format.rules.rows(item))
            except UnfitError as error:
                reason = str(error)
            except RecursionError:
                reason = "nested too deeply"
            item = Reject(item.line, reason, item.raw[: TEXT_LIMIT * 4].decode("utf-8", "backslashreplace")[:TEXT_LIMIT])
        self._reject(item, source, counts)
        return []

    def _read(self, source: Source) -> Iterator[Record | Reject]:
        events = self._format.events
        if events.kind == "json":
            return read_json(source.chunks(), events.wrapper)
        if events.kind == "csv":
            return read_csv(source.chunks(), events.delimiter, events.header)
        return read_either(source.chunks(), events.wrapper, events.delimiter)

    def _reject(self, item: Reject, source: Source, counts: FileSummary) -> None:
        counts.rejected += 1
        self.summary.reasons[item.reason] += 1
        if self._rejects:
            entry = {"file": source.name, "line": item.line, "reason": item.reason, "text": item.text}
            self._rejects.write(json.dumps(entry) + "\n")

    def _report(self) -> None:
        self.summary.add()
        if self._progress:
            sizes = [source.size for source in self._sources]
            total = None if None in sizes else sum(size for size in sizes if size)
            self._progress(Progress(self.summary.read, sum(source.consumed for source in self._sources), total))

    def _batch(self, rows: list[Row]) -> pa.RecordBatch:
        self._report()
        columns = zip(*map(dict.values, rows), strict=True)
        arrays = [
            self._metadata(values) if column.name == "metadata" else _array(values, column.type)
            for column, values in zip(SCHEMA, columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)

    def _metadata(self, texts: Sequence[bytes]) -> pa.Array:
        try:
            return pa.array(texts, pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            self.summary.notes[NOT_UTF8] += sum(not _is_utf8(text) for text in texts)
            return pa.array([text.decode("utf-8", "backslashreplace") for text in texts], pa.string())


def _complete(source: Source, items: Iterator[Record | Reject]) -> Iterator[Record | Reject]:
    """The items of a source, and what stopped it: as the reason of the record that it cut in two, or by itself."""
    last: Record | Reject | None = None
    for item in items:
        if last is not None:
            yield last
        last = item
    if source.fault is None:
        if last is not None:
            yield last
        return
    if isinstance(last, Reject):
        yield last._replace(reason=source.fault)
        return
    if last is not None:
        yield last
    yield Reject(last.line if last else 1, source.fault, "")


def _identify(row: Row, index: int, bodies: Counter[bytes]) -> bytes:
    """Gives a row its event id unless it has one; the key by which repeats are known within a run."""
    if row["event_id"] is not None:
        return sha256(row["event_id"].encode() + b"\0" + row["metadata"]).digest()[:16]
    source, tenant, native_id, raw = row["source"], row["tenant"], row["source_event_id"], row["metadata"]
    identity = event_id(source, tenant, native_id, index, raw)
    if native_id is None:
        body = bytes.fromhex(identity)
        earlier = bodies[body]
        bodies[body] += 1
        if earlier:
            identity = event_id(source, tenant, native_id, index, raw, earlier)
    row["event_id"] = identity
    return bytes.fromhex(identity)


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


def _opened(path: str | Path) -> TextIO:
    try:
        return Path(path).open("w", encoding="ascii")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise IngestError(f"Cannot write the rejects file '{path}': {why}.", path=str(path)) from None
