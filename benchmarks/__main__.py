"""`python -m benchmarks --size 1M`: generate, load, open and ask ours and its peers; write the figures and the report."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks import building, history, machine, report
from benchmarks.asking import asked
from benchmarks.browser import browsed
from benchmarks.crowd import crowd, floor
from benchmarks.peers import OTHERS, OURS
from benchmarks.peers.ours import Ours
from benchmarks.questions import Question, questions

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
MOST_FOR_PEERS: Final = 10_000_000
FEW: Final = ("first", "deep", "action", "none", "filters", "facet-range", "days-all")
"""What raw Parquet is asked where the other peers are not loaded any more."""


def main() -> None:
    """Runs one size, writes its figures, and the report over all sizes there are."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--size", type=_size, default="1M", help="how many events: 100K, 1M, 10M, 100M or the like")
    parser.add_argument("--work", type=Path, help="folder to work in, whose stores are kept; else a temporary one")
    parser.add_argument("--peers", default=",".join(OTHERS), help=f"some of {','.join(OTHERS)}, or none")
    parser.add_argument("--skip-browser", action="store_true", help="measures nothing in a browser")
    parser.add_argument("--quick", action="store_true", help="asks each question once, to see that everything works")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the figures and the report are written")
    arguments = parser.parse_args()
    peers = [] if arguments.peers == "none" else arguments.peers.split(",")
    if unknown := set(peers) - set(OTHERS):
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    work = (arguments.work or Path(tempfile.mkdtemp(prefix="audit-bench-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    try:
        result = _run(arguments.size, work, peers, skip_browser=arguments.skip_browser, quick=arguments.quick)
    finally:
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)
    report.write(arguments.docs, result)
    print(report.targets_of([result]), report.of_size(result), sep="\n")


def _run(size: str, work: Path, peers: list[str], *, skip_browser: bool, quick: bool) -> dict[str, Any]:
    events = _events(size)
    result: dict[str, Any] = {
        "size": size, "events": events, "quick": quick, "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine.described(),
        "restlessness": [machine.restlessness()], "build": {}, "subjects": {}, "questions": [], "differences": [],
    }  # fmt: skip
    source = work / f"store-{size}"
    if not source.exists():
        _say(f"{size}: generating")
        result["generated"] = {"seconds": machine.timed(lambda: history.store(source, events)), "bytes": machine.disk_bytes(source)}
    small = events <= MOST_FOR_PEERS
    store = work / f"copy-{size}" if small else source
    if small:
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(source, store)
    for name in OURS if small else OURS[:1]:
        _say(f"{size}: building for {name}")
        result["build"][name] = building.built(store, building.environment(work, size, name))
    settings = building.environment(work, size)
    result["opening"], result["import_seconds"] = building.opened(store, settings), building.imported()
    os.environ.update(settings)
    everything = _inside(result, store, Path(settings["AUDIT_CACHE"]), 0.2 if quick else 4.0)
    _ask(result, store, work, peers, everything)
    if not skip_browser:
        _say(f"{size}: turning pages in the browser")
        result["browser"] = browsed(store, settings)
    if small:
        _say(f"{size}: publishing 1 % more")
        result["grown"] = building.grown(store, events, settings)
        shutil.rmtree(store)
    for folder in (*work.glob(f"cache-*-{size}"), work / f"state-{size}"):
        shutil.rmtree(folder, ignore_errors=True)
    result["restlessness"].append(machine.restlessness())
    return result


def _ask(result: dict[str, Any], store: Path, work: Path, peers: list[str], everything: list[Question]) -> None:
    """Asks our engines and the peers, each in a process of its own."""
    size, small = result["size"], result["events"] <= MOST_FOR_PEERS
    expected: dict[str, Any] = {}
    for name in [*OURS, *peers] if small else [OURS[0], *(name for name in peers if name == "parquet")]:
        _say(f"{size}: asking {name}")
        settings = building.environment(work, size, name if name in OURS else OURS[0])
        chosen = [question for question in everything if small or name in OURS or question.key in FEW]
        found, differences = asked(name, store, work, settings, chosen, expected, quick=result["quick"])
        result["subjects"][name] = found | result["build"].get(name, {})
        result["differences"] += differences
    for each in everything:
        matches = expected[each.key][0] if each.kind == "page" and each.key in expected else None
        result["questions"].append({"key": each.key, "title": each.title, "group": each.group, "link": each.link, "matches": matches})


def _inside(result: dict[str, Any], store: Path, cache: Path, seconds: float) -> list[Question]:
    """The questions, made from the open log; and what is measured in this process: a crowd, and the floor of searches."""
    peer = Ours("embedded")
    peer.load(store, cache)
    everything = questions(peer.engine)
    _say("asking with many threads")
    result["crowd"] = crowd(peer, everything, seconds)
    result["floor"] = {each.key: floor(cache, each.link.removeprefix("q=")) for each in everything if each.key in ("rare", "none")}
    peer.close()
    return everything


def _size(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*[KM]", text):
        raise argparse.ArgumentTypeError("expected a number and K or M, such as 1M")
    return text


def _events(size: str) -> int:
    return int(size[:-1]) * {"K": 1_000, "M": 1_000_000}[size[-1]]


def _say(what: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
