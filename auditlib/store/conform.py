"""Conforming batches: what a caller gives to publish, checked and laid out as the schema says."""

from __future__ import annotations

from typing import Final, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from auditlib.errors import SchemaError
from auditlib.schema import COLUMNS, EVENT_ID, OPTIONAL, REQUIRED, SCHEMA, TIMESTAMP, TYPE_KEY
from auditlib.store.footer import column_type, plain_type
from auditlib.times import FIRST_MICROS, LAST_MICROS

_PATTERNS: Final = {"event_id": EVENT_ID, "resource_type": TYPE_KEY}


def file_schema(columns: pa.Schema) -> pa.Schema:
    """The schema of the file that batches with these columns are written to.

    Raises SchemaError with `column=` for a column that is missing, unknown, there twice, or of another
    type: times must be microseconds in UTC and are never shifted.
    """
    for name in COLUMNS:
        if name not in columns.names:
            _refuse(f"The column {name} is missing", name)
    for column in columns:
        expected = column_type(column.name)
        if expected is None:
            _refuse(f"The column {column.name!r} is none of an event's", column.name)
        if columns.names.count(column.name) != 1:
            _refuse(f"The column {column.name} is there more than once", column.name)
        if plain_type(column.type) != expected:
            _refuse(f"The column {column.name} holds {column.type}, expected {expected}", column.name)
    return pa.schema([*SCHEMA, *(pa.field(name, pa.string()) for name in OPTIONAL if name in columns.names)])


def conform(batch: pa.RecordBatch, schema: pa.Schema, first_row: int) -> pa.RecordBatch:
    """The batch in the columns, order and layout of a file schema.

    `first_row` is the number of rows before it, for messages. Raises SchemaError with `column=` and `row=`
    (from 0, over all batches; None where the columns themselves are at fault) for a value an event cannot
    have: missing where it is required, not UTF-8, an id or resource type of other characters, a time
    outside the years 1 to 9999.
    """
    if file_schema(batch.schema) != schema:
        _refuse(f"The batch at row {first_row} has other columns than the one before it", None)
    columns = [_column(batch.column(field.name), field, first_row) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(values: pa.Array, field: pa.Field, first_row: int) -> pa.Array:
    name = field.name
    try:
        values.validate(full=True)
        values = values.cast(field.type)
    except (pa.ArrowException, ValueError) as error:
        _refuse(f"The column {name} holds bytes that are no valid {field.type} from row {first_row} on: {error}", name, first_row)
    if name in REQUIRED and values.null_count:
        _refuse_row(name, pc.is_valid(values), first_row, "is missing")
    if name in _PATTERNS:
        good = pc.match_substring_regex(values, rf"\A(?:{_PATTERNS[name]})\z")
        _refuse_row(name, good, first_row, f"does not match {_PATTERNS[name]}")
    if field.type == TIMESTAMP:
        micros = values.cast(pa.int64())
        good = pc.and_(pc.greater_equal(micros, FIRST_MICROS), pc.less_equal(micros, LAST_MICROS))
        _refuse_row(name, good, first_row, "is outside the years 1 to 9999")
    return values


def _refuse_row(name: str, good: pa.Array, first_row: int, what: str) -> None:
    index = pc.index(good, False).as_py()
    if index >= 0:
        row = first_row + index
        _refuse(f"Row {row}: {name} {what}", name, row)


def _refuse(sentence: str, column: str | None, row: int | None = None) -> NoReturn:
    raise SchemaError(sentence, column=column, row=row)
