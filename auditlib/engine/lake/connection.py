"""Connections: who answers for a lake table, how one question is put to them, and how it is stopped.

Spark (and Sail, which speaks its protocol) is asked through Spark Connect, everyone else through the backend that
`ibis.connect` gives for a URL. Nothing of Ibis or Spark is imported before this module is.
"""

from __future__ import annotations

import re
import sys
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import ibis
import pyarrow as pa

from auditlib.errors import LakeError
from auditlib.text import one_line

if TYPE_CHECKING:
    import ibis.expr.types as ir

SIDES: Final = ("head", "people", "events")
"""The tables of one lake: that of the events by its own name, the others with theirs behind it."""
RETRIES: Final = 4
"""How often a request to Spark Connect is sent again, within about four seconds; by default it is ten minutes."""
_NAME: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}", re.ASCII)
_TITLES: Final = {"sc": "Spark", "postgres": "PostgreSQL", "postgresql": "PostgreSQL", "clickhouse": "ClickHouse", "duckdb": "DuckDB"}
_INSTALL: Final = "install it with: python -m pip install 'audit-logs[lake]'"


class Connection(Protocol):
    """Someone who answers expressions over the tables of one lake; asked from several threads.

    Attributes:
        title: who that is, as people read it; never with credentials.
        at_once: how many questions may be under way.
    """

    title: str
    at_once: int

    def table(self, side: str) -> ir.Table:
        """One of the tables; raises whatever the driver raises where it is not there."""

    def run(self, expression: ir.Table, tag: str) -> pa.Table:
        """The answer; `tag` names the question for `interrupt`. Raises whatever the driver raises."""

    def interrupt(self, tag: str) -> None:
        """Stops a question that is under way, where that can be done."""

    def close(self) -> None:
        """Ends the connection."""


def connect(url: str, table: str) -> Connection:
    """The connection of a URL to a table by name, or to the folder or address that `lake publish` wrote.

    Raises LakeError where a name is none, a driver is missing (`reason="extra"`), or nobody answers.
    """
    if not ("/" in table or _NAME.fullmatch(table)):
        shown = one_line(table, 60)
        raise LakeError(f"AUDIT_TABLE={shown!r} names no table: expected a name, or the place of a published one", table=table)
    title = named(url)
    try:
        return SparkConnection(url, title, table) if url.startswith("sc://") else IbisConnection(url, title, table)
    except ImportError as error:
        raise LakeError(f"{title} cannot be asked, since a package is missing; {_INSTALL}", reason="extra") from error
    except LakeError:
        raise
    except Exception as error:  # each driver has kinds of its own
        raise unreachable(title, error) from error


def named(url: str) -> str:
    """Who a URL leads to, as people read it; raises LakeError (`reason="url"`) for no URL."""
    try:
        where = urlsplit(url)
        return f"{_TITLES.get(where.scheme, where.scheme.capitalize())}{f' at {where.hostname}' if where.hostname else ''}"
    except ValueError:
        raise LakeError("AUDIT_ENGINE is no URL: expected one such as sc://host:15002", reason="url") from None


def unreachable(title: str, error: BaseException) -> LakeError:
    """The sentence for whatever a driver raised; what it said may name hosts, paths and values, and stays in the cause."""
    return LakeError(f"{title} did not answer ({type(error).__name__}); try again in a moment", reason="unreachable")


class SparkConnection:
    """Spark Connect."""

    at_once = 3

    def __init__(self, url: str, title: str, table: str) -> None:
        self.title, self._table = title, table
        with warnings.catch_warnings(), _main_with_file():  # that Spark warns of pandas, which is not used here
            warnings.simplefilter("ignore")
            from pyspark.sql.connect.client.retries import DefaultPolicy
            from pyspark.sql.connect.session import SparkSession

            self._session = SparkSession(url)
            self._session.client.set_retry_policies([DefaultPolicy(max_retries=RETRIES)])
            self._backend = ibis.pyspark.connect(self._session)
        with suppress(Exception):  # what a server does not know it does not need
            self._session.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
        self._prefix = f"audit_{uuid.uuid4().hex[:12]}"

    def table(self, side: str) -> ir.Table:
        if "/" not in self._table:
            return _table(self._backend, self._table, side)
        view = f"{self._prefix}_{side}"
        self._session.read.parquet(f"{self._table.rstrip('/')}/{side}").createOrReplaceTempView(view)
        return self._backend.table(view)

    def run(self, expression: ir.Table, tag: str) -> pa.Table:
        self._session.addTag(tag)
        try:
            return self._session.sql(self._backend.compile(expression)).toArrow()
        finally:
            self._session.removeTag(tag)

    def interrupt(self, tag: str) -> None:
        self._session.interruptTag(tag)

    def close(self) -> None:
        with suppress(Exception):  # a server that is gone has nothing to release
            self._session.stop()


class IbisConnection:
    """A backend of `ibis.connect`, which answers one question at a time."""

    at_once = 1

    def __init__(self, url: str, title: str, table: str) -> None:
        self.title, self._table = title, table
        self._backend = ibis.connect(url)

    def table(self, side: str) -> ir.Table:
        if "/" not in self._table:
            return _table(self._backend, self._table, side)
        if self._backend.name != "duckdb":
            raise LakeError(f"{self.title} reads tables by name, not by place: load it first, and give AUDIT_TABLE its name")
        return self._backend.read_parquet(
            f"{self._table.rstrip('/')}/{side}/**/*.parquet", hive_partitioning=side == "events", hive_types_autocast=False
        )

    def run(self, expression: ir.Table, tag: str) -> pa.Table:
        return self._backend.to_pyarrow(expression)

    def interrupt(self, tag: str) -> None:
        raw: Any = self._backend.con
        stop: Callable[[], None] | None = getattr(raw, "cancel", None) or getattr(raw, "interrupt", None)
        if stop:
            stop()

    def close(self) -> None:
        with suppress(Exception):  # as above
            self._backend.disconnect()


@contextmanager
def _main_with_file() -> Iterator[None]:
    """pyspark takes a main module without a file, as that of `python -c`, for its own doctests, and ends the process."""
    main = sys.modules["__main__"]
    if hasattr(main, "__file__"):
        yield
        return
    main.__file__ = "-c"
    try:
        yield
    finally:
        del main.__file__


def _table(backend: Any, table: str, side: str) -> ir.Table:
    *database, name = table.split(".")
    found: ir.Table = backend.table(name if side == "events" else f"{name}_{side}", database=tuple(database) or None)
    return found
