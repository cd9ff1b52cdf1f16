"""Answers of any columns, such as those of SQL, as a table for the terminal, JSON, JSON lines, CSV or Parquet."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from auditlib.errors import ExportError
from auditlib.evidence.exports import csv_line
from auditlib.text import one_line
from auditlib.times import write_utc

_WIDEST: Final = 60


def written(table: pa.Table, key: str, about: Mapping[str, str]) -> bytes:
    """A table in the format of a key; Parquet also holds what is said `about` it.

    Times with a zone are written in UTC, those without as they are, numbers that no JSON number can hold as text.
    Raises ExportError for an unknown format, and for values the format has no way to write.
    """
    if key not in _WRITERS:
        raise ExportError(f"No format {key!r}: expected one of {', '.join(_WRITERS)}", format=key)
    named = table.rename_columns(_unique(table.column_names))
    try:
        return _WRITERS[key](named.replace_schema_metadata({f"audit_logs.{name}": value for name, value in about.items()}))
    except (pa.ArrowException, ValueError, OverflowError) as error:
        why = one_line(str(error), 120)
        raise ExportError(f"The answer holds values that {key} cannot write: {why}", format=key) from error


def _unique(names: list[str]) -> list[str]:
    """The names, repeated ones numbered."""
    found: dict[str, None] = {}
    for name in names:
        number, free = 2, name
        while free in found:
            number, free = number + 1, f"{name}_{number}"
        found[free] = None
    return list(found)


def _rows(table: pa.Table) -> Iterator[list[Any]]:
    for batch in table.to_batches(max_chunksize=4096):
        columns = [[_plain(value) for value in column.to_pylist(maps_as_pydicts="lossy")] for column in batch.columns]
        yield from map(list, zip(*columns, strict=True))


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value) if Decimal(str(float(value))) == value else str(value)
        case datetime():
            return write_utc(value) if value.tzinfo else value.isoformat(timespec="microseconds")
        case date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case pa.MonthDayNano():
            return f"P{value.months}M{value.days}DT{value.nanoseconds / 1e9:g}S"
        case dict():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return str(value)


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _objects(table: pa.Table) -> list[str]:
    return [_json_text(dict(zip(table.column_names, row, strict=True))) for row in _rows(table)]


def _json_lines(table: pa.Table) -> bytes:
    return "".join(f"{line}\n" for line in _objects(table)).encode("utf-8", "surrogatepass")


def _json(table: pa.Table) -> bytes:
    return ("[\n" + ",\n".join(_objects(table)) + "\n]\n").encode("utf-8", "surrogatepass")


def _csv(table: pa.Table) -> bytes:
    rows = ([_json_text(value) if isinstance(value, dict | list) else value for value in row] for row in _rows(table))
    return b"".join((csv_line(table.column_names), *(csv_line(row) for row in rows)))


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _table(table: pa.Table) -> bytes:
    """Columns side by side, their names above, for reading in a terminal."""
    cells = [[_cell(name) for name in table.column_names], *([_cell(value) for value in row] for row in _rows(table))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "".join(f"{line}\n" for line in lines).encode()


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else _json_text(value)
    return one_line(text, _WIDEST)


_WRITERS: Final[Mapping[str, Callable[[pa.Table], bytes]]] = MappingProxyType(
    {"table": _table, "json": _json, "jsonl": _json_lines, "csv": _csv, "parquet": _parquet}
)
