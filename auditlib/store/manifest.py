"""Manifests: what one snapshot adds to the chain, as a value and as canonical bytes.

The format stands in the contract, section 4. Canonical means: JSON with keys sorted by code point,
`,` and `:` without spaces, ASCII, one final newline. The bytes are what is hashed, chained and signed,
so a manifest written any other way is refused, and keys this version does not know are carried along.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NoReturn

from auditlib.errors import ChainError
from auditlib.schema import SCHEMA_VERSION
from auditlib.store.digest import sha256_bytes

FORMAT: Final = "auditlib-manifest/1"
DATA_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.parquet")
LOG_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")

_FORMAT_NAME: Final = re.compile(r"auditlib-manifest/([1-9][0-9]{0,8})")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_CREATED: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_INT64: Final = (1 << 63) - 1


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
        return _canonical(
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


_ENTRY_KEYS: Final = ("path", "bytes", "rows", "sha256", "schema_sha256", "min_time", "max_time")
_KEYS: Final = ("format", "seq", "log_id", "created", "prev_sha256", "schema", "files")


def manifest_name(seq: int) -> str:
    """`00000001.json`, the file name of a sequence number."""
    return f"{seq:08d}.json"


def parse_manifest(raw: bytes) -> Manifest:
    """The manifest of canonical bytes.

    Raises ChainError (with `reason=` `newer`, `json`, `canonical` or `value`) for anything else: other
    spelling, a key twice, NaN, a byte order mark, wrong types, file names outside the contract's pattern,
    a path twice, and a format or schema version newer than this one.
    """
    record = _parse_json(raw)
    _refuse_newer(record)
    if not _is_canonical(record, raw):
        _refuse("a manifest must be canonical JSON (sorted keys, no spaces, ASCII, one final newline); this one is not", "canonical")
    _require_keys(record, _KEYS, "the manifest")
    files = record["files"]
    if not isinstance(files, list):
        _refuse("the manifest's files must be a list")
    entries = tuple(_entry(item) for item in files)
    seen: set[str] = set()
    for entry in entries:
        if entry.path in seen:
            _refuse(f"the manifest lists {entry.path} twice")
        seen.add(entry.path)
    return Manifest(
        seq=_integer(record, "seq", 1),
        log_id=_text(record, "log_id", LOG_ID),
        created=_instant(record, "created", _CREATED, "%Y-%m-%dT%H:%M:%SZ"),
        prev_sha256=_text(record, "prev_sha256", _DIGEST),
        files=entries,
        schema=_integer(record, "schema", 1),
        extra={key: value for key, value in record.items() if key not in _KEYS},
    )


def _entry(item: object) -> FileEntry:
    if not isinstance(item, dict):
        _refuse("each file of a manifest must be an object")
    _require_keys(item, _ENTRY_KEYS, "a file of the manifest")
    times = [None if item[key] is None else _instant(item, key, _TIME, "%Y-%m-%dT%H:%M:%S.%fZ") for key in ("min_time", "max_time")]
    first, last = times
    rows = _integer(item, "rows", 0)
    if (first is None) != (last is None) or (first and last and first > last) or (first and not rows):
        _refuse(f"min_time {first} and max_time {last} cannot both be true of {rows} rows")
    return FileEntry(
        path=_text(item, "path", DATA_NAME),
        bytes=_integer(item, "bytes", 0),
        rows=rows,
        sha256=_text(item, "sha256", _DIGEST),
        schema_sha256=_text(item, "schema_sha256", _DIGEST),
        min_time=first,
        max_time=last,
        extra={key: value for key, value in item.items() if key not in _ENTRY_KEYS},
    )


def _canonical(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"


def _is_canonical(record: Mapping[str, Any], raw: bytes) -> bool:
    try:
        return _canonical(record) == raw
    except (ValueError, RecursionError):  # a number such as 1e999 reads as infinity, which cannot be written
        return False


def _parse_json(raw: bytes) -> dict[str, Any]:
    try:
        record = json.loads(raw.decode("ascii"), object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ChainError(f"a manifest must be canonical JSON; this one does not parse: {error}", reason="json") from None
    if not isinstance(record, dict):
        _refuse("a manifest must be one JSON object", "json")
    return record


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for key, value in pairs:
        if key in record:
            raise ValueError(f"the key {key!r} stands twice")
        record[key] = value
    return record


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _refuse_newer(record: Mapping[str, Any]) -> None:
    name = record.get("format")
    match = _FORMAT_NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        _refuse(f"a manifest's format must be {FORMAT!r}, not {name!r}")
    schema = record.get("schema")
    if match.group(1) != "1":
        _refuse(f"the manifest has format {name!r}, newer than this version reads ({FORMAT!r}); update auditlib", "newer")
    if type(schema) is int and schema > SCHEMA_VERSION:
        _refuse(f"the manifest has schema {schema}, newer than this version reads ({SCHEMA_VERSION}); update auditlib", "newer")


def _require_keys(record: Mapping[str, Any], keys: tuple[str, ...], what: str) -> None:
    missing = [key for key in keys if key not in record]
    if missing:
        _refuse(f"{what} lacks {', '.join(missing)}")


def _integer(record: Mapping[str, Any], key: str, least: int) -> int:
    value = record[key]
    if type(value) is not int or not least <= value <= _INT64:
        _refuse(f"{key} must be a whole number of at least {least}, not {_shown(value)}")
    return value


def _text(record: Mapping[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    value = record[key]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        _refuse(f"{key} must match {pattern.pattern}, which {_shown(value)} does not")
    return value


def _instant(record: Mapping[str, Any], key: str, pattern: re.Pattern[str], spelling: str) -> str:
    value = _text(record, key, pattern)
    try:
        datetime.strptime(value, spelling)
    except ValueError:
        _refuse(f"{key}={value!r} is no date and time of the calendar")
    return value


def _shown(value: object) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 80 else shown[:79] + "…"


def _refuse(sentence: str, reason: str = "value") -> NoReturn:
    raise ChainError(sentence, reason=reason)
