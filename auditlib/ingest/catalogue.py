"""The formats that can be imported: the built-in ones, and a user's own mapping file."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Protocol

from auditlib.errors import FormatError
from auditlib.ingest import livekit
from auditlib.ingest.delivery import Deliveries
from auditlib.ingest.mapping import Events, Row
from auditlib.ingest.platform import SOURCE, PlatformRules
from auditlib.ingest.reader import Record
from auditlib.ingest.spec import compiled, known, matching, parse

KEY: Final = r"[a-z0-9_-]{1,40}"
"""What the key of a format, and the source of its events, may look like."""

_LAST: Final = 1_000
_SIZE_LIMIT: Final = 1 << 20


Opened = Callable[[Record, Counter[str]], Record]


class Rules(Protocol):
    """What turns a record into events."""

    def rows(self, record: Record) -> list[Row]:
        """The events of a record; raises UnfitError where it is no event of the format."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its key, how it is called, what it is, where its events are, and its rules.

    `opened` takes a record out of the envelope it was delivered in, counting what is worth a note;
    `definition` is what the format is made of, and what a pickle of it holds.
    """

    key: str
    title: str
    description: str
    order: int
    events: Events
    rules: Rules
    opened: Opened | None
    definition: tuple[str, str, str, str | None]

    def __reduce__(self) -> tuple[Any, ...]:
        return _format, (*self.definition, self.opened)


def formats() -> tuple[Format, ...]:
    """Every built-in format, the platform's own first."""
    return tuple(sorted((load_format(key) for key in _keys()), key=lambda each: (each.order, each.key)))


@lru_cache(maxsize=64)
def load_format(key: str) -> Format:
    """The built-in format of a key; raises FormatError, with the nearest key, where there is none."""
    if key not in _keys():
        near = difflib.get_close_matches(key, _keys(), 1)
        hint = f" Did you mean '{near[0]}'?" if near else f" Expected {', '.join(_keys())}."
        raise FormatError(f"There is no format '{key}'.{hint}", format=key)
    text = files("auditlib.ingest").joinpath("formats", f"{key}.toml").read_text("utf-8")
    return _format(key, text, f"{key}.toml", SOURCE if key == SOURCE else None)


def load_mapping(path: str | Path) -> Format:
    """The format of a user's own TOML file, keyed by its name; raises FormatError where it is not valid."""
    path = Path(path)
    try:
        if path.stat().st_size > _SIZE_LIMIT or not path.is_file():
            raise FormatError(f"{path} is no mapping; expected a TOML file of at most {_SIZE_LIMIT} bytes.", path=str(path))
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"{path} cannot be read: {why}; expected a TOML file.", path=str(path)) from None
    return _format(path.stem.lower().replace(" ", "_"), text, path.name, None)


def _format(key: str, text: str, where: str, own: str | None, opened: Opened | None = None) -> Format:
    table = parse(text, where)
    for name in ("title", "description"):
        if not isinstance(table.get(name), str) or not table[name]:
            raise FormatError(f"{where} has no {name}; expected one line of text.", where=where, key=name)
    order = table.get("order", _LAST)
    if type(order) is not int:
        raise FormatError(f"{where} order is {order!r}; expected a number.", where=where)
    matching(table.get("source", key), KEY, f"{where} source")
    if opened is None and table.get("code") == livekit.CODE:
        opened = Deliveries()
    return Format(key, table["title"], table["description"], order, *_rules(table, key, where, own), opened, (key, text, where, own))


def _rules(table: dict[str, Any], key: str, where: str, own: str | None) -> tuple[Events, Rules]:
    if own is not None:
        known(table, ("title", "description", "order"), where)
        return Events(kind="json or csv"), PlatformRules()
    rules = compiled(table, key, where)
    return rules.events, rules


@lru_cache(maxsize=1)
def _keys() -> tuple[str, ...]:
    folder = files("auditlib.ingest").joinpath("formats")
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))
