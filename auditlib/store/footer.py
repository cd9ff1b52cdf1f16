"""The Parquet footer: whether a data file whose digest agreed is also shaped as an event file must be.

Checked in this order, so that nothing is decoded before it is known to be harmless: codecs, columns,
rows, uncompressed size, values that may not be missing, times. Only `occurred_at` is ever decoded here.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditlib.errors import DamagedFileError
from auditlib.schema import COLUMNS, OPTIONAL, REQUIRED, SCHEMA
from auditlib.store.digest import sha256_bytes
from auditlib.store.manifest import FileEntry
from auditlib.times import FIRST_MICROS, LAST_MICROS, from_micros, write_utc

CODECS: Final = frozenset({"ZSTD", "SNAPPY", "GZIP", "LZ4", "LZ4_RAW", "UNCOMPRESSED"})

MAX_UNCOMPRESSED_BYTES: Final = 16 << 30
"""The uncompressed size one file may declare. Publishing starts a new file at a quarter of it (see `publish`)."""

_OPTIONAL_SCHEMA: Final = {name: pa.string() for name in OPTIONAL}


def plain_type(kind: pa.DataType) -> pa.DataType:
    """A column's type without the way it is laid out: every kind of UTF-8 text counts as string."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return pa.string() if text else kind


def column_type(name: str) -> pa.DataType | None:
    """The type the contract gives a column, None for one it does not know."""
    return SCHEMA.field(name).type if name in COLUMNS else _OPTIONAL_SCHEMA.get(name)


def schema_sha256(schema: pa.Schema) -> str:
    """The digest of a file's columns.

    It is the SHA-256 over one UTF-8 line per column, in the file's order, `name:type:nullable\\n` or
    `name:type:required\\n`, where type is `string`, `int64` or `timestamp[us, tz=UTC]` as Arrow spells
    it and every kind of text (large, view, dictionary) is `string`.
    """
    lines = (f"{column.name}:{plain_type(column.type)}:{'nullable' if column.nullable else 'required'}\n" for column in schema)
    return sha256_bytes("".join(lines).encode("utf-8", "surrogateescape"))


def check_footer(fd: int, entry: FileEntry) -> None:
    """Check an open file against its entry in the manifest. The caller has compared size and digest before.

    Raises DamagedFileError with `path=` and `reason=` `footer`, `codec`, `schema`, `rows`, `budget` or
    `times`; an exception of pyarrow never gets out.
    """
    with _parquet_errors(entry), os.fdopen(fd, "rb", buffering=0, closefd=False) as raw, pa.PythonFile(raw, mode="r") as file:
        parquet = pq.ParquetFile(file, memory_map=False, pre_buffer=False)
        footer = parquet.metadata
        _check_codecs(footer, entry)
        _check_columns(parquet.schema_arrow, entry)
        _check_sizes(footer, entry)
        _check_values(parquet, entry)
        _check_times(parquet, entry)


def _check_codecs(footer: pq.FileMetaData, entry: FileEntry) -> None:
    for group in range(footer.num_row_groups):
        row_group = footer.row_group(group)
        for column in range(row_group.num_columns):
            codec = row_group.column(column).compression
            if codec not in CODECS:
                _damaged(entry, f"is compressed with {codec}; allowed are {', '.join(sorted(CODECS)).lower()}", "codec")


def _check_columns(schema: pa.Schema, entry: FileEntry) -> None:
    names = Counter(schema.names)
    for name in COLUMNS:
        if name not in names:
            _damaged(entry, f"lacks the column {name}", "schema")
    for column in schema:
        name, expected = column.name, column_type(column.name)
        if expected is None:
            _damaged(entry, f"has a column {ascii(name)[:80]} that events do not have", "schema")
        if names[name] != 1:
            _damaged(entry, f"has the column {name} {names[name]} times", "schema")
        if plain_type(column.type) != expected:
            _damaged(entry, f"holds {name} as {str(column.type)[:80]}, expected {expected}", "schema")
    if schema_sha256(schema) != entry.schema_sha256:
        _damaged(entry, "has other columns than its manifest says", "schema")


def _check_sizes(footer: pq.FileMetaData, entry: FileEntry) -> None:
    rows = total = 0
    for group in range(footer.num_row_groups):
        row_group = footer.row_group(group)
        sizes = [row_group.column(column).total_uncompressed_size for column in range(row_group.num_columns)]
        if row_group.num_rows < 0 or min(sizes) < 0:
            _damaged(entry, "declares a negative size", "footer")
        rows += row_group.num_rows
        total += sum(sizes)
    if not rows == footer.num_rows == entry.rows:
        _damaged(entry, f"has {footer.num_rows} rows, its manifest says {entry.rows}", "rows")
    if total > MAX_UNCOMPRESSED_BYTES:
        _damaged(entry, f"would unpack to {total} bytes, more than the {MAX_UNCOMPRESSED_BYTES} allowed", "budget")


def _check_values(parquet: pq.ParquetFile, entry: FileEntry) -> None:
    for group in range(parquet.metadata.num_row_groups):
        row_group = parquet.metadata.row_group(group)
        for index in range(row_group.num_columns):
            column = row_group.column(index)
            name = column.path_in_schema
            if name in REQUIRED and parquet.schema_arrow.field(name).nullable:
                known = column.statistics is not None and column.statistics.has_null_count
                nulls = column.statistics.null_count if known else parquet.read_row_group(group, [name], use_threads=False)[name].null_count
                if nulls:
                    _damaged(entry, f"has {nulls} rows without {name}, which every event has", "schema")


def _check_times(parquet: pq.ParquetFile, entry: FileEntry) -> None:
    bounds: list[int] = []
    for group in range(parquet.metadata.num_row_groups):
        times = parquet.read_row_group(group, ["occurred_at"], use_threads=False)["occurred_at"].cast(pa.int64())
        found = pc.min_max(times).as_py()
        bounds.extend(value for value in found.values() if value is not None)
    if bounds and not FIRST_MICROS <= min(bounds) <= max(bounds) <= LAST_MICROS:
        _damaged(entry, "has an occurred_at outside the years 1 to 9999", "times")
    first, last = (write_utc(from_micros(bound(bounds))) if bounds else None for bound in (min, max))
    if (first, last) != (entry.min_time, entry.max_time):
        _damaged(entry, f"has events from {first} to {last}, its manifest says {entry.min_time} to {entry.max_time}", "times")


@contextmanager
def _parquet_errors(entry: FileEntry) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, EOFError, OverflowError, MemoryError) as error:
        line = " ".join(str(error).split())[:200]
        raise DamagedFileError(f"{entry.path} is not a readable Parquet file: {line}", path=entry.path, reason="footer") from None


def _damaged(entry: FileEntry, what: str, reason: str) -> NoReturn:
    raise DamagedFileError(f"{entry.path} {what}", path=entry.path, reason=reason)
