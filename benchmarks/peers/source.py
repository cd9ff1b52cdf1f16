"""What every peer is given: the events of a store in plain columns, read from its files by DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from auditlib import vocabulary

LISTED: Final = {
    "event_id": "text", "micros": "bigint", "interviews": "boolean", "team": "boolean",
    "actor_id": "text", "actor_name": "text", "actor_email": "text", "actor_role": "text",
    "action": "text", "outcome": "text", "resource_type": "text", "resource_id": "text",
    "interviewer_id": "text", "interviewer_name": "text", "candidate_id": "text", "candidate_name": "text",
    "summary": "text", "ip": "text", "ip_number": "bigint",
}  # fmt: skip
"""Columns that lists show and filters ask, with their types in SQL."""
RECORDED: Final = ("related", "user_agent", "changes", "metadata")
"""Columns that only the open entry shows."""

FILTERED: Final = ("action", "actor_id", "candidate_id", "interviewer_id", "resource_type")
"""Columns that a filter asks for one value of, in the log's order."""


def quoted(values: tuple[str, ...] | list[str]) -> str:
    """Texts as SQL literals, with commas."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def prefix(network: IPv4Network | IPv6Network) -> str:
    """What every address of an IPv4 network of whole octets begins with."""
    octets = network.prefixlen // 8
    return "".join(f"{octet}." for octet in str(network.network_address).split(".")[:octets])


def events_sql(store: Path, *columns: str) -> str:
    """A query of DuckDB for the events in the order of publishing: all columns of the files and those derived from them, or some."""
    interviews = f"resource_type IN ({quoted(vocabulary.INTERVIEW_TYPES)})"
    number = " + ".join(f"split_part(ip, '.', {place + 1})::BIGINT * {256 ** (3 - place)}" for place in range(4))
    return (
        f"SELECT {', '.join(columns) or '*'} FROM (SELECT *, epoch_us(occurred_at) AS micros, {interviews} AS interviews, "
        f"NOT {interviews} OR coalesce(actor_role IN ({quoted(sorted(vocabulary.TEAM_ROLES))}), false) AS team, {number} AS ip_number, "
        f"coalesce(json_extract_string(changes, '$[*].field'), []) AS changed FROM read_parquet('{store}/data/*.parquet'))"
    )


def batches(store: Path, *columns: str, rows: int = 50_000) -> Iterator[pa.RecordBatch]:
    """The events in the order of publishing, some thousands at a time."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield from connection.sql(events_sql(store, *columns)).to_arrow_reader(rows)
