"""Verified snapshot files into one cache file: newest first, with a position, metadata left where it is.

The cache holds one table `events` in the log's total order (time descending, event id descending,
unknown times last), each event with its position on each tab, so that an unfiltered page is a range.
Of the metadata it keeps the SHA-256 and the place (file and row); the text is read from the snapshot
when it is asked for, and checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from auditlib import vocabulary
from auditlib.engine.serving import Progress
from auditlib.errors import DamagedFileError
from auditlib.schema import COLUMNS
from auditlib.store import VerifiedFile
from auditlib.text import fold
from auditlib.times import FIRST_MICROS, LAST_MICROS

CACHE_FORMAT: Final = "auditlib-cache/1"

KEPT: Final = tuple(name for name in COLUMNS if name not in ("occurred_at", "recorded_at", "metadata"))
"""Columns the cache holds as they are; the times become `occurred` and `recorded`, in microseconds."""


@dataclass(frozen=True, slots=True)
class Part:
    """One verified file to load: its number in the cache, its snapshot, and how to open it again."""

    number: int
    snapshot: int
    rows: int
    open: Callable[[], VerifiedFile]


def build(connection: duckdb.DuckDBPyConnection, parts: Sequence[Part], progress: Progress) -> None:
    """Fills an empty database with the cache's tables.

    Raises DamagedFileError where a file is no longer what was verified, or (`reason="content"`) holds values that no
    event can have, such as bytes that are not UTF-8: its digest then agrees, and it can still not be shown.
    """
    total = sum(part.rows for part in parts)
    connection.execute(_STAGED)
    done = 0
    for part in parts:
        progress("Loading events", done, total)
        with part.open() as file:
            _stage(connection, part, file)
            file.assert_unchanged()
        done += part.rows
    progress("Sorting events", done, total)
    duplicates = _resolve_repeats(connection)
    connection.execute(_EVENTS)
    connection.execute("DROP TABLE stage.staged")
    progress("Indexing people and words", done, total)
    _search_table(connection, "actor_names", "SELECT DISTINCT actor_name FROM events WHERE actor_name IS NOT NULL")
    _search_table(connection, "resource_ids", "SELECT DISTINCT resource_id FROM events WHERE resource_id IS NOT NULL")
    _people(connection)
    connection.execute("CREATE TABLE addresses AS SELECT DISTINCT ip AS value FROM events WHERE ip IS NOT NULL")
    connection.execute("CREATE INDEX by_id ON events (event_id)")
    events, first, last = connection.execute("SELECT count(*), min(occurred), max(occurred) FROM events").fetchall()[0]
    summary = {"format": CACHE_FORMAT, "events": events, "duplicates": duplicates, "first": first, "last": last}
    connection.execute("CREATE TABLE about (text VARCHAR)")
    connection.execute("INSERT INTO about VALUES (?)", [json.dumps(summary)])
    progress("Ready", total, total)


def _stage(connection: duckdb.DuckDBPyConnection, part: Part, file: VerifiedFile) -> None:
    name = file.entry.path
    try:
        connection.execute(_STAGE, {"path": file.path, "file": part.number, "snapshot": part.snapshot})
    except duckdb.OperationalError:  # memory or disk ran out, which says nothing about the file
        raise
    except duckdb.Error as error:
        line = str(error).splitlines()[0].replace(file.path, name)
        raise DamagedFileError(f"{name} was verified, but cannot be loaded: {line}", path=name, reason="content") from error


def _resolve_repeats(connection: duckdb.DuckDBPyConnection) -> int:
    """Drops identical repeats, renames later bodies of one id, marks conflicts; returns how many were dropped.

    The rule is the contract's, section 3: the first published wins.
    """
    connection.execute(_REPEATED)
    dropped = connection.execute("SELECT count(*) FROM repeated WHERE copy > 1").fetchall()[0][0]
    if connection.execute("SELECT count(*) FROM repeated").fetchall()[0][0]:
        connection.execute(
            "DELETE FROM stage.staged USING repeated r WHERE staged.file = r.file AND staged.file_row = r.file_row AND r.copy > 1"
        )
        connection.execute(_RENAME)
    connection.execute(_NATIVE_CONFLICTS)
    return int(dropped)


def _search_table(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    values = connection.sql(query).to_arrow_table().column(0)
    _write(connection, name, {"value": values, "folded": _folded(values)})


def _people(connection: duckdb.DuckDBPyConnection) -> None:
    people = connection.sql(_PEOPLE).to_arrow_table()
    haystack = [fold("\n".join(part for part in (person["name"], person["email"], person["id"]) if part)) for person in people.to_pylist()]
    _write(connection, "people", {**dict(zip(people.column_names, people.columns, strict=True)), "folded": pa.array(haystack, pa.string())})


def _folded(values: pa.ChunkedArray) -> pa.Array:
    return pa.array((fold(value) for value in values.to_pylist()), pa.string())


def _write(connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, pa.Array | pa.ChunkedArray]) -> None:
    connection.register("incoming", pa.table(columns))
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
    connection.unregister("incoming")


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


_COPIED: Final = ", ".join(KEPT)

_STAGED: Final = f"""
CREATE TABLE stage.staged (
  {", ".join(f"{name} {'BIGINT' if name == 'source_row' else 'VARCHAR'}" for name in KEPT)},
  occurred BIGINT, recorded BIGINT, digest BLOB, snapshot INTEGER, file INTEGER, file_row BIGINT, conflicts BOOLEAN
)"""

_STAGE: Final = f"""
INSERT INTO stage.staged
SELECT {_COPIED}, epoch_us(occurred_at),
  CASE WHEN recorded_at IS NULL OR epoch_us(recorded_at) BETWEEN {FIRST_MICROS} AND {LAST_MICROS} THEN epoch_us(recorded_at)
    ELSE error('a recorded_at is outside the years 1 to 9999') END,
  unhex(sha256(metadata)), $snapshot, $file, file_row_number, false
