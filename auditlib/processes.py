"""Processes: what a child of our own needs to find this package, and whether one is still there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_ROOT: Final = str(Path(__file__).resolve().parents[1])


def import_path() -> str:
    """The PYTHONPATH of a child that imports this package: its folder, then what this process was given."""
    return os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))


def is_running(pid: int) -> bool:
    """Whether there is a process of that number, whoever it belongs to."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
