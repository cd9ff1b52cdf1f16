"""What DuckDB says of a failed query, as one sentence that tells nothing of the machine."""

from __future__ import annotations

import re
from typing import Final

from auditlib.text import visible

_KIND: Final = re.compile(r"^[A-Z][A-Za-z ]* Error: ")
_PATH: Final = re.compile(r"(?<![\w.])~?(?:/[\w.@+-]+){2,}/?|[A-Za-z]:\\[\w.\\-]+")
_ADVICE: Final = re.compile(
    r"\s*(Possible solutions:|Use \"SET |Database is launched in|In order to|\n\nLINE \d+:|\tCandidate functions:).*", re.DOTALL
)
_LONGEST: Final = 400


def plain(message: str) -> str:
    """The message without its kind, its advice to change settings, and any path in it; at most 400 characters."""
    said = without_paths(_ADVICE.sub("", _KIND.sub("", message.strip()))).rstrip(".")
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"


def without_paths(text: str) -> str:
    """The text on one line, visible, with an ellipsis for each path in it."""
    return " ".join(visible(_PATH.sub("…", text)).split())
