"""The layout of a lake table: its columns, and how those that answer questions are derived from an event.

Whatever an engine could do in a way of its own (fold case, read JSON, tell addresses, compare times of a zone) is
done here, once, when the table is published. What is left to it are numbers, equal texts and plain substrings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from auditlib import vocabulary
from auditlib.engine.addresses import address_of
from auditlib.event import changes_of, related_ids
from auditlib.schema import SCHEMA
from auditlib.text import fold

LAKE_FORMAT: Final = "auditlib-lake/1"
UNKNOWN: Final = "unknown"
"""The day, and the period, of events without a known time."""
_BY_DAY, _BY_MONTH, _BY_YEAR = 10, 7, 4
"""How many characters of a day name a partition."""
BOTH: Final = "both"
"""The partition of events that are on both tabs; of others it is the key of their tab."""
PARTITIONS: Final = ("period", "tab")

DERIVED: Final = pa.schema(
    [
        pa.field("occurred_us", pa.int64()),
        pa.field("recorded_us", pa.int64()),
        pa.field("search_text", pa.string(), nullable=False),
        pa.field("changed_text", pa.string(), nullable=False),
        pa.field("related_text", pa.string(), nullable=False),
        pa.field("ip_key", pa.string()),
        pa.field("metadata_sha256", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
        pa.field("snapshot", pa.int64(), nullable=False),
        pa.field("conflicts", pa.bool_(), nullable=False),
    ]
)
"""The columns behind those of the schema. Times are in microseconds since the epoch, UTC."""

EVENTS: Final = pa.schema([*SCHEMA, *DERIVED])
"""The columns of a file of events; `period` and `tab` are in its folder's name."""

PEOPLE: Final = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("kind", "id", "name", "email")),
        pa.field("events", pa.int64()),
        pa.field("newest", pa.string()),
        pa.field("snapshot", pa.int64()),
    ]
)
"""How often a person stands in the events of one snapshot file under a name and e-mail; `newest` orders them by recency."""

HEAD: Final = pa.schema(
    [pa.field("kind", pa.string()), pa.field("seq", pa.int64()), pa.field("text", pa.string()), pa.field("signature", pa.string())]
)
"""The head: one row of kind `format`, one `summary` (JSON), and a `manifest` with its signature for each snapshot."""


def search_text(names: pa.Array, resource_ids: pa.Array) -> pa.Array:
    """Actor name and resource id, folded, with a newline between: no searched text has one."""
    folded = [_each(values, lambda value: fold(value or "")) for values in (names, resource_ids)]
    return pc.binary_join_element_wise(*folded, "\n")


def changed_text(changes: pa.Array) -> pa.Array:
    """The changed fields, a newline before and behind each."""
    return _each(changes, lambda text: _lines(change["field"] for change in changes_of(text)))


def related_text(related: pa.Array) -> pa.Array:
    """The related ids as `kind:id`, a newline before and behind each."""
    return _each(related, lambda text: _lines(f"{kind}:{value}" for kind, value in related_ids(text).items()))


def ip_keys(addresses: pa.Array) -> pa.Array:
    """Recorded texts as keys that sort as addresses do, null where a text is no address."""
    return _each(addresses, lambda text: address_key(text) if text else None)


def address_key(text: str) -> str | None:
    """An address as `4` and eight hexadecimal digits, or `6` and thirty-two; None for what is no address."""
    address = address_of(text)
    return None if address is None else number_key(address.version, int(address))


def number_key(version: int, number: int) -> str:
    """The key of an address by version and number."""
    return f"{version}{number:0{8 if version == 4 else 32}x}"


def days_of(occurred_us: pa.Array) -> pa.Array:
    """The day, UTC, of each time: `YYYY-MM-DD`, or `unknown`."""
    days = occurred_us.cast(pa.timestamp("us")).cast(pa.date32(), safe=False).cast(pa.string())
    return days.fill_null(UNKNOWN)


def periods_of(days: pa.Array, width: int) -> pa.Array:
    """The partition of each day: see `period_of`."""
    return _each(days, lambda day: period_of(day or UNKNOWN, width))


def period_of(day: str, width: int) -> str:
    """The partition of a day: its first characters, behind a letter that keeps engines from taking it for a number or a date."""
    return day if day == UNKNOWN else f"p{day[:width]}"


def width_for(events: int, days: int) -> int:
    """How many characters of a day should name a partition, for so many events in so many days: partitions are neither tiny nor huge."""
    return next((width for width, least in ((_BY_DAY, 50_000), (_BY_MONTH, 1_500)) if events >= least * days), _BY_YEAR)


def tabs_of(resource_types: pa.Array, roles: pa.Array) -> pa.Array:
    """Which tab each event is on, or `both`."""
    on_interviews = pc.is_in(resource_types, pa.array(vocabulary.INTERVIEW_TYPES))
    is_team = pc.is_in(roles, pa.array(vocabulary.TEAM_ROLES))
    return pc.if_else(on_interviews, pc.if_else(is_team, BOTH, vocabulary.INTERVIEWS), vocabulary.TEAM)


def recency(occurred_us: pa.Array, event_ids: pa.Array) -> pa.Array:
    """Texts that sort as the log does: by time, unknown ones first, then by id."""
    shifted = pc.add(occurred_us, 1 << 62).cast(pa.string()).fill_null("")
    return pc.binary_join_element_wise(pc.utf8_lpad(shifted, 19, "0"), event_ids, "")


def _lines(parts: object) -> str:
    # A value that is asked for has no control character, so a stored one with a newline can never be meant.
    kept = [part for part in parts if "\n" not in part]  # type: ignore[attr-defined]
    return "".join(f"\n{part}\n" for part in kept)


def _each(values: pa.Array, derived: Callable[[str | None], str | None]) -> pa.Array:
    """A text derived from each distinct value."""
    encoded = values.dictionary_encode(null_encoding="encode")
    return pa.array([derived(value) for value in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)
