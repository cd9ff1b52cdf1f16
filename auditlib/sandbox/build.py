"""The child that builds the derived database from the descriptors of verified files it is handed one by one.

Rows stay in the order of publishing, so that their row ids say which of several repeats came first.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from pathlib import Path
from typing import Final

import duckdb

from auditlib.sandbox.functions import RECORDED
from auditlib.sandbox.messages import plain
from auditlib.schema import COLUMNS

_MEMORY_BYTES: Final = 6 << 30
_COLUMNS: Final = ", ".join(COLUMNS)
_TYPES: Final = {"occurred_at": "TIMESTAMPTZ", "recorded_at": "TIMESTAMPTZ", "source_row": "BIGINT"}

_DECLARED: Final = ", ".join(f"{name} {_TYPES.get(name, 'VARCHAR')}" for name in COLUMNS)
_CREATE: Final = f"CREATE TABLE {RECORDED} ({_DECLARED})"
_LOAD: Final = f"INSERT INTO {RECORDED} SELECT {_COLUMNS} FROM read_parquet($path)"

_REPEATED: Final = f"""
CREATE TEMP TABLE repeated AS
SELECT rowid AS place, sha256(metadata) AS digest,
  row_number() OVER (PARTITION BY event_id, sha256(metadata) ORDER BY rowid) AS copy,
  first_value(sha256(metadata)) OVER (PARTITION BY event_id ORDER BY rowid) AS first_digest
FROM {RECORDED}
WHERE event_id IN (SELECT event_id FROM {RECORDED} GROUP BY event_id HAVING count(*) > 1)"""

_DROP: Final = f"DELETE FROM {RECORDED} WHERE rowid IN (SELECT place FROM repeated WHERE copy > 1)"

_RENAME: Final = f"""
UPDATE {RECORDED} SET event_id = event_id || '~' || digest[:12]
FROM repeated WHERE {RECORDED}.rowid = place AND copy = 1 AND digest <> first_digest"""


def main() -> None:
    """Answers each message with a line of JSON; the arguments are the descriptor of a socket, and the database's path."""
    descriptor, target = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=int(descriptor)) as parent, parent.makefile("w", encoding="utf-8") as answers:
        spill = str(Path(target).with_name("spill"))
        connection = duckdb.connect(
            target, config={"memory_limit": "1500MB", "temp_directory": spill, "autoload_known_extensions": "false"}
        )
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_CREATE)
        while True:
            what, files, _, _ = socket.recv_fds(parent, 1, 1)
            if not what:
                os._exit(1)
            try:
                answer = _load(connection, files[0]) if what == b"L" else _finish(connection)
            except (duckdb.Error, MemoryError) as error:
                answer = {"error": plain(str(error)) or "it needs more memory than it may take"}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def _load(connection: duckdb.DuckDBPyConnection, file: int) -> dict[str, object]:
    try:
        connection.execute(_LOAD, {"path": f"/proc/self/fd/{file}" if sys.platform == "linux" else f"/dev/fd/{file}"})
    finally:
        os.close(file)
    return {}


def _finish(connection: duckdb.DuckDBPyConnection) -> dict[str, object]:
    for statement in (_REPEATED, _DROP, _RENAME, "DROP TABLE repeated", "CHECKPOINT"):
        connection.execute(statement)
    events = connection.execute(f"SELECT count(*) FROM {RECORDED}").fetchall()[0][0]
    connection.close()
    return {"events": events}
