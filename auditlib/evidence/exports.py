"""Exports: the events of a view as JSON lines, JSON, CSV, Parquet, or a table for the terminal.

JSON lines and Parquet lose nothing. CSV is for spreadsheets: a text that a spreadsheet would take for a
formula gets an apostrophe in front (OWASP, "CSV Injection"), so it is not the recorded text byte for byte.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from auditlib.errors import ExportError
from auditlib.schema import COLUMNS, SCHEMA
from auditlib.text import one_line
from auditlib.times import write_utc

Batches = Iterable[pa.RecordBatch]
About = dict[str, str]
"""What an export says of itself: link, sentence, head, zone, whether it is incomplete."""

_BEGINS: Final = r"[^\S\r\n\t]*+[=+\-@＝＋－＠]"
_FORMULA: Final = re.compile(rf"\A[\t\r\n]|(?:\A|[\r\n\t;]){_BEGINS}")
"""Text that begins as formulas do, or has a line or a part behind a tab or semicolon that does; `\\S` leaves out the no-break space."""
_INSIDE: Final = re.compile(rf"(?<=[\r\n\t;])(?={_BEGINS})")
"""Where such a part begins: a spreadsheet that takes semicolons for separators cuts cells there, in quotes or not."""


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format: key, label, name ending, media type, and how batches are written to a binary file."""

    key: str
    label: str
    suffix: str
    mime: str
    write: Callable[[Batches, IO[bytes], About], None]


def records(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The events of a batch as JSON objects of the contract's columns, times spelled with microseconds and `Z`."""
    for record in batch.to_pylist():
        for name in ("occurred_at", "recorded_at"):
            record[name] = write_utc(record[name])
        yield record


def export(batches: Batches, path: Path, key: str, about: About, *, progress: Callable[[int], None] | None = None) -> None:
    """Writes batches into a file; `progress` is called with the events written so far.

    Raises ExportError where the file cannot be written, or for an unknown format. A file that was begun and could not
    be finished is removed, so that no part of a result is taken for the whole.
    """
    chosen = FORMATS.get(key)
    if chosen is None:
        raise ExportError(f"No export format {key!r}: expected one of {', '.join(FORMATS)}", format=key)
    with _export_errors(key):
        file = path.open("wb")
    try:
        with _export_errors(key), file:
            chosen.write(_counted(batches, progress), file, about)
    except BaseException:
        if path.is_file():
            path.unlink()
        raise


def safe_name(*parts: str) -> str:
    """A file name of these parts, of letters, digits, dots and hyphens only, at most 120 characters."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(part for part in parts if part)).strip("-.")[:120] or "export"


@contextmanager
def _export_errors(key: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(f"The export could not be written: {error.strerror or 'the disk refused'}", format=key) from error


def _counted(batches: Batches, progress: Callable[[int], None] | None) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in batches:
        yield batch
        done += batch.num_rows
        if progress:
            progress(done)


def _json_lines(batches: Batches, file: IO[bytes], about: About) -> None:
    for batch in batches:
        for record in records(batch):
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n")


def _json(batches: Batches, file: IO[bytes], about: About) -> None:
    between = b"[\n"
    for batch in batches:
        for record in records(batch):
            file.write(between + json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass"))
            between = b",\n"
    file.write(b"\n]\n" if between != b"[\n" else b"[]\n")


def csv_line(values: Iterable[object]) -> bytes:
    """One line of CSV (RFC 4180), every cell made harmless for spreadsheets."""
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow([_cell(value) for value in values])
    return line.getvalue().encode("utf-8", "surrogatepass")


def _csv(batches: Batches, file: IO[bytes], about: About) -> None:
    file.write(csv_line(COLUMNS))
    for batch in batches:
        file.write(b"".join(csv_line(record[name] for name in COLUMNS) for record in records(batch)))


def _cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers and empty cells stay."""
    return "'" + _INSIDE.sub("'", value) if isinstance(value, str) and _FORMULA.search(value) else value


def _parquet(batches: Batches, file: IO[bytes], about: About) -> None:
    schema = SCHEMA.with_metadata({f"audit_logs.{key}": value for key, value in about.items()})
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema))


def _table(batches: Batches, file: IO[bytes], about: About) -> None:
    """Time, actor, action, resource and summary, one line an event, for reading in a terminal."""
    for batch in batches:
        for record in records(batch):
            resource = ":".join(filter(None, (record["resource_type"], record["resource_id"])))
            at = record["occurred_at"] or "unknown time"
            actor = record["actor_name"] or record["actor_id"] or ""
            cells = (f"{at:<27}", f"{one_line(actor, 24):<24}", f"{one_line(record['action'], 40):<20}", f"{one_line(resource, 44):<44}")
            file.write(f"{'  '.join(cells)}  {one_line(record['summary'] or '', 80)}".rstrip().encode() + b"\n")


FORMATS: Final = MappingProxyType(
    {
        each.key: each
        for each in (
            ExportFormat("csv", "CSV for spreadsheets", ".csv", "text/csv", _csv),
            ExportFormat("jsonl", "JSON lines, lossless", ".jsonl", "application/x-ndjson", _json_lines),
            ExportFormat("json", "JSON", ".json", "application/json", _json),
            ExportFormat("parquet", "Parquet, lossless", ".parquet", "application/vnd.apache.parquet", _parquet),
            ExportFormat("table", "Table", ".txt", "text/plain", _table),
        )
    }
)


def export_name(tab: str, seq: int, digest: str, made: datetime, *, incomplete: bool, suffix: str) -> str:
    """The name of an export: what, from which head, when (UTC), and whether snapshots are missing from it."""
    head = f"head{seq}-{digest[:12]}"
    return safe_name("audit", tab, head, f"{made:%Y%m%dT%H%M%SZ}", "incomplete" if incomplete else "") + suffix
