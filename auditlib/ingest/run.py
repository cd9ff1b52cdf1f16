"""One import: source files in, record batches of events out, every record accounted for.

read = published + duplicates + rejected, in total and for each file. A record that cannot be an event is
rejected with its file, line and reason, and never stops the import.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final, TextIO

import pyarrow as pa
import pyarrow.compute as pc

from auditlib.errors import IngestError
from auditlib.ingest.catalogue import Format
from auditlib.ingest.identity import KEY, digest
from auditlib.ingest.listed import Listed
from auditlib.ingest.part import Part, part_of, parts, parts_of
from auditlib.ingest.reader import Block, Record, Reject, blocks, layout, read_csv, read_either, read_json
from auditlib.ingest.seen import Seen
from auditlib.ingest.source import Source
from auditlib.ingest.worker import Workers, cores
from auditlib.schema import SCHEMA

BLOCK: Final = 2 << 20
"""Bytes of records that are mapped at once."""
WORKERS_FROM: Final = 8 << 20
"""Bytes of records of one import that are mapped in its own process before workers are started for the rest."""

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
    final when it ends. Memory holds a few batches, and to know repeats by 16 bytes for
    each event, some hundred for one without a native id.
    """

    def __init__(
        self,
        format: Format,
        paths: Sequence[str | Path],
        *,
        rejects: str | Path | None = None,
        progress: Callable[[Progress], None] | None = None,
        workers: int | None = None,
    ) -> None:
        """Looks at every file, so that a missing one is known before anything is read.

        Args:
            format: from `load_format` or `load_mapping`.
            paths: files, plain, gzip or zstd; `-` is standard input.
            rejects: a file that gets each rejected record as a JSON line of file, line, reason and text,
                the text cut after 2,000 characters. Written anew, also when nothing is rejected.
            progress: called now and then.
            workers: how many processes map the records of a long import, by default one for each core; below 2, none does.

        Raises SourceError for what is no readable file; `batches` raises IngestError where `rejects` cannot be written.
        """
        self.summary = Summary("total")
        self._format = format
        self._progress = progress
        self._seen = Seen()
        self._sources = [Source(path) for path in paths]
        self._rejects_path = rejects
        self._rejects: TextIO | None = None
        self._stack = ExitStack()
        self._workers: Workers | None = None
        self._cores = cores() if workers is None else workers
        self._mapped = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The events as record batches of `auditlib.schema.SCHEMA`; raises IngestError where a worker is killed."""
        with ExitStack() as self._stack:
            if self._rejects_path is not None:
                self._rejects = self._stack.enter_context(_opened(self._rejects_path))
            for source in self._sources:
                counts = FileSummary(source.label)
                self.summary.files.append(counts)
                bodies: Counter[bytes] = Counter()
                before = 0
                for part in _complete(source, self._parts(source)):
                    batch = self._taken(part, source, counts, bodies, before)
                    before += part.items
                    if batch.num_rows:
                        yield batch
                    self._report()
            self._report()

    def _parts(self, source: Source) -> Iterator[Part]:
        """What the records of a file give; what is long is cut into blocks and mapped in workers."""
        events, chunks = self._format.events, source.chunks()
        kind = None
        if events.kind != "csv":
            kind, chunks = layout(chunks, events.wrapper)
        if kind == "lines":
            for found in self._mapped_blocks(blocks(chunks, BLOCK)):
                yield from found or ()
        elif kind == "document":
            yield from self._cut_up(Listed(chunks, events.wrapper, BLOCK))
        else:
            yield from parts(self._format, self._read(chunks))

    def _cut_up(self, document: Listed) -> Iterator[Part]:
        cut = document.blocks()
        ahead: deque[Block] = deque()

        def noted() -> Iterator[Block]:
            for block in cut:
                ahead.append(block)
                yield block

        for found in self._mapped_blocks(noted()):
            if found is None:
                yield from parts(self._format, document.rest(chain(ahead, cut)))
                return
            ahead.popleft()
            yield from found
        if not document.is_cut:
            yield from parts(self._format, document.rest())

    def _mapped_blocks(self, cut: Iterator[Block]) -> Iterator[list[Part] | None]:
        """What `parts_of` gives for each block: the first ones here, and the others, should there be any, in workers."""
        while (block := next(cut, None)) is not None and (self._cores < 2 or self._mapped < WORKERS_FROM):
            self._mapped += len(block.data)
            yield parts_of(self._format, block)
        if block is None:
            return
        if self._workers is None:
            self._workers = self._stack.enter_context(Workers(self._format, self._cores))
        yield from self._workers.parts(chain((block,), cut))

    def _taken(self, part: Part, source: Source, counts: FileSummary, bodies: Counter[bytes], before: int) -> pa.RecordBatch:
        """The events of a part that are new in this run; counts all of them."""
        for item in part.rejects:
            self._reject(item, source, counts)
        self.summary.notes.update(part.notes)
        batch, keys = _told_apart(part, bodies) if part.bodies else (part.batch, part.keys)
        new = self._seen.add(keys)
        batch = _with(batch, "source_row", pc.coalesce(batch["source_row"], pc.add(part.numbers, before)))
        batch = _with(batch, "source_file", pc.fill_null(batch["source_file"], Path(source.label).name))
        if len(new) < batch.num_rows:
            counts.duplicates += batch.num_rows - len(new)
            batch = batch.take(pa.array(new, pa.int64()))
        counts.published += len(new)
        counts.without_time += batch["occurred_at"].null_count
        if part.not_utf8 and (odd := len(set(new).intersection(part.not_utf8))):
            self.summary.notes[NOT_UTF8] += odd
        return batch

    def _read(self, chunks: Iterator[bytes]) -> Iterator[Record | Reject]:
        events = self._format.events
        if events.kind == "json":
            return read_json(chunks, events.wrapper)
        if events.kind == "csv":
            return read_csv(chunks, events.delimiter, events.header)
        return read_either(chunks, events.wrapper, events.delimiter)

    def _reject(self, item: Reject, source: Source, counts: FileSummary) -> None:
        counts.rejected += 1
        self.summary.reasons[item.reason] += 1
        if self._rejects:
            entry = {"file": source.label, "line": item.line, "reason": item.reason, "text": item.text}
            self._rejects.write(json.dumps(entry) + "\n")

    def _report(self) -> None:
        self.summary.add()
        if self._progress:
            sizes = [source.size for source in self._sources]
            total = None if None in sizes else sum(size for size in sizes if size)
            self._progress(Progress(self.summary.read, sum(source.consumed for source in self._sources), total))


def _complete(source: Source, found: Iterator[Part]) -> Iterator[Part]:
    """The parts of a source, and what stopped it: as the reason of the record that it cut in two, or by itself."""
    last: Part | None = None
    for part in found:
        if last is not None:
            yield last
        last = part
    if source.fault is None:
        if last is not None:
            yield last
        return
    if last is None:
        yield part_of(Reject(1, source.fault, ""))
        return
    line, is_reject = last.last
    cut_off = last.rejects[-1]._replace(reason=source.fault) if is_reject else Reject(line, source.fault, "")
    earlier = last.rejects[:-1] if is_reject else last.rejects
    yield last._replace(items=last.items + (not is_reject), rejects=[*earlier, cut_off])


def _told_apart(part: Part, bodies: Counter[bytes]) -> tuple[pa.RecordBatch, bytes]:
    """The events and their keys, where an event without a native id is told apart from identical ones before it."""
    ids, keys = None, bytearray(part.keys)
    for place, (source, tenant, index, raw) in part.bodies.items():
        here = slice(place * KEY, (place + 1) * KEY)
        body = bytes(keys[here])
        earlier = bodies[body]
        bodies[body] += 1
        if earlier:
            ids = ids or part.batch["event_id"].to_pylist()
            keys[here] = digest(source, tenant, None, index, raw, earlier)
            ids[place] = keys[here].hex()
    return _with(part.batch, "event_id", pa.array(ids, pa.string())) if ids else part.batch, bytes(keys)


def _with(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    place = SCHEMA.get_field_index(name)
    return batch.set_column(place, SCHEMA.field(place), values)


def _opened(path: str | Path) -> TextIO:
    try:
        return Path(path).open("w", encoding="ascii")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise IngestError(f"Cannot write the rejects file '{path}': {why}.", path=str(path)) from None
