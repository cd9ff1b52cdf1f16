"""Kinds of resources: which of those recorded a search text means."""

from __future__ import annotations

from collections.abc import Iterable

from auditlib import vocabulary
from auditlib.text import fold


def types_with(needle: str, types: Iterable[str]) -> list[str]:
    """The resource types whose key or label contains the folded needle."""
    return [key for key in types if needle in fold(key) or needle in fold(vocabulary.resource_label(key))]
