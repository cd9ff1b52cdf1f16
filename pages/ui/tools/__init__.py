"""The page's own buttons: Filters, where the sidebar is hidden on a narrow screen, and two ways to copy the link."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..drawing import register

_COMPONENT: Final = register(Path(__file__).parent)


def tools(seal: str, key: str = "tools") -> None:
    """Draws the buttons; the browser copies its own address, which is the link of this view.

    `seal` is what the second way of copying adds to it: head and total, as a query string.
    """
    _COMPONENT(key=key, data={"seal": seal}, width="content", height=37)
