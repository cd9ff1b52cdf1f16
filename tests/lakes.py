"""Lakes for tests: published tables, and servers that answer from them on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from waiting import soon

from auditlib.access.principal import AT_THE_MACHINE
from auditlib.engine.lake.layout import EVENTS, HEAD, PEOPLE
from auditlib.engine.lake.publish import publish_lake
from auditlib.log import AuditLog


def published(store: Path, folder: Path) -> Path:
    """A store's lake table in a folder."""
    publish_lake(store, str(folder))
    return folder


def opened(url: str, table: str | Path, store: Path) -> AuditLog:
    """A lake table opened for whoever sits at the machine."""
    from auditlib.engine.lake.opening import open_lake

    return AuditLog(open_lake(url, str(table)), AT_THE_MACHINE, store)


@contextmanager
def sail() -> Iterator[str]:
    """A Sail server in this process, which speaks Spark Connect; gives its URL."""
    server = pytest.importorskip("pysail.spark").SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    host, port = server.listening_address
    try:
        yield f"sc://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of its own, in a language's order by default; gives its URL."""
    pytest.importorskip("psycopg")
    programs = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    if programs is None or not (programs / "initdb").exists():
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="audit-pg-"))
    is_root = os.geteuid() == 0
    as_user = ["runuser", "-u", "postgres", "--"] if is_root else []  # PostgreSQL refuses to run as root
    if is_root:
        shutil.chown(folder, "postgres")
    port = free_port()
    try:
        initdb = [programs / "initdb", "-D", folder / "data", "-U", "audit", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run([*as_user, *map(str, initdb), "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        options = ("listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}", "fsync=off")
        command = [*as_user, str(programs / "postgres"), "-D", str(folder / "data"), *(word for each in options for word in ("-c", each))]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/") as server:
            try:
                assert soon(lambda: _answers(port)), "PostgreSQL does not answer"
                yield f"postgres://audit@127.0.0.1:{port}/postgres"
            finally:
                server.terminate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _answers(port: int) -> bool:
    import psycopg

    try:
        psycopg.connect(f"postgres://audit@127.0.0.1:{port}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True


class ChdbConnection:
    """ClickHouse in this process, asked in its dialect; its tables are copies of a published lake."""

    title, at_once = "ClickHouse", 1

    def __init__(self, lake: Path) -> None:
        from chdb.session import Session

        self._session = Session()
        places = {"events": "events/period=*/tab=*/*.parquet", "people": "people/*.parquet", "head": "head/*.parquet"}
        for side, place in places.items():
            self._session.query(
                f"CREATE TABLE lake_{side} ENGINE = Memory AS SELECT * FROM file('{lake}/{place}', Parquet) "
                "SETTINGS use_hive_partitioning = 1, schema_inference_make_columns_nullable = 1"
            )

    def table(self, side: str) -> Any:
        import ibis

        schemas = {"events": pa.schema([*EVENTS, ("period", pa.string()), ("tab", pa.string())]), "people": PEOPLE, "head": HEAD}
        return ibis.table(ibis.Schema.from_pyarrow(schemas[side]), name=f"lake_{side}")

    def run(self, expression: Any, tag: str) -> pa.Table:
        import ibis

        answer = self._session.query(str(ibis.to_sql(expression, dialect="clickhouse")), "ArrowTable")
        return answer.cast(ibis.Schema.to_pyarrow(expression.schema()))

    def interrupt(self, tag: str) -> None:
        pass

    def close(self) -> None:
        self._session.close()
