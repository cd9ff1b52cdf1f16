"""ClickHouse in the process: a MergeTree in the order of time, with skipping indexes for keys and searched texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from chdb.session import Session

from auditlib import vocabulary
from auditlib.engine.embedded.arrays import UNKNOWN
from auditlib.view import View
from benchmarks.peers.source import LISTED, RECORDED, quoted
from benchmarks.peers.sql import SqlPeer

_FOLDED: Final = ("actor_name", "resource_id")
_KEYS: Final = ("event_id", "resource_id", "candidate_id", "interviewer_id", "actor_id")


class Chdb(SqlPeer):
    title = "chdb"
    time = "at"
    setup = (
        "ClickHouse in the process: a MergeTree ordered by time and id (read backwards for pages), low-cardinality texts as such, "
        "bloom filters on ids, n-gram filters on lower-cased names and resource ids, merged into one part."
    )

    def load(self, store: Path, folder: Path) -> None:
        self._session: Any = Session(str(folder / "chdb"))  # type: ignore[no-untyped-call]
        kinds = {"bigint": "Nullable(Int64)", "boolean": "Bool", "text": "Nullable(String)"}
        few = {"actor_role", "action", "outcome", "resource_type", "actor_id", "actor_name", "actor_email", "ip", "summary"}
        few |= {"interviewer_id", "interviewer_name"}
        columns = {name: "LowCardinality(Nullable(String))" if name in few else kinds[kind] for name, kind in LISTED.items()}
        columns |= {"event_id": "String"} | dict.fromkeys(RECORDED, "Nullable(String)") | {"changed": "Array(LowCardinality(String))"}
        defined = [f"{name} {kind}" for name, kind in columns.items()]
        defined.append(f"at Int64 MATERIALIZED ifNull(micros, {UNKNOWN})")
        defined += [f"{name}_folded String MATERIALIZED lowerUTF8(ifNull({name}, ''))" for name in _FOLDED]
        defined += [f"INDEX has_{name} {name} TYPE bloom_filter GRANULARITY 1" for name in _KEYS]
        defined += [f"INDEX in_{name} {name}_folded TYPE ngrambf_v1(3, 8192, 3, 0) GRANULARITY 1" for name in _FOLDED]
        self.rows(f"CREATE TABLE events ({', '.join(defined)}) ENGINE = MergeTree ORDER BY (at, event_id)")
        self._insert(store, list(columns))
        self.rows("OPTIMIZE TABLE events FINAL")
        self.version = str(self.rows("SELECT version()")[0][0])

    def _insert(self, store: Path, columns: list[str]) -> None:
        interviews = f"resource_type IN ({quoted(vocabulary.INTERVIEW_TYPES)})"
        derived = {
            "micros": "toUnixTimestamp64Micro(occurred_at)",
            "interviews": interviews,
            "team": f"NOT {interviews} OR ifNull(actor_role IN ({quoted(sorted(vocabulary.TEAM_ROLES))}), false)",
            "ip_number": "IPv4StringToNumOrNull(ip)",
            "changed": "arrayMap(each -> JSONExtractString(each, 'field'), JSONExtractArrayRaw(ifNull(changes, '[]')))",
        }
        chosen = ", ".join(f"{derived[name]} AS {name}" if name in derived else name for name in columns)
        self.rows(f"INSERT INTO events ({', '.join(columns)}) SELECT {chosen} FROM file('{store}/data/*.parquet', Parquet)")

    def rows(self, query: str) -> list[list[Any]]:
        answered = str(self._session.query(query, "JSONCompact"))
        found: list[list[Any]] = json.loads(answered)["data"] if answered else []
        return found

    def contains(self, column: str, needle: str) -> str:
        return f"{column}_folded LIKE {quoted([f'%{needle}%'])}"

    def touches(self, values: tuple[str, ...]) -> str:
        return f"hasAny(changed, [{quoted(values)}])"

    def bucket(self, width: int) -> str:
        return f"intDiv(micros, {width}) * {width}"

    def order(self, view: View) -> str:
        return "at DESC, event_id DESC" if view.order == "newest" else "micros IS NULL, at, event_id"

    def close(self) -> None:
        self._session.close()


PEER = Chdb
