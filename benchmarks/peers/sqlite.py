"""SQLite: B-trees for the filters, FTS5 with trigrams for the search."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

from auditlib.view import View
from benchmarks.peers.source import FILTERED, LISTED, RECORDED, batches, quoted
from benchmarks.peers.sql import SqlPeer, people_sql

_TRIGRAM: Final = 3
INDEXES: Final = (
    *(
        f"CREATE INDEX {tab}_{name} ON events ({order}) WHERE {tab}"
        for tab in ("interviews", "team")
        for name, order in {"newest": "micros DESC, event_id DESC", "oldest": "micros IS NULL, micros, event_id"}.items()
    ),
    *(f"CREATE INDEX by_{column} ON events ({column}, micros DESC, event_id DESC)" for column in FILTERED),
    "CREATE UNIQUE INDEX by_event_id ON events (event_id)",
    "CREATE INDEX by_resource_id ON events (resource_id)",
    "CREATE INDEX by_ip ON events (ip_number)",
    "CREATE INDEX by_field ON changed (field, id)",
    "CREATE UNIQUE INDEX by_record ON records (event_id)",
)


class Sqlite(SqlPeer):
    title = "SQLite"
    setup = (
        "one file: the same tables and B-trees as PostgreSQL, changed fields in a table of their own, names and resource ids in a "
        "contentless FTS5 table of trigrams (shorter needles scan), a table of people, 1 GiB of page cache, mapped reading, then "
        "ANALYZE."
    )
    version = sqlite3.sqlite_version
    keyset = True
    people = "people"
    whole = "SELECT metadata, * FROM records JOIN events USING (event_id) WHERE event_id = {}"

    def load(self, store: Path, folder: Path) -> None:
        self._connection = connection = sqlite3.connect(folder / "events.sqlite", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1048576", "mmap_size = 8589934592", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        listed = ", ".join(f"{name} {kind}" for name, kind in LISTED.items())
        connection.execute(f"CREATE TABLE events (id integer PRIMARY KEY, {listed})")
        connection.execute(f"CREATE TABLE records (event_id text, {', '.join(f'{name} text' for name in RECORDED)})")
        connection.execute("CREATE TABLE changed (id integer, field text)")
        connection.execute("CREATE VIRTUAL TABLE search USING fts5(actor_name, resource_id, content='', tokenize='trigram')")
        into = {
            name: f"INSERT INTO {name} VALUES ({', '.join('?' * count)})"
            for name, count in {"events": len(LISTED) + 1, "records": len(RECORDED) + 1, "changed": 2}.items()
        }
        first = 0
        for batch in batches(store, *LISTED, *RECORDED, "changed"):
            columns = {name: batch.column(name).to_pylist() for name in batch.schema.names}
            ids = range(first, first + len(batch))
            connection.executemany(into["events"], zip(ids, *(columns[name] for name in LISTED), strict=True))
            connection.executemany(into["records"], zip(columns["event_id"], *(columns[name] for name in RECORDED), strict=True))
            connection.executemany(
                into["changed"], ((id, field) for id, fields in zip(ids, columns["changed"], strict=True) for field in fields)
            )
            searched = zip(ids, columns["actor_name"], columns["resource_id"], strict=True)
            connection.executemany("INSERT INTO search (rowid, actor_name, resource_id) VALUES (?, ?, ?)", searched)
            first += len(batch)
        for index in INDEXES:
            connection.execute(index)
        connection.execute(f"CREATE TABLE people AS {people_sql('candidate', 'interviewer', 'actor')}")
        connection.execute("COMMIT")
        connection.execute("ANALYZE")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def contains(self, column: str, needle: str) -> str:
        if len(needle) < _TRIGRAM:
            return f"{column} LIKE {quoted([f'%{needle}%'])}"
        phrase = f'{column} : "{needle}"'
        return f"id IN (SELECT rowid FROM search WHERE search MATCH {quoted([phrase])})"

    def touches(self, values: tuple[str, ...]) -> str:
        return f"id IN (SELECT id FROM changed WHERE field IN ({quoted(values)}))"

    def bucket(self, width: int) -> str:
        return f"micros / {width} * {width}"

    def order(self, view: View) -> str:
        return "micros DESC, event_id DESC" if view.order == "newest" else "micros IS NULL, micros, event_id"

    def close(self) -> None:
        self._connection.close()


PEER = Sqlite
