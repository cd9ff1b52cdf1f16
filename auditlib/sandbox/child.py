"""A child: opens the derived database, gives up whatever it does not need, and answers the questions of one person.

Three locks, each of which would do alone against most: the gate; a read-only connection without access to anything outside,
whose settings are locked; and a process without environment, that the kernel lets neither open another file or socket nor
write to one, nor take more memory and time than it was given.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import select
import sys
import threading
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from auditlib.errors import AuditError, QueryError
from auditlib.sandbox import frames, functions, gate
from auditlib.sandbox.messages import plain
from auditlib.sandbox.question import LONGEST_TIMEOUT, MAX_COLUMNS, Question

MEMORY_BYTES: Final = 3 << 30
"""What a child may take beyond what it holds when it is ready: texts in work are not counted by DuckDB's own limit."""

THREADS: Final = 2
_BATCH_ROWS: Final = 256
_MOST_HELD_KIB: Final = 768 << 10
"""A child that a query made hold more is not asked again. What it is said to have held when it was ready does not count: that can be
what its parent held when it was started (getrusage(2), ru_maxrss)."""

_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "memory_limit": "1GB",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "threads": str(THREADS),
}

_WARMING: Final[tuple[tuple[str, dict[str, object]], ...]] = (
    ("SELECT * FROM events ORDER BY occurred_at LIMIT 1", {}),
    ("SELECT json_serialize_sql('SELECT 1'), fold('É'), strftime(now(), '%a'), in_network('10.0.0.1', '10.0.0.0/8')", {}),
    ("SELECT $a, $b, $c, $d, $e", {"a": datetime.now(UTC), "b": date.today(), "c": Decimal(1), "d": ["x"], "e": timedelta(1)}),
)
"""Queries that make DuckDB and Python load whatever they load only when it is needed: afterwards no file can be opened."""


def main() -> None:
    """Answers questions of standard input on standard output; the arguments are the database's descriptor and `masked` or `plain`."""
    database, masking = sys.argv[1:]
    answers = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    folder = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    connection = _opened(f"{folder}/{database}", hide_secrets=masking == "masked")
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    _lock_process()
    allowed_kib = max(_MOST_HELD_KIB, _held_kib())
    with suppress(OSError):
        frames.send(answers, frames.READY)
        while received := frames.receive(0):
            _answer(connection, pickle.loads(received[1]), answers, allowed_kib)
    os._exit(0)


def _opened(path: str, *, hide_secrets: bool) -> duckdb.DuckDBPyConnection:
    """A read-only connection whose first query has already been run, so that later ones need no file to be opened."""
    connection = duckdb.connect(path, read_only=True, config=_CONFIG)
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET max_execution_time = {LONGEST_TIMEOUT * 1000:.0f}")
    functions.teach(connection, hide_secrets=hide_secrets)
    for statement, parameters in _WARMING:
        connection.sql(statement, params=parameters).to_arrow_table()
    connection.execute("SET lock_configuration = true")
    return connection


def _lock_process() -> None:
    """Gives up, for good, what a query cannot need."""
    with suppress(OSError):  # only Linux has it: whoever runs out of memory first is this process
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(descriptor, b"1000")
        os.close(descriptor)
    mapped = _virtual_bytes()
    first_unused = os.dup(0)
    os.close(first_unused)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    if mapped:
        _limit(resource.RLIMIT_AS, mapped + MEMORY_BYTES)
    _limit(resource.RLIMIT_NOFILE, first_unused)


def _limit(what: int, most: int) -> None:
    resource.setrlimit(what, (most, most))


def _virtual_bytes() -> int:
    """What this process has mapped (proc(5), statm); 0 on systems that do not tell."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    return 0


def _end_with_the_parent() -> None:
    """Ends the process, in the middle of a query too, as soon as nobody can ask or hear any more."""
    poll = select.poll()
    poll.register(0, 0)
    poll.poll()
    os._exit(0)


def _held_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _answer(connection: duckdb.DuckDBPyConnection, question: Question, answers: int, allowed_kib: int) -> None:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(spent.ru_utime + spent.ru_stime + question.timeout * THREADS) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))
    try:
        text, plan = gate.without_explain(question.text)
        gate.check_statement(text, lambda statement: _serialized(connection, statement))
        _send_rows(connection.sql(f"EXPLAIN {text}" if plan else text, params=question.parameters or None), question, answers, allowed_kib)
    except AuditError as error:
        _fail(answers, type(error).__name__, error.message, str(error.values.get("reason", "")))
    except (MemoryError, duckdb.OutOfMemoryException, pa.ArrowMemoryError):
        _fail(answers, "QueryError", "The query needs more memory than it may take", "memory")
    except (duckdb.Error, pa.ArrowException, ValueError, RuntimeError) as error:
        _fail(answers, "QueryError", f"The query failed: {plain(str(error))}", "sql")


def _serialized(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    return str(connection.execute("SELECT json_serialize_sql($1)", [text]).fetchall()[0][0])


def _fail(answers: int, kind: str, sentence: str, reason: str) -> None:
    frames.send(
        answers, frames.FAILED, json.dumps({"kind": kind, "sentence": sentence, "reason": reason, "again": reason != "memory"}).encode()
    )


def _send_rows(relation: Any, question: Question, answers: int, allowed_kib: int) -> None:
    """Sends rows until there are no more, or a limit is reached; then says which, before the query is even ended."""
    reader = relation.to_arrow_reader(_BATCH_ROWS)
    if len(reader.schema) > MAX_COLUMNS:
        raise QueryError(f"The answer has {len(reader.schema):,} columns: expected at most {MAX_COLUMNS:,}", reason="columns")
    reached, rows, size = "", question.max_rows, question.max_bytes
    with pa.ipc.new_stream(_Sink(answers), reader.schema) as stream:
        for batch in reader:
            kept = batch.slice(0, rows)
            fitting = _fitting(kept, size)
            stream.write_batch(kept.slice(0, fitting))
            if fitting < batch.num_rows:
                reached = "bytes" if fitting < kept.num_rows else "rows"
                break
            rows, size = rows - kept.num_rows, size - kept.nbytes
    again = not reached and _held_kib() <= allowed_kib
    frames.send(answers, frames.DONE, json.dumps({"truncated": reached, "again": again}).encode())
    if not again:
        os._exit(0)


def _fitting(batch: pa.RecordBatch, most_bytes: int) -> int:
    """How many of the first rows fit."""
    if batch.nbytes <= most_bytes:
        return int(batch.num_rows)
    few, many = 0, batch.num_rows
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (middle, many) if batch.slice(0, middle).nbytes <= most_bytes else (few, middle)
    return few


class _Sink:
    """A file of which each write is one frame."""

    closed = False

    def __init__(self, answers: int) -> None:
        self._answers = answers

    def write(self, piece: bytes) -> int:
        frames.send(self._answers, frames.ROWS, bytes(piece))
        return len(piece)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass
