"""The contents of an evidence bundle: the names and formats that whoever writes, derives or checks one agrees on."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Final, Literal

import pyarrow as pa

from auditlib.errors import BundleError
from auditlib.schema import SCHEMA
from auditlib.store import Chain, FileEntry

Kind = Literal["record", "files", "excerpt"]
"""Which Parquet a bundle holds: every served file, those that hold its events, or the rows of its events alone."""

FORMAT: Final = "auditlib-bundle/1"
SUMS, QUERY, EVENTS, TABLE, EXCERPT, REPORT, GUIDE = (
    "SHA256SUMS", "query.json", "events.jsonl", "events.csv", "excerpt.parquet", "report.html", "VERIFY.md",
)  # fmt: skip
EXCERPT_SCHEMA: Final = pa.schema([*SCHEMA, pa.field("snapshot_file", pa.string(), False), pa.field("snapshot_row", pa.int64(), False)])

_SEQ: Final = re.compile(r"[1-9][0-9]{0,8}")


def served_files(chain: Chain, quarantined: Collection[int]) -> list[FileEntry]:
    """The files of a chain that are part of the record: not removed, and not of a quarantined snapshot."""
    held_back = {entry.path for manifest in chain.manifests if manifest.seq in quarantined for entry in manifest.files}
    return [entry for entry in chain.kept if entry.path not in held_back]


def left_out(total: int, events: int) -> str:
    """What a bundle says where it holds fewer events than there are; empty where it holds all."""
    return f"The {total - events:,} events after the first {events:,} are left out." if events < total else ""


def parse_query(raw: bytes) -> dict[str, Any]:
    """What a bundle says of itself; raises BundleError where it is not that, or of a newer format than this version reads."""
    try:
        record = json.loads(raw)
        name = record["format"]
        if isinstance(name, str) and name.startswith("auditlib-bundle/") and name != FORMAT:
            raise BundleError(f"The bundle has format {name[:40]!r}, newer than this version reads; update auditlib", name=QUERY)
        whole = name == FORMAT and isinstance(record["head"]["seq"], int) and isinstance(record["head"]["sha256"], str)
        whole = whole and record["parquet"] in ("record", "files", "excerpt")
        whole = whole and all(_SEQ.fullmatch(seq) and isinstance(why, str) for seq, why in record["quarantined"].items())
        total, events = record["total"], record["events"]
        whole = whole and type(total) is type(events) is int and events >= 0 and isinstance(record["content_sha256"], str)
        whole = whole and record["truncated"] == left_out(total, events)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise BundleError(f"{QUERY} is not what a bundle says of itself", name=QUERY)
    return dict(record)
