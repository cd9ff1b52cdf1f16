"""Manifests: what one snapshot adds to the chain, as a value and as canonical bytes.

The format stands in the contract, section 4. A manifest written any other way is refused, and keys this
version does not know are carried along.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditlib.schema import SCHEMA_VERSION
from auditlib.store.canonical import (
    DIGEST,
    MICROSECOND,
    SECOND,
    canonical,
    instant,
    integer,
    is_canonical,
    parse_object,
    refuse,
    require_keys,
    text,
)
from auditlib.store.digest import sha256_bytes
from auditlib.store.removal import Removal, removals

FORMAT: Final = "auditlib-manifest/1"
DATA_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.parquet")
LOG_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")

_FORMAT_NAME: Final = re.compile(r"auditlib-manifest/([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One data file of a snapshot, as its manifest describes it.

    `min_time` and `max_time` are the first and last `occurred_at` (`YYYY-MM-DDTHH:MM:SS.ffffffZ`), None
    where no event has a time. `schema_sha256` is the digest of the file's columns: see `footer.schema_sha256`.
    """

    path: str
    bytes: int
    rows: int
    sha256: str
    schema_sha256: str
    min_time: str | None
    max_time: str | None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_record(self) -> dict[str, Any]:
        """The entry as the JSON object of the manifest."""
        return {**self.extra, **{name: getattr(self, name) for name in _ENTRY_KEYS}}


@dataclass(frozen=True, slots=True)
class Manifest:
    """One snapshot: the files it adds, and the digest of the manifest before it.

    `created` is spelled `YYYY-MM-DDTHH:MM:SSZ`; `extra` holds every other key as read (`retired`,
    `replaces` and whatever a later version adds), so that reading and writing leaves the bytes as they were.
    """

    seq: int
    log_id: str
    created: str
    prev_sha256: str
    files: tuple[FileEntry, ...]
    schema: int = SCHEMA_VERSION
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_bytes(self) -> bytes:
        """The canonical bytes."""
        return canonical(
            {
                **self.extra,
                "format": FORMAT,
                "seq": self.seq,
                "log_id": self.log_id,
                "created": self.created,
                "prev_sha256": self.prev_sha256,
                "schema": self.schema,
                "files": [entry.to_record() for entry in self.files],
            }
        )

    @property
    def digest(self) -> str:
        """The SHA-256 of the canonical bytes, as `sha256sum` prints it for the manifest's file."""
        return sha256_bytes(self.to_bytes())

    @property
    def rows(self) -> int:
        """The number of events of the snapshot."""
        return sum(entry.rows for entry in self.files)

    @property
    def removals(self) -> tuple[Removal, ...]:
        """The files of earlier manifests that this one takes out of the record."""
        return tuple(removals(self.extra, self.seq, self.created))


_ENTRY_KEYS: Final = ("path", "bytes", "rows", "sha256", "schema_sha256", "min_time", "max_time")
_KEYS: Final = ("format", "seq", "log_id", "created", "prev_sha256", "schema", "files")


def manifest_name(seq: int) -> str:
    """`00000001.json`, the file name of a sequence number."""
    return f"{seq:08d}.json"


def signature_name(seq: int) -> str:
    """`00000001.json.sig`, the name of the file with a manifest's signature."""
    return f"{manifest_name(seq)}.sig"


def parse_manifest(raw: bytes) -> Manifest:
    """The manifest of canonical bytes.

    Raises ChainError (with `reason=` `newer`, `json`, `canonical` or `value`) for anything else: other
    spelling, a key twice, NaN, a byte order mark, wrong types, file names outside the contract's pattern,
    a path twice, and a format or schema version newer than this one.
    """
    record = parse_object(raw)
    _refuse_newer(record)
    if not is_canonical(record, raw):
        refuse("a manifest must be canonical JSON (sorted keys, no spaces, ASCII, one final newline); this one is not", "canonical")
    require_keys(record, _KEYS, "the manifest")
    files = record["files"]
    if not isinstance(files, list):
        refuse("the manifest's files must be a list")
    entries = tuple(_entry(item) for item in files)
    seen: set[str] = set()
    for entry in entries:
        if entry.path in seen:
            refuse(f"the manifest lists {entry.path} twice")
        seen.add(entry.path)
    manifest = Manifest(
        seq=integer(record, "seq", 1),
        log_id=text(record, "log_id", LOG_ID),
        created=instant(record, "created", SECOND),
        prev_sha256=text(record, "prev_sha256", DIGEST),
        files=entries,
        schema=integer(record, "schema", 1),
        extra={key: value for key, value in record.items() if key not in _KEYS},
    )
    _ = manifest.removals
    return manifest


def _entry(item: object) -> FileEntry:
    if not isinstance(item, dict):
        refuse("each file of a manifest must be an object")
    require_keys(item, _ENTRY_KEYS, "a file of the manifest")
    times = [None if item[key] is None else instant(item, key, MICROSECOND) for key in ("min_time", "max_time")]
    first, last = times
    rows = integer(item, "rows", 0)
    if (first is None) != (last is None) or (first and last and first > last) or (first and not rows):
        refuse(f"min_time {first} and max_time {last} cannot both be true of {rows} rows")
    return FileEntry(
        path=text(item, "path", DATA_NAME),
        bytes=integer(item, "bytes", 0),
        rows=rows,
        sha256=text(item, "sha256", DIGEST),
        schema_sha256=text(item, "schema_sha256", DIGEST),
        min_time=first,
        max_time=last,
        extra={key: value for key, value in item.items() if key not in _ENTRY_KEYS},
    )


def _refuse_newer(record: Mapping[str, Any]) -> None:
    name = record.get("format")
    match = _FORMAT_NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        refuse(f"a manifest's format must be {FORMAT!r}, not {name!r}")
    schema = record.get("schema")
    if match.group(1) != "1":
        refuse(f"the manifest has format {name!r}, newer than this version reads ({FORMAT!r}); update auditlib", "newer")
    if type(schema) is int and schema > SCHEMA_VERSION:
        refuse(f"the manifest has schema {schema}, newer than this version reads ({SCHEMA_VERSION}); update auditlib", "newer")
