"""`python -m benchmarks --size 1M`: generate, load, open and ask; prints tables and writes them to docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from auditlib.engine.base import Engine
from auditlib.view import View
from benchmarks import history
from benchmarks.browser import page_turns
from benchmarks.questions import PAGES, ask_page, parquet_asker

SIZES: Final = {"100K": 100_000, "1M": 1_000_000, "10M": 10_000_000, "100M": 100_000_000}
TIMES: Final = 7
REPORT: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- {} begins -->", "<!-- {} ends -->"


def main() -> None:
    """Runs one size and rewrites its part of the report."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--size", choices=SIZES, default="1M")
    parser.add_argument("--work", type=Path, help="folder to work in, kept afterwards; else a temporary one")
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp(prefix="audit-bench-"))
    try:
        text = _run(arguments.size, work)
    finally:
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)
    print(text)
    _write(arguments.size, text)


def _run(size: str, work: Path) -> str:
    events = SIZES[size]
    store = work / f"store-{size}"
    lines = [f"## {size} events", "", f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}", ""]
    if not store.exists():
        seconds = _timed(lambda: history.store(store, events))
        lines += [f"Generated and published in {seconds:.0f} s ({events / seconds:,.0f} events/s), {_disk(store)} on disk.", ""]
    engines: dict[str, Engine] = {}
    lines += [
        "| engine | load with verification | events/s | peak memory | cache on disk | opening again |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in ("embedded", "duckdb") if events <= SIZES["10M"] else ("embedded",):
        cache = work / f"cache-{name}-{size}"
        shutil.rmtree(cache, ignore_errors=True)
        seconds, memory = _load(name, store, cache)
        os.environ["AUDIT_CACHE"] = str(cache)
        again = statistics.median(_timed(lambda name=name: _open(name, store).close()) for _ in range(3))
        engines[name] = _open(name, store)
        rate = f"{events / seconds:,.0f}"
        lines.append(f"| {name} | {seconds:.1f} s | {rate} | {memory / 2**20:,.0f} MiB | {_disk(cache)} | {again * 1000:.0f} ms |")
    lines += ["", *_pages(engines, store, events), "", *_counts(engines)]
    lines += ["", *page_turns(store, work / f"cache-embedded-{size}")]
    return "\n".join(lines)


def _pages(engines: dict[str, Engine], store: Path, events: int) -> list[str]:
    raw = parquet_asker(store)
    head = "| a page of 50 and the exact total, milliseconds | matches | " + " | ".join(engines) + " | raw Parquet | raw ÷ embedded |"
    lines = [head, "| --- | --- |" + " --- |" * (len(engines) + 2)]
    for title, link in PAGES.items():
        view = View.from_link(link.format(middle=events * 6 // 10 // 50 // 2)) if link else View()
        cells, total = [], 0
        for engine in engines.values():
            total = engine.total(view)
            cells.append(_cold(engine, view))
        shown = [f"{cell * 1000:.1f}" for cell in cells]
        try:
            asked = statistics.median(_timed(lambda view=view: raw(view)) for _ in range(3))
            shown += [f"{asked * 1000:,.0f}", f"{asked / cells[0]:,.0f}×"]
        except NotImplementedError:
            shown += ["–", "–"]
        lines.append(f"| {title} | {total:,} | {' | '.join(shown)} |")
    return lines


def _counts(engines: dict[str, Engine]) -> list[str]:
    lines = ["| counts, milliseconds | " + " | ".join(engines) + " |", "| --- |" + " --- |" * len(engines)]
    month = View(start="2026-06-01", end="2026-08-29", tz="Asia/Kolkata")
    asked: dict[str, Callable[[Engine], object]] = {
        "actions of all": lambda engine: engine.facet(View(), "action", limit=50),
        "actions of 90 days": lambda engine: engine.facet(month, "action", limit=50),
        "actors of 90 days": lambda engine: engine.facet(month, "actor_name", limit=50),
        "events per day, all": lambda engine: engine.histogram(View(), bucket_minutes=1440),
        "events per day of one action": lambda engine: engine.histogram(View().having("action", "updated"), bucket_minutes=1440),
        "people named “an…”": lambda engine: engine.suggest("candidate", "an", limit=8),
        "one event by id, whole": lambda engine: engine.event(engine.event_at(View(), 12_345) or ""),
    }
    for title, ask in asked.items():
        cells = [statistics.median(_forgetting(engine, partial(ask, engine)) for _ in range(TIMES)) for engine in engines.values()]
        lines.append(f"| {title} | {' | '.join(f'{cell * 1000:.1f}' for cell in cells)} |")
    return lines


def _cold(engine: Engine, view: View) -> float:
    """The median of asking without anything kept from before."""
    return statistics.median(_forgetting(engine, lambda: ask_page(engine, view)) for _ in range(TIMES))


def _forgetting(engine: Engine, ask: Callable[[], object]) -> float:
    engine.forget()
    return _timed(ask)


def _timed(ask: Callable[[], object]) -> float:
    start = time.perf_counter()
    ask()
    return time.perf_counter() - start


def _open(name: str, store: Path) -> Engine:
    from importlib import import_module

    opened: Engine = import_module(f"auditlib.engine.{name}.opening").open_engine(store)
    return opened


def _load(name: str, store: Path, cache: Path) -> tuple[float, int]:
    """Seconds and peak bytes of a process that opens the store for the first time, children included."""
    code = f"import auditlib; auditlib.open_log({str(store)!r}).close()"
    environment = {**os.environ, "AUDIT_CACHE": str(cache), "AUDIT_ENGINE": name}
    measured = (
        "import resource, subprocess, sys, time; t = time.perf_counter(); "
        f"subprocess.run([sys.executable, '-c', {code!r}], check=True); "
        "print(time.perf_counter() - t, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"
    )
    ran = subprocess.run([sys.executable, "-c", measured], check=True, capture_output=True, text=True, env=environment)
    seconds, memory = ran.stdout.splitlines()[-1].split()
    return float(seconds), int(memory)


def _disk(folder: Path) -> str:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"{size / 2**20:,.0f} MiB"


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pyarrow", "numpy"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    peak = resource.getrlimit(resource.RLIMIT_AS)[0]
    limit = "" if peak == resource.RLIM_INFINITY else f", limited to {peak / 2**30:.0f} GiB"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB{limit}, {platform.system()}, Python {platform.python_version()}, {packages}."


def _write(size: str, text: str) -> None:
    """Puts a size's tables into the report, in place of those of its last run."""
    begin, end = _BEGIN.format(size), _END.format(size)
    report = REPORT.read_text(encoding="utf-8") if REPORT.exists() else "# Benchmarks\n"
    block = f"{begin}\n{text}\n{end}"
    if begin in report:
        report = report[: report.index(begin)] + block + report[report.index(end) + len(end) :]
    else:
        report = f"{report.rstrip()}\n\n{block}\n"
    REPORT.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
