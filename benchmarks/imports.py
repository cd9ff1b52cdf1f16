"""`python -m benchmarks.imports --events 500000`: how fast CloudTrail is imported, with worker processes, from end to end.

The input is real CloudTrail records, repeated with ids and times of their own, once as JSON lines, once as the
gzipped `{"Records": []}` files that AWS delivers. The floor is a loop of `json.loads` over the same lines.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from auditlib.ingest import Import, load_format
from auditlib.store import publish

SAMPLES: Final = Path(__file__).resolve().parent.parent / "tests" / "data" / "cloudtrail"
PER_DELIVERY: Final = 20_000

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_VARIED: Final = re.compile(r'"(eventID|requestID|eventTime)":"[^"]*"')


def main() -> None:
    """Makes the input, imports it in fresh processes, prints a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.imports")
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--work", type=Path, help="folder to work in, kept afterwards; else a temporary one")
    parser.add_argument("--samples", type=Path, default=SAMPLES, help="folder of CloudTrail files whose records are repeated")
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp(prefix="audit-imports-"))
    try:
        print("\n".join(table(work, arguments.samples, arguments.events)))
    finally:
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)


def table(work: Path, samples: Path, events: int) -> list[str]:
    """The figures of each way to import so many events, as lines of a Markdown table."""
    lines, deliveries = _lines(work, samples, events), _deliveries(work, samples, events)
    store = work / "store"
    shutil.rmtree(store, ignore_errors=True)
    asked = {
        "floor: `json.loads` of each line, one process": ("parse", [lines], None),
        "JSON lines, mapped only": ("imported", [lines], None),
        "JSON lines, published": ("imported", [lines], store / "lines"),
        "delivery files, mapped only": ("imported", deliveries, None),
        "delivery files, published": ("imported", deliveries, store / "deliveries"),
    }
    size = lines.stat().st_size / events
    shown = [
        f"| {events:,} CloudTrail events, {size:,.0f} bytes each | events/s | CPU per event | ÷ floor | peak parent | peak worker |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    floor = 0.0
    for title, (what, paths, target) in asked.items():
        found = _in_a_fresh_process(what, paths, target)
        memory = (f"{found[name] / 2**20:,.0f} MiB" if found[name] else "–" for name in ("parent", "worker"))
        cpu = found["cpu"] / found["events"]
        floor = floor or cpu
        rate = f"{found['events'] / found['wall']:,.0f}"
        shown.append(f"| {title} | {rate} | {cpu * 1e6:.1f} µs | {cpu / floor:.1f} | {' | '.join(memory)} |")
    return shown


def parse(paths: list[str], store: str) -> tuple[int, int]:
    """How many lines `json.loads` makes objects of, and 0 for workers that there are none of."""
    with Path(paths[0]).open("rb") as lines:
        return sum(type(json.loads(line)) is dict for line in lines), 0


def imported(paths: list[str], store: str) -> tuple[int, int]:
    """How many events an import gives, published where a store is named, and the peak bytes of its largest worker."""
    run = Import(load_format("cloudtrail"), paths)
    largest = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal largest
        for number, batch in enumerate(run.batches()):
            yield batch
            if number % 10 == 0:
                largest = max([largest, *map(_peak, _children())])

    if store:
        publish(Path(store), batches(), name="imported")
    else:
        deque(batches(), 0)
    return run.summary.published, largest


def figures(what: str, paths: list[str], store: str) -> None:
    """Prints what one of the functions above took, as JSON."""
    begin = time.perf_counter()
    events, worker = globals()[what](paths, store)
    wall = time.perf_counter() - begin
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in used)
    print(json.dumps({"events": events, "wall": wall, "cpu": cpu, "parent": _peak("self"), "worker": worker}))


def _in_a_fresh_process(what: str, paths: list[Path], store: Path | None) -> dict[str, Any]:
    code = f"from benchmarks.imports import figures; figures({what!r}, {[str(path) for path in paths]!r}, {str(store or '')!r})"
    ran = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def _peak(process: str) -> int:
    """The peak bytes of a process; `ru_maxrss` would begin with those of the process that started it."""
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) << 10 if found else 0


def _children() -> list[str]:
    return [child for path in Path("/proc/self/task").glob("*/children") for child in path.read_text().split()]


def _lines(work: Path, samples: Path, events: int) -> Path:
    path = work / f"cloudtrail-{events}.ndjson"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{record}\n" for record in _records(samples, events))
    return path


def _deliveries(work: Path, samples: Path, events: int) -> list[Path]:
    folder = work / f"deliveries-{events}"
    if not folder.exists():
        folder.mkdir(parents=True)
        records = _records(samples, events)
        for number in range(-(-events // PER_DELIVERY)):
            text = f'{{"Records":[{",".join(islice(records, PER_DELIVERY))}]}}'
            (folder / f"{number:04d}.json.gz").write_bytes(gzip.compress(text.encode(), 1))
    return sorted(folder.iterdir())


def _records(samples: Path, events: int) -> Iterator[str]:
    """The text of so many records: the samples over and over, each with another id and time."""
    texts = _samples(samples)
    for number in range(events):
        unlike = f"{number:08x}-3be5-4a26-ab1b-0f4c54f49959"
        told = {"eventID": unlike, "requestID": unlike, "eventTime": f"{_START + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}"}
        yield _VARIED.sub(lambda found, told=told: f'"{found[1]}":"{told[found[1]]}"', texts[number % len(texts)])  # type: ignore[misc]


def _samples(folder: Path) -> list[str]:
    texts: list[str] = []
    for path in sorted(folder.rglob("*json*")):
        data = path.read_bytes() if path.is_file() else b""
        text = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()
        for value in map(json.loads, [text] if text.startswith('{"Records"') else text.splitlines()):
            texts += (json.dumps(record, separators=(",", ":")) for record in value.get("Records", [value]))
    return [text for text in texts if '"eventID"' in text]


if __name__ == "__main__":
    main()