FROM read_parquet($path, file_row_number = true)"""

_REPEATED: Final = """
CREATE TEMP TABLE repeated AS
SELECT file, file_row, digest,
  row_number() OVER (PARTITION BY event_id, digest ORDER BY file, file_row) AS copy,
  first_value(digest) OVER (PARTITION BY event_id ORDER BY file, file_row) AS first_digest,
  count(DISTINCT digest) OVER (PARTITION BY event_id) > 1 AS conflicts
FROM stage.staged
WHERE event_id IN (SELECT event_id FROM stage.staged GROUP BY event_id HAVING count(*) > 1)"""

_RENAME: Final = """
UPDATE stage.staged SET
  event_id = CASE WHEN r.digest = r.first_digest THEN event_id ELSE event_id || '~' || lower(hex(r.digest))[:12] END,
  conflicts = true
FROM repeated r
WHERE staged.file = r.file AND staged.file_row = r.file_row AND r.conflicts"""

_NATIVE_CONFLICTS: Final = """
UPDATE stage.staged SET conflicts = true
FROM (
  SELECT source, tenant, source_event_id FROM stage.staged WHERE source_event_id IS NOT NULL
  GROUP BY ALL HAVING count(*) > 1 AND count(DISTINCT digest) > 1
) claimed
WHERE staged.source = claimed.source AND staged.tenant IS NOT DISTINCT FROM claimed.tenant
  AND staged.source_event_id = claimed.source_event_id"""

_ON_INTERVIEWS: Final = f"resource_type IN ({_quoted(vocabulary.INTERVIEW_TYPES)})"
_ON_TEAM: Final = f"(coalesce(actor_role IN ({_quoted(vocabulary.TEAM_ROLES)}), false) OR NOT {_ON_INTERVIEWS})"

_EVENTS: Final = f"""
CREATE TABLE events AS
SELECT * EXCLUDE (on_interviews, on_team),
  (row_number() OVER () - 1)::INTEGER AS pos,
  CASE WHEN on_interviews THEN (sum(on_interviews::INTEGER) OVER before - 1)::INTEGER END AS interviews_pos,
  CASE WHEN on_team THEN (sum(on_team::INTEGER) OVER before - 1)::INTEGER END AS team_pos
FROM (
  SELECT *,
    {_ON_INTERVIEWS} AS on_interviews,
    {_ON_TEAM} AS on_team,
    CASE WHEN json_valid(changes)
      THEN list_transform(
        list_filter(json_extract(changes, '$[*].field'), lambda f: json_type(f) = 'VARCHAR'),
        lambda f: json_extract_string(f, '$')
      )
    END AS changed_fields,
    list_transform(
      list_filter(
        map_entries(try_cast(try_cast(related AS JSON) AS MAP(VARCHAR, JSON))),
        lambda e: json_type(e.value) IN ('VARCHAR', 'UBIGINT', 'BIGINT')
      ),
      lambda e: e.key || ':' || json_extract_string(e.value, '$')
    ) AS related_pairs
  FROM stage.staged
  ORDER BY occurred DESC NULLS LAST, event_id DESC
)
WINDOW before AS (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"""

_PEOPLE: Final = f"""
WITH seen AS (
  SELECT 'interviewer' AS kind, interviewer_id AS id, interviewer_name AS name, NULL AS email, pos FROM events
  UNION ALL SELECT 'candidate', candidate_id, candidate_name, NULL, pos FROM events
  UNION ALL SELECT 'actor', actor_id, actor_name, actor_email, pos FROM events
  UNION ALL SELECT 'member', actor_id, actor_name, actor_email, pos FROM events WHERE actor_role IN ({_quoted(vocabulary.TEAM_ROLES)})
)
SELECT kind, id, name, email, count(*) AS events, min(pos) AS newest FROM seen WHERE id <> '' GROUP BY ALL"""
