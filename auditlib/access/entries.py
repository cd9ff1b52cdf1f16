"""Entries of the ledger: who did what with the record, as one line of canonical JSON each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from auditlib.access.principal import Principal
from auditlib.errors import ChainError, LedgerError
from auditlib.store.canonical import (
    DIGEST,
    MICROSECOND,
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
from auditlib.times import write_utc

FORMAT: Final = "auditlib-ledger/1"
MOST_BYTES: Final = 512 << 10
"""Bytes that one line may have; what the pages record has far fewer."""

_FORMAT_NAME: Final = re.compile(r"auditlib-ledger/([1-9][0-9]{0,8})")
_WORD: Final = re.compile(r"[a-z_]{1,64}")
_KEYS: Final = ("seq", "prev", "at", "action", "who")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that someone did with the record, or was refused.

    Attributes:
        action: a key of the vocabulary.
        who: the person, None for somebody who has not signed in.
        ip, agent, session: address, user agent and shortened session, as far as they are known.
        head: digest of the newest accepted manifest of what was read.
        link: what was asked, as a link.
        event: id of the one event it is about.
        related: what else it is about, ids by kind, as events have them.
        count: how many events or rows there were.
        detail: whatever else belongs to the action, such as `format`, `bytes`, `sql` or `why`.
    """

    action: str
    who: Principal | None = None
    ip: str = ""
    agent: str = ""
    session: str = ""
    head: str = ""
    link: str = ""
    event: str = ""
    related: Mapping[str, str] = field(default_factory=dict)
    count: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_record(self, seq: int, at: datetime, prev: str) -> dict[str, Any]:
        """The entry as the JSON object of its line: what is not known is not there."""
        person = self.who
        who = person and {"id": person.id, "name": person.name, "roles": sorted(person.roles), "local": person.local}
        known = {name: getattr(self, name) for name in ("ip", "agent", "session", "head", "link", "event")}
        known |= {"related": dict(self.related), "count": self.count, "detail": dict(self.detail)}
        said = {name: value for name, value in known.items() if value not in ("", None, {})}
        return {"seq": seq, "prev": prev, "at": write_utc(at), "action": self.action, "who": who, **said}


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a chain of lines: the number of the last entry, and the SHA-256 of the last line with its line break."""

    seq: int
    digest: str

    def after(self, seq: int, line: bytes) -> Tail:
        """The end once a line follows."""
        return Tail(seq, sha256_bytes(line))


def header(tail: Tail) -> bytes:
    """The first line of a journal that goes on behind another one: the same for the same end, so that it need not be kept."""
    return canonical({"format": FORMAT, "prev": tail.digest, "seq": tail.seq + 1})


def opened(line: bytes) -> Tail:
    """The end that a journal's first line names: its first entry is the next one. Raises LedgerError for any other line."""
    try:
        record = parse_object(line)
        name = record.get("format")
        match = _FORMAT_NAME.fullmatch(name) if isinstance(name, str) else None
        if match and match.group(1) != "1":
            raise LedgerError(
                f"The ledger has format {name!r}, newer than this version reads ({FORMAT!r}); update auditlib", reason="newer"
            )
        require_keys(record, ("format", "prev", "seq"), "the first line")
        tail = Tail(integer(record, "seq", 1) - 1, text(record, "prev", DIGEST))
        if not match or header(tail) != line:
            refuse("it is not the first line of a journal")
    except ChainError as error:
        why = "it is no JSON object" if error.reason == "json" else error
        raise LedgerError(f"The first line of a journal is damaged: {why}", reason="first") from None
    return tail


def read(line: bytes) -> dict[str, Any]:
    """The record of an entry's line; raises LedgerError for one that no ledger writes."""
    try:
        record = parse_object(line)
        if not is_canonical(record, line):
            refuse("it is not canonical JSON with one final newline")
        require_keys(record, _KEYS, "the entry")
        integer(record, "seq", 1)
        text(record, "prev", DIGEST)
        instant(record, "at", MICROSECOND)
        text(record, "action", _WORD)
        if not isinstance(record["who"], dict | None):
            refuse("who must be an object or null")
    except ChainError as error:
        why = "it is no JSON object" if error.reason == "json" else error
        raise LedgerError(f"A line of the ledger is damaged: {why}", reason="line") from None
    return record


def follow(tail: Tail, line: bytes) -> Tail:
    """The end after a line that must be the next entry; raises LedgerError where it is not."""
    record = read(line)
    if record["seq"] != tail.seq + 1:
        raise LedgerError(
            f"The ledger breaks at entry {tail.seq + 1}: the next line is entry {record['seq']}", seq=tail.seq + 1, reason="seq"
        )
    if record["prev"] != tail.digest:
        why = f"it follows a line with digest {record['prev'][:12]}…, but the one before it has {tail.digest[:12]}…"
        raise LedgerError(f"The ledger breaks at entry {tail.seq + 1}: {why}", seq=tail.seq + 1, reason="prev")
    return tail.after(record["seq"], line)
