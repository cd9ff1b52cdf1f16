"""Raw Parquet: the files of the store read by DuckDB for each question."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from benchmarks.peers.naive import Naive
from benchmarks.peers.source import events_sql, prefix, quoted


class Parquet(Naive):
    title = "raw Parquet"
    setup = "the store's own files through DuckDB, one SQL query for the page and one for the total; nothing is loaded."
    time = "occurred_at"

    def _make(self, store: Path) -> None:
        self._connection.execute(f"CREATE VIEW events AS {events_sql(store)}")

    def inside(self, network: IPv4Network | IPv6Network) -> str:
        return f"starts_with(ip, {quoted([prefix(network)])})"

    def instant(self, micros: int) -> str:
        return f"make_timestamptz({micros})"


PEER = Parquet
