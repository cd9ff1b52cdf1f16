"""A scratch folder that goes with its process, also with one that is killed: the next process sweeps it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_LOCK: Final = ".held"


def scratch_folder(parent: Path, prefix: str) -> Path:
    """A new folder, readable by its owner alone; those of processes that have ended are removed first.

    A folder is held by a lock on a file in it, which the system releases when the process ends, however it ends.
    Raises OSError where the parent cannot be used.
    """
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in parent.glob(f"{prefix}*"):
        _sweep(old)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    lock = os.open(folder / f"{_LOCK}.new", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / f"{_LOCK}.new").rename(folder / _LOCK)
    return folder


def _sweep(folder: Path) -> None:
    with suppress(OSError):
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
