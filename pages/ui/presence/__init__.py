"""Presence: an open page asks now and then whether its person may still read, and is loaded anew where not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..drawing import register

_COMPONENT: Final = register(Path(__file__).parent)


def presence(key: str = "presence") -> None:
    """Draws nothing; leaves the page to the router as soon as the server no longer knows the browser."""
    _COMPONENT(key=key, width=1, height=1)
