"""Cells of a result as the table draws them: numbers as numbers where a browser can hold them, all else as visible text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from auditlib.text import shown_line

_LARGEST: Final = 1 << 53
_LONGEST: Final = 1_000


def columns(table: pa.Table) -> dict[str, list[Any]]:
    """The columns of some rows, named by their place: repeated names of a query would else meet."""
    return {f"c{place}": column(each.to_pylist(maps_as_pydicts="lossy")) for place, each in enumerate(table.columns)}


def column(values: Sequence[Any]) -> list[Any]:
    """The cells of a column: all of one kind, numbers or texts."""
    numbers = [number(value) for value in values]
    if all(found is not None or value is None for found, value in zip(numbers, values, strict=True)):
        return numbers
    return [None if value is None else text(value) for value in values]


def number(value: Any) -> int | float | None:
    """A value as a number that a browser holds exactly, or None."""
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, float) or abs(value) < _LARGEST else None


def text(value: Any) -> str:
    """A value as text; times with a zone in UTC."""
    if isinstance(value, datetime):
        written = value.isoformat(" ", "microseconds" if value.microsecond else "seconds")
        return written.replace("+00:00", "Z")
    if isinstance(value, dict | list | tuple):
        value = json.dumps(value, ensure_ascii=False, default=text)
    if isinstance(value, bytes):
        value = value.hex()
    return shown_line(str(value), _LONGEST)


def names(table: pa.Table) -> dict[str, str]:
    """What stands above each column."""
    return {f"c{place}": shown_line(name, 80) for place, name in enumerate(table.column_names)}
