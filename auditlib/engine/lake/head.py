"""The head of a lake table: the chain it was published from, and what it holds, as rows of a side table.

The rows carry the manifests themselves and their signatures, so that whoever reads the table accepts its chain by
the same policy as a store's: keys, pins and a given head.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import pyarrow as pa

from auditlib.engine.base import Head
from auditlib.engine.lake.layout import HEAD, LAKE_FORMAT
from auditlib.errors import ChainError, LakeError
from auditlib.store import Policy, Source, accept
from auditlib.times import write_utc

WRITING: Final = "writing"
"""Stands in place of the format while files are being replaced."""
_NAME: Final = LAKE_FORMAT.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Published:
    """What a lake table says of itself.

    Attributes:
        head: the head it was published from.
        actions, resource_types: the keys that occur.
        without_time: how many events have no known time.
        width: how many characters of a day name a partition.
        text: the summary as written; another text, another publication.
    """

    head: Head
    actions: frozenset[str]
    resource_types: tuple[str, ...]
    without_time: int
    width: int
    text: str


def head_table(head: Head, manifests: Mapping[int, tuple[bytes, bytes | None]], about: Mapping[str, Any]) -> pa.Table:
    """The rows of a head; `manifests` are the accepted ones and their signatures, `about` what else the summary says."""
    summary = {
        **{name: getattr(head, name) for name in ("log_id", "seq", "digest", "snapshots", "problem", "events", "duplicates")},
        **{name: write_utc(getattr(head, name)) for name in ("created_at", "first_at", "last_at", "verified_at")},
        **{name: {str(seq): why for seq, why in getattr(head, name).items()} for name in ("quarantined", "retired")},
        **about,
    }
    rows = [
        {"kind": "format", "seq": head.seq, "text": LAKE_FORMAT},
        {"kind": "summary", "seq": head.seq, "text": json.dumps(summary, sort_keys=True)},
        *(
            {"kind": "manifest", "seq": seq, "text": raw.decode("ascii"), "signature": signature.hex() if signature else None}
            for seq, (raw, signature) in sorted(manifests.items())
        ),
    ]
    return pa.Table.from_pylist(rows, schema=HEAD)


def writing_table(seq: int) -> pa.Table:
    """The head of a table whose files are being replaced: it is not answered from."""
    return pa.Table.from_pylist([{"kind": "format", "seq": seq, "text": f"{_NAME}/{WRITING}"}], schema=HEAD)


def published(rows: pa.Table, name: str, location: str, policy: Policy) -> Published:
    """What the rows of a head say, once their chain is accepted.

    `name` is the table in sentences, `location` in pins. Raises LakeError for no head, one of a newer format, one that is being
    written, or one that does not agree with its own manifests; ChainError where the chain cannot be accepted.
    """
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        by_kind.setdefault(str(row["kind"]), []).append(row)
    _check_format([row["text"] for row in by_kind.get("format", [])], name)
    try:
        (text,) = (row["text"] for row in by_kind.get("summary", []))
        summary = json.loads(text)
        chain = accept(cast(Source, _Manifests(location, by_kind["manifest"])), policy)
        if not chain.manifests:
            raise chain.problem or ChainError("The chain has no manifest")
        if (summary["seq"], summary["digest"]) != (chain.head.seq, chain.head_digest):
            raise LakeError(f"The table {name} says it holds head {summary['seq']}, which is not that of its manifests", table=name)
        instants: dict[str, Any] = {
            key: datetime.fromisoformat(summary[key]) if summary[key] else None
            for key in ("created_at", "first_at", "last_at", "verified_at")
        }
        said: dict[str, Any] = {key: {int(seq): str(why) for seq, why in summary[key].items()} for key in ("quarantined", "retired")}
        plain = {key: summary[key] for key in ("log_id", "seq", "digest", "snapshots", "events", "duplicates")}
        head = Head(**plain, **instants, **said, problem=summary["problem"] or str(chain.problem or ""), chain=chain)
        return Published(
            head, frozenset(summary["actions"]), tuple(summary["resource_types"]), int(summary["without_time"]), int(summary["width"]), text
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LakeError(f"The head of the table {name} cannot be read: publish it again with `lake publish`", table=name) from error


def _check_format(found: list[str], name: str) -> None:
    if not found:
        raise LakeError(f"The table {name} has no head: publish it with `lake publish`", table=name)
    if found == [f"{_NAME}/{WRITING}"]:
        raise LakeError(f"The table {name} is being published anew; try again in a moment", table=name, reason="writing")
    if found != [LAKE_FORMAT]:
        newer = re.fullmatch(rf"{_NAME}/(\d{{1,9}})", found[0] or "")
        what = "is of a newer format than this version reads" if newer else "has a head of no known format"
        raise LakeError(f"The table {name} {what}: expected {LAKE_FORMAT}", table=name, reason="format")


class _Manifests:
    """The rows of manifests, as much of a source as accepting a chain needs."""

    def __init__(self, location: str, rows: list[dict[str, Any]]) -> None:
        self.location = location
        self._rows = {int(row["seq"]): row for row in rows}

    def manifest_numbers(self) -> tuple[int, ...]:
        return tuple(sorted(self._rows))

    def read_manifest(self, seq: int) -> bytes:
        return str(self._rows[seq]["text"]).encode("utf-8", "surrogatepass")

    def read_signature(self, seq: int) -> bytes | None:
        signature = self._rows[seq]["signature"]
        return bytes.fromhex(signature) if signature else None
