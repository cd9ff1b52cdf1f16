"""Loading a published lake table into PostgreSQL, which reads no Parquet: all of it, in one transaction."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

import pyarrow as pa

from auditlib.engine.lake.connection import named, unreachable
from auditlib.engine.lake.layout import EVENTS, HEAD, PARTITIONS, PEOPLE
from auditlib.engine.lake.output import HEAD_FILE, Output
from auditlib.engine.serving import Progress
from auditlib.errors import AuditError, LakeError

INDEXES: Final = ("occurred_us DESC, event_id DESC", "event_id", "day")
_TYPES: Final = {pa.string(): 'text COLLATE "C"', pa.int64(): "bigint", pa.bool_(): "boolean"}
_NUL: Final = "\x00"
_SHOWN: Final = "\u2400"
"""PostgreSQL holds no text with NUL (manual, section 8.3): it is written as the picture of one."""


def load_lake(place: str, url: str, table: str, progress: Progress | None = None) -> tuple[int, int]:
    """Loads what `lake publish` wrote, in place of what the tables held; gives how many events, and how many texts held NUL.

    Whoever reads meanwhile reads the tables as they were. Raises LakeError where the server or the place cannot be
    used, and UnreachableError for an object store that does not answer.
    """
    report = progress or (lambda stage, done, total: None)
    import psycopg

    output = Output(place)
    parts = output.manifest()[1].values()
    if not parts:
        raise LakeError("Nothing is published there: publish it with `lake publish`", reason="output")
    files = [file for part in parts for file in part.files]
    total = sum(file.rows for file in files if file.path.startswith("events/"))
    done = replaced = 0
    try:
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            for side, schema in (("events", _events_schema()), ("people", PEOPLE), ("head", HEAD)):
                name = _quoted(table if side == "events" else f"{table}_{side}")
                columns = ", ".join(f'"{field.name}" {_TYPES.get(field.type, "timestamptz")}' for field in schema)
                cursor.execute(f"DROP TABLE IF EXISTS {name}")
                cursor.execute(f"CREATE TABLE {name} ({columns})")
                with cursor.copy(f"COPY {name} FROM STDIN") as copy:
                    for path in [HEAD_FILE] if side == "head" else [file.path for file in files if file.path.startswith(f"{side}/")]:
                        for row in _rows(output, path, schema):
                            shown = [value.replace(_NUL, _SHOWN) if isinstance(value, str) else value for value in row]
                            replaced += sum(isinstance(value, str) and _NUL in value for value in row)
                            copy.write_row(shown)
                            done += side == "events"
                        report("Loading events", done, total)
                if side == "events":
                    for columns in INDEXES:
                        cursor.execute(f"CREATE INDEX ON {name} ({columns})")
    except AuditError:
        raise
    except psycopg.Error as error:
        raise unreachable(named(url), error) from error
    return done, replaced


def _events_schema() -> pa.Schema:
    return pa.schema([*EVENTS, *(pa.field(name, pa.string()) for name in PARTITIONS)])


def _rows(output: Output, path: str, schema: pa.Schema) -> Iterator[tuple[object, ...]]:
    """The rows of one file, the values that its folders' names hold behind the others."""
    in_path = [unquote(folder.partition("=")[2]) for folder in posixpath.dirname(path).split("/") if "=" in folder]
    names = [field.name for field in schema if field.name not in PARTITIONS]
    with output.parquet(path) as file:
        for batch in file.iter_batches(columns=names):
            for row in zip(*(column.to_pylist() for column in batch.select(names).columns), strict=True):
                yield (*row, *in_path)


def _quoted(table: str) -> str:
    return ".".join(f'"{part}"' for part in table.split("."))
