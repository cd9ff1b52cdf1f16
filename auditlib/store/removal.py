"""Removals: files that a manifest says were taken out of the record, and why.

Two keys of a manifest hold them (contract, section 4): `retired` for files that retention removed, `replaces`
for files that were published again after a person was erased from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from auditlib.store.canonical import DIGEST, SECOND, instant, refuse, require_keys, text
from auditlib.text import one_line

RETIRED: Final = "retired"
REPLACES: Final = "replaces"

REASON: Final = re.compile(r"(?!\s)[^\x00-\x1f\x7f]{1,500}(?<!\s)")
"""What a reason may be: one line of at most 500 characters."""

_ANYTHING: Final = re.compile(r".+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Removal:
    """One file that is no longer part of the record, though the manifest that published it still names it.

    `seq` is the number of the manifest that says so, `when` its time (`YYYY-MM-DDTHH:MM:SSZ`).
    """

    state: Literal["retired", "replaced"]
    path: str
    sha256: str
    reason: str
    seq: int
    when: str

    @property
    def sentence(self) -> str:
        """What people are told of it."""
        what = "retired by policy" if self.state == "retired" else "replaced after an erasure"
        return f"{self.path} was {what} on {self.when[:10]}: {one_line(self.reason, 500)}"


def removals(extra: Mapping[str, Any], seq: int, created: str) -> Iterator[Removal]:
    """What a manifest removes, from its keys; raises ChainError (`reason="value"`) where they are not as they must be."""
    for item in _items(extra, RETIRED):
        require_keys(item, ("path", "sha256", "reason", "when"), "a retired file")
        yield Removal("retired", *_common(item), seq, instant(item, "when", SECOND))
    for item in _items(extra, REPLACES):
        require_keys(item, ("path", "sha256", "reason"), "a replaced file")
        yield Removal("replaced", *_common(item), seq, created)


def _items(extra: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    items = extra.get(key, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        refuse(f"{key} must be a list of objects")
    return items


def _common(item: dict[str, Any]) -> tuple[str, str, str]:
    return text(item, "path", _ANYTHING), text(item, "sha256", DIGEST), text(item, "reason", _ANYTHING)
