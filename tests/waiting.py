"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def soon(look: Callable[[], Any]) -> Any:
    """What a look gives as soon as it gives something; the last look's after half a minute."""
    for _ in range(3_000):
        if found := look():
            return found
        time.sleep(0.01)
    return look()
