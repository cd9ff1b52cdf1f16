"""What is asked of the desk, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

import pyarrow as pa

from auditlib.errors import QueryRefusedError
from auditlib.text import html_table, one_line

TIMEOUT: Final = 10.0
LONGEST_TIMEOUT: Final = 600.0
MAX_ROWS: Final = 100_000
MAX_BYTES: Final = 64 << 20
MAX_COLUMNS: Final = 1_000

_VALUES: Final = (type(None), bool, int, float, str, bytes, Decimal, date, datetime, time, timedelta)
_SHOWN_ROWS: Final = 20


@dataclass(frozen=True, slots=True)
class Question:
    """A query, the values of its parameters by name, and its limits: seconds, rows, and bytes of Arrow data."""

    text: str
    parameters: Mapping[str, object]
    timeout: float = TIMEOUT
    max_rows: int = MAX_ROWS
    max_bytes: int = MAX_BYTES

    def check(self) -> None:
        """Raises QueryRefusedError where a parameter is no plain value, or a limit is none."""
        for name, value in self.parameters.items():
            each = value if isinstance(value, list | tuple) else [value]
            if not all(isinstance(item, _VALUES) for item in each):
                kind = type(value).__name__
                raise QueryRefusedError(f"The parameter {one_line(name, 40)} is of type {kind}: expected a plain value", reason="parameter")
        if not 0 < self.timeout <= LONGEST_TIMEOUT:
            raise QueryRefusedError(
                f"A query cannot be given {self.timeout:g} seconds: expected at most {LONGEST_TIMEOUT:g}", reason="limit"
            )
        if self.max_rows < 1 or self.max_bytes < 1:
            raise QueryRefusedError("A query must be allowed at least one row and one byte", reason="limit")


@dataclass(frozen=True, slots=True)
class SqlResult:
    """The answer to a query.

    Attributes:
        table: the rows; times are in UTC.
        truncated: a sentence where there were more rows than are here, else an empty text.
        elapsed: seconds from asking to the last row.
    """

    table: pa.Table
    truncated: str
    elapsed: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.table.column_names)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def _repr_html_(self) -> str:
        rows = zip(*(column.to_pylist() for column in self.table.slice(0, _SHOWN_ROWS).columns), strict=True)
        of = f"{len(self):,} rows" if len(self) <= _SHOWN_ROWS else f"The first {_SHOWN_ROWS} of {len(self):,} rows"
        said = " ".join(part for part in (f"{of} in {self.elapsed:.2f} s.", self.truncated) if part)
        return html_table(self.columns, rows, said)
