"""The button that copies the address of the page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..drawing import register

_COMPONENT: Final = register(Path(__file__).parent)


def copy_link(key: str = "copy_link") -> None:
    """Draws the button; the browser copies its own address, which is the link of this view."""
    _COMPONENT(key=key, width=112, height=36)
