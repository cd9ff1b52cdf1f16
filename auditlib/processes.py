"""Processes of our own: what a child needs to find this package, wherever it is started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_ROOT: Final = str(Path(__file__).resolve().parents[1])


def import_path() -> str:
    """The PYTHONPATH of a child that imports this package: its folder, then what this process was given."""
    return os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
