"""The machine: what it is, how quiet it is, and what processes take of it."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

_LOOK_SECONDS: Final = 0.05
_WORK: Final = bytes(8 << 20)


def timed(ask: Callable[[], object]) -> float:
    """The seconds that something takes."""
    start = time.perf_counter()
    ask()
    return time.perf_counter() - start


def described() -> dict[str, Any]:
    """Processors, memory in bytes, system, and versions of what the figures rest on."""
    found = re.search(r"model name\s*: (.+)", _read(Path("/proc/cpuinfo")))
    return {
        "processor": found[1] if found else platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "versions": {"Python": platform.python_version()} | {name: version(name) for name in ("duckdb", "numpy", "pyarrow", "streamlit")},
    }


def restlessness() -> dict[str, float]:
    """How even the machine is: the same work 40 times, median and slowest in multiples of the fastest, and the load average."""
    runs = [timed(lambda: hashlib.sha256(_WORK).digest()) for _ in range(40)]
    return {"median": statistics.median(runs) / min(runs), "slowest": max(runs) / min(runs), "load": os.getloadavg()[0]}


def disk_bytes(folder: Path) -> int:
    """The size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def ran(command: list[str], environment: Mapping[str, str]) -> tuple[str, float, int]:
    """What a process prints, its seconds, and the peak bytes of it and its children together, mapped files apart."""
    start, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            time.sleep(_LOOK_SECONDS)
        seconds = time.perf_counter() - start
        printed = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, printed)
    return printed, seconds, peak


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds: bytes of memory of its own, threads, open files; and the bytes of its children."""

    memory: int
    threads: int
    files: int
    children: int


def held(process: int) -> Held:
    """What a process holds now."""
    tasks, files = (sum(1 for _ in Path(f"/proc/{process}/{what}").iterdir()) for what in ("task", "fd"))
    children = sum(map(_memory, _children(process)))
    return Held(_memory(process) - children, tasks, files, children)


def _memory(process: int) -> int:
    status = _read(Path(f"/proc/{process}/status"))
    own = sum(int(size) << 10 for size in re.findall(r"(?:RssAnon|RssShmem):\s+(\d+)", status))
    return own + sum(map(_memory, _children(process)))


def _children(process: int) -> set[int]:
    return {int(child) for path in Path(f"/proc/{process}/task").glob("*/children") for child in _read(path).split()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
