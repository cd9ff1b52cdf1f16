"""The page's own buttons: Filters, where the sidebar is hidden on a narrow screen, and Copy link."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..drawing import register

_COMPONENT: Final = register(Path(__file__).parent)


def tools(key: str = "tools") -> None:
    """Draws the buttons; the browser copies its own address, which is the link of this view."""
    _COMPONENT(key=key, width="content", height=37)
