"""Building: what it takes to load a store, to open what is built, to add a snapshot, and to import the library."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from auditlib.store import publish
from benchmarks import history
from benchmarks.machine import disk_bytes, ran

_OPENED: Final = """
import json, re, sys, time
from pathlib import Path
from auditlib.log import open_log
store = Path(sys.argv[1])
def opened():
    start = time.perf_counter()
    log = open_log(store)
    seconds = time.perf_counter() - start
    memory = int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) << 10
    log.close()
    return seconds, memory
first, memory = opened()
print(json.dumps({"first_seconds": first, "memory": memory, "seconds": min(opened()[0] for _ in range(5))}))
"""


def environment(work: Path, size: str, name: str = "embedded") -> dict[str, str]:
    """The settings of an engine that keeps what it derives in the work folder."""
    return {"AUDIT_CACHE": str(work / f"cache-{name}-{size}"), "AUDIT_STATE": str(work / f"state-{size}"), "AUDIT_ENGINE": name}


def built(store: Path, settings: Mapping[str, str]) -> dict[str, float]:
    """A first opening from an empty cache, in a process of its own: seconds, peak bytes of its processes, bytes on disk."""
    cache = Path(settings["AUDIT_CACHE"])
    for folder in (cache, Path(settings["AUDIT_STATE"])):
        shutil.rmtree(folder, ignore_errors=True)
    code = "import sys, auditlib; auditlib.open_log(sys.argv[1]).close()"
    _, seconds, peak = ran([sys.executable, "-c", code, str(store)], settings)
    return {"load_seconds": seconds, "memory": peak, "disk_bytes": disk_bytes(cache)}


def opened(store: Path, settings: Mapping[str, str]) -> dict[str, float]:
    """Openings of what is built in a fresh process: the first with all imports, its resident bytes after it, and another."""
    found = [json.loads(ran([sys.executable, "-c", _OPENED, str(store)], settings)[0]) for _ in range(3)]
    return {name: statistics.median(each[name] for each in found) for name in found[0]}


def grown(store: Path, events: int, settings: Mapping[str, str]) -> dict[str, Any]:
    """One per cent more events published to a store that is built, and opened: seconds, and how many were added."""
    added = max(1, events // 100)
    created = history.START + timedelta(days=history.DAYS * 1.01, hours=2)
    publish(store, history.batches(events, events + added, events), name="bench-added", created=created)
    code = "import sys, auditlib; auditlib.open_log(sys.argv[1]).close()"
    _, seconds, peak = ran([sys.executable, "-c", code, str(store)], settings)
    return {"events": added, "seconds": seconds, "memory": peak}


def imported() -> float:
    """Seconds of `import auditlib` in a fresh process, the median of seven."""
    code = "import time; start = time.perf_counter(); import auditlib; print(time.perf_counter() - start)"
    return statistics.median(float(ran([sys.executable, "-c", code], {})[0]) for _ in range(7))
