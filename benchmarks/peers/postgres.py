"""PostgreSQL: a cluster of its own, with the indexes that someone who knows it would make for these questions."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
import pyarrow.csv as csv

from benchmarks.peers import NotHere
from benchmarks.peers.source import FILTERED, LISTED, RECORDED, batches, quoted
from benchmarks.peers.sql import SqlPeer, people_sql

_NEWEST, _OLDEST = (f"(micros {way} NULLS LAST, event_id {way})" for way in ("DESC", "ASC"))
INDEXES: Final = (
    *(f"CREATE INDEX ON events {order} WHERE {tab}" for order in (_NEWEST, _OLDEST) for tab in ("interviews", "team")),
    *(f"CREATE INDEX ON events ({column}, micros DESC NULLS LAST, event_id DESC)" for column in FILTERED),
    "CREATE UNIQUE INDEX ON events (event_id)",
    "CREATE INDEX ON events (resource_id)",
    "CREATE INDEX ON events (ip_number)",
    "CREATE INDEX ON events USING gin (changed)",
    *(f"CREATE INDEX ON events USING gin (lower({column}) gin_trgm_ops)" for column in ("actor_name", "resource_id")),
    "CREATE UNIQUE INDEX ON records (event_id)",
)


class Postgres(SqlPeer):
    title = "PostgreSQL"
    setup = (
        "a cluster of its own on a Unix socket: a quarter of the memory as shared buffers, a parallel worker for each core, JIT and"
        " fsync off, fed by COPY, then VACUUM ANALYZE. What lists show is in one table with twelve B-trees (both tabs in both "
        "orders, each filter with the order behind it) and GIN indexes (trigrams of names and ids, changed fields); metadata and "
        "the like are in a second table, people in a third for typeahead. Pages by OFFSET, and in a row of its own by keyset."
    )
    keyset = True
    people = "people"
    whole = "SELECT metadata, * FROM records JOIN events USING (event_id) WHERE event_id = {}"

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")) + [Path(which) for which in [shutil.which("postgres")] if which]
        if not found:
            raise NotHere("no PostgreSQL server is installed (on Debian: apt-get install postgresql postgresql-contrib)")
        self._programs = found[-1].parent

    def load(self, store: Path, folder: Path) -> None:
        self._start(folder)
        listed = ", ".join(f"{name} {kind}" for name, kind in LISTED.items())
        with self._connection.transaction():
            self.rows("CREATE EXTENSION pg_trgm")
            self.rows(f"CREATE TABLE events ({listed}, changed text[])")
            self.rows(f"CREATE TABLE records (event_id text, {', '.join(f'{name} text' for name in RECORDED)})")
            self._copy("events", store, *LISTED, "'{' || array_to_string(changed, ',') || '}' AS changed")
            self._copy("records", store, "event_id", *RECORDED)
        for index in INDEXES:
            self.rows(index)
        self.rows(f"CREATE TABLE people AS {people_sql('candidate', 'interviewer', 'actor')}")
        self.rows("CREATE INDEX ON people USING gin (known gin_trgm_ops)")
        self.rows("VACUUM ANALYZE")
        self.version = str(self.rows("SHOW server_version")[0][0]).split()[0]

    def _start(self, folder: Path) -> None:
        data, memory = folder / "cluster", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
        settings = {
            "listen_addresses": "", "unix_socket_directories": str(folder), "shared_buffers": f"{memory // 4}MB",
            "effective_cache_size": f"{memory // 2}MB", "work_mem": "128MB", "maintenance_work_mem": f"{min(2048, memory // 8)}MB",
            "max_parallel_workers_per_gather": os.cpu_count(), "max_parallel_maintenance_workers": os.cpu_count(), "random_page_cost": 1.1,
            "fsync": "off", "synchronous_commit": "off", "wal_level": "minimal", "max_wal_senders": 0, "max_wal_size": "16GB",
            "autovacuum": "off", "jit": "off",
        }  # fmt: skip
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
            folder.parent.chmod(folder.parent.stat().st_mode | 0o011)
            if subprocess.run(self._as_user(["test", "-w", folder]), check=False, cwd="/").returncode:
                raise NotHere(f"its user cannot enter the work folder: expected that anyone may enter {folder.parent.parent.name}/")
        initdb = [self._programs / "initdb", "-D", data, "-U", "bench", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(self._as_user(initdb), check=True, stdout=subprocess.DEVNULL, cwd="/")
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._server = subprocess.Popen(
            self._as_user([self._programs / "postgres", "-D", data, *options]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        for _ in range(100):
            try:
                self._connection = psycopg.connect(host=str(folder), user="bench", dbname="postgres", autocommit=True)
                return
            except psycopg.OperationalError:
                time.sleep(0.1)
        raise NotHere("the PostgreSQL server did not start")

    @staticmethod
    def _as_user(command: Sequence[object]) -> list[str]:
        """PostgreSQL refuses to run as root."""
        return [*(["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []), *map(str, command)]

    def _copy(self, table: str, store: Path, *columns: str) -> None:
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
            for batch in batches(store, *columns):
                text = io.BytesIO()
                csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
                copy.write(text.getbuffer())

    def rows(self, query: str) -> Sequence[Sequence[Any]]:
        cursor = self._connection.execute(query)
        return cursor.fetchall() if cursor.description else []

    def contains(self, column: str, needle: str) -> str:
        escaped = "".join(f"\\{letter}" if letter in "\\%_" else letter for letter in needle)
        return f"lower({column}) LIKE {quoted([f'%{escaped}%'])}"

    def touches(self, values: tuple[str, ...]) -> str:
        return f"changed && ARRAY[{quoted(values)}]"

    def bucket(self, width: int) -> str:
        return f"micros / {width} * {width}"

    def close(self) -> None:
        self._connection.close()
        self._server.terminate()
        self._server.wait()


PEER = Postgres
