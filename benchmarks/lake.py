"""`python -m benchmarks.lake --size 1M`: a lake table asked through Spark, beside the embedded engine; and what each question reads of it.

What is read is measured, not estimated: DuckDB answers from the same files, and the system counts the bytes that it asks for.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from auditlib.engine.base import Engine
from auditlib.engine.embedded.opening import open_engine
from auditlib.engine.lake.opening import open_lake
from auditlib.engine.lake.publish import publish_lake
from auditlib.view import View
from benchmarks import building, history, machine, report
from benchmarks.questions import Question, questions
from benchmarks.spark import NoSpark, cluster

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
ASKED: Final = (
    "first", "deep", "action", "action-deep", "candidate", "event", "common", "name", "none", "network", "changed", "filters",
    "facet-all", "facet-q", "days-all", "suggest",
)  # fmt: skip
"""The questions of `benchmarks.questions` that a lake is asked, besides some within the last thirty days."""
WARM: Final = 3


def main() -> None:
    """Runs one size, and writes its figures and the report."""
    parser = argparse.ArgumentParser(prog="benchmarks.lake")
    parser.add_argument("--size", default="1M", help="how many events: 1M, 10M, 100M or the like")
    parser.add_argument("--work", type=Path, help="folder to work in, whose stores are kept; else a temporary one")
    parser.add_argument("--workers", type=int, default=2, help="Spark's workers, of one core each; 0 asks no Spark")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the figures and the report are written")
    arguments = parser.parse_args()
    work = (arguments.work or Path(tempfile.mkdtemp(prefix="audit-lake-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    try:
        report.write_lake(arguments.docs, _run(arguments.size, work, arguments.workers))
    finally:
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)


def _run(size: str, work: Path, workers: int) -> dict[str, Any]:
    if not re.fullmatch(r"[1-9]\d*[KM]", size):
        raise SystemExit("expected a size such as 1M")
    events = int(size[:-1]) * {"K": 1_000, "M": 1_000_000}[size[-1]]
    store, place = work / f"store-{size}", work / f"lake-{size}"
    os.environ.update(building.environment(work, f"lake-{size}"))
    if not store.exists():
        _say(f"{size}: generating")
        history.store(store, events)
    embedded = open_engine(store)
    _say(f"{size}: publishing the table")
    shutil.rmtree(place, ignore_errors=True)
    seconds = machine.timed(lambda: publish_lake(store, str(place)))
    result: dict[str, Any] = {
        "size": size, "events": events, "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine.described(),
        "restlessness": [machine.restlessness()], "workers": workers, "seconds": seconds, "bytes": machine.disk_bytes(place),
        "files": sum(1 for _ in place.rglob("part-*")), "questions": [], "missing": "",
    }  # fmt: skip
    everything = [*_recent(), *(each for each in questions(embedded) if each.key in ASKED)]
    rows = {each.key: {**asdict(each)} for each in everything}
    _say(f"{size}: asking the embedded engine")
    answers = _ask(embedded, everything, rows, "embedded")
    embedded.close()
    _say(f"{size}: counting what is read")
    _scan(str(place), everything, rows, answers)
    if workers:
        try:
            _say(f"{size}: asking Spark")
            with cluster(work / "spark", workers=workers, memory="3g") as running:
                engine = open_lake(running.url, str(place))
                _ask(engine, everything, rows, "spark", answers)
                engine.close()
        except NoSpark as missing:
            result["missing"] = str(missing)
    result["questions"] = list(rows.values())
    result["restlessness"].append(machine.restlessness())
    return result


def _recent() -> list[Question]:
    """What a reader of a lake asks first: the last thirty days."""
    last = history.START + timedelta(days=history.DAYS)
    days = f"from={last - timedelta(days=29):%Y-%m-%d}&to={last:%Y-%m-%d}&tz=UTC"
    return [
        Question("recent", "last 30 days: first page", days),
        Question("recent-search", "last 30 days: search, common word", f"q=recording&{days}"),
        Question("recent-actor", "last 30 days: one action", f"action=cancelled&{days}"),
        Question("recent-facet", "last 30 days: actions", days, "facet", ("action",)),
        Question("recent-days", "last 30 days: events per day", days, "histogram", ("1440",)),
    ]


def _asker(engine: Engine, question: Question) -> Callable[[], Any]:
    view, of = View.from_link(question.link), question.of
    match question.kind:
        case "facet":
            return lambda: [(count.value, count.events) for count in engine.facet(view, of[0], limit=50)]
        case "histogram":
            return lambda: [(str(count.start), count.events) for count in engine.histogram(view, bucket_minutes=int(of[0]))]
        case "suggest":
            return lambda: [(person.id, person.events) for person in engine.suggest(of[0], of[1], limit=8)]  # type: ignore[arg-type]
        case "event":
            return lambda: engine.metadata(of[:1])
    return lambda: (engine.total(view), [event.event_id for event in engine.page(view).events])


def _ask(
    engine: Engine, everything: list[Question], rows: dict[str, dict[str, Any]], name: str, expected: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Asks each question once cold and then `WARM` times, with kept results dropped; the answers, which must be those expected."""
    answers: dict[str, Any] = {}
    for question in everything:
        asked = _asker(engine, question)
        runs = []
        for _ in range(1 + WARM):
            engine.forget()
            start = time.perf_counter()
            answers[question.key] = asked()
            runs.append(time.perf_counter() - start)
        rows[question.key][name] = {"cold": runs[0], "warm": statistics.median(runs[1:])}
        if expected is not None:
            rows[question.key]["same"] = rows[question.key].get("same", True) and answers[question.key] == expected[question.key]
    return answers


def _scan(place: str, everything: list[Question], rows: dict[str, dict[str, Any]], expected: dict[str, Any]) -> None:
    """How many bytes each question reads of the table, its footers included."""
    engine = open_lake("duckdb://", place)
    engine._connection._backend.con.execute("SET enable_external_file_cache = false")  # type: ignore[attr-defined]
    for question in everything:
        engine.forget()
        before = _read_so_far()
        answer = _asker(engine, question)()
        rows[question.key]["scanned"] = _read_so_far() - before
        rows[question.key]["same"] = answer == expected[question.key]
    engine.close()


def _read_so_far() -> int:
    """The bytes that this process has asked the system for (proc(5), rchar)."""
    found = re.search(r"rchar: (\d+)", Path("/proc/self/io").read_text(encoding="ascii"))
    return int(found[1]) if found else 0


def _say(what: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
