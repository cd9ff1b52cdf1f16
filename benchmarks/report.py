"""The report: `benchmarks.md`, made of the figures of every size there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.peers import OTHERS, OURS
from benchmarks.plot import cost_against_size
from benchmarks.targets import Result, checks

IMAGE: Final = "images/cost-against-size.svg"
_MISSED: Final = """\
What is not met, and why:

- **Load.** Every event's metadata is decompressed and hashed on its own, so that it can be checked when it is shown: about two of the eight
  to nine microseconds of processor time that an event takes.
- **One event with its metadata** is read from the snapshot, a group of 4,096 rows at a time; the first one of a file reads its footer as
  well. The figures of 100M are of a reader that used several threads for it; one thread takes half the time and less.
- **Pages at 100M** are merged from five segments; asked once, their files were touched for the first time.
- **Facets and searches at 100M** look through ten times as many values as at 10M, in each of five segments.
- **The server's part of a page turn** is Streamlit's run of the whole page, as a browser on the same two cores sees it; the engine's part
  is the first table's first line. The readers beside it, who draw nothing, have the whole run in less than half of it.
"""

_INTRODUCTION: Final = """# Benchmarks

`make bench` (1M events) and `make bench SIZE=100K`, `10M` or `100M` generate a synthetic history inside DuckDB
(`benchmarks/history.sql`), publish it, load it into our engines and their peers, and ask everyone the same questions
(`benchmarks/questions.py`) in one run. Each run writes its figures to `docs/benchmarks/SIZE.json` and makes this page anew from
all there are; nothing here is written by hand. `python -m benchmarks --help` names the options, such as `--peers` and `--work`.

How to read it. A page is 50 events as a list shows them **and** the exact total, asked for apart where a peer counts apart. Each
figure is the median of at least five runs, unless five take more than twenty seconds, with our kept results dropped before each;
what the system keeps in memory stays, for everyone. Each peer runs in a process of its own, one after the other, and every answer
(totals, the ids of a page, counts, people, the digest of the metadata) is compared with ours. Peers are loaded up to 10M; at 100M
raw Parquet answers a few questions.
"""
_ON_PEERS: Final = """## Where peers are faster

Their milliseconds against ours, at the largest size that each was asked at. An index made for one key needs no reading at all,
and a keyset needs no total: PostgreSQL and SQLite are hard to beat there, and a reader does not see differences of a few
milliseconds. DuckDB and ClickHouse can also be asked what nobody foresaw, and PostgreSQL takes one more event without building
anything.
"""


def write(docs: Path, result: Result) -> None:
    """Writes a run's figures, and the report and the plot over all runs."""
    figures = docs / "benchmarks"
    for folder in (figures, docs / "images"):
        folder.mkdir(parents=True, exist_ok=True)
    (figures / f"{result['size']}.json").write_text(json.dumps(_rounded(result), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    render(docs)


def write_lake(docs: Path, result: Result) -> None:
    """Writes the figures of a lake, and the report with all there are."""
    path = docs / "benchmarks" / f"lake-{result['size']}.json"
    path.write_text(json.dumps(_rounded(result), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    render(docs)


def render(docs: Path) -> None:
    """Makes the report and the plot from the figures there are."""
    results = [
        json.loads(path.read_text(encoding="utf-8")) for path in (docs / "benchmarks").glob("*.json") if re.match(r"\d+[KM]$", path.stem)
    ]
    results.sort(key=lambda result: result["events"])
    (docs / IMAGE).write_text(cost_against_size(results), encoding="utf-8")
    parts = [
        _INTRODUCTION,
        targets_of(results),
        _MISSED,
        _wins(results),
        _plotted(),
        _setups(results),
        *map(of_size, results),
        *map(_lake, _lakes(docs)),
        _read_of_lakes(_lakes(docs)),
        _imports(docs),
    ]
    (docs / "benchmarks.md").write_text("\n".join(part for part in parts if part), encoding="utf-8")


def of_size(result: Result) -> str:
    """The tables of one run."""
    parts = [
        f"## {result['size']} events\n",
        _machine(result),
        *(f"**An answer differs: {difference}**\n" for difference in result["differences"]),
        _loads(result),
        _answers(result),
        _crowd(result),
        _browser(result),
    ]
    return "\n".join(part for part in parts if part)


def targets_of(results: Sequence[Result]) -> str:
    """The table of targets: what each run found, whether that meets them, and by how much."""
    found = [(result["events"], checks(result)) for result in results]
    rows = [
        [first.what, first.target + (" at 10M" if first.at else ""), *(each[place].verdict(events) for events, each in found)]
        for place, first in enumerate(found[0][1] if found else [])
    ]
    return "## Targets\n\n" + _table(["what", "target", *(result["size"] for result in results)], rows)


def _wins(results: Sequence[Result]) -> str:
    """Where peers are faster, at the largest size they were asked at."""
    titles = {question["key"]: question["title"] for result in results for question in result["questions"]}
    sentences, lost = [], []
    for name in OTHERS:
        result = next((each for each in reversed(results) if each["subjects"].get(name, {}).get("answers")), None)
        if result is None:
            continue
        peer, ours = result["subjects"][name], result["subjects"]["embedded"]["answers"]
        both = {key: (each["seconds"], ours[key]["seconds"]) for key, each in peer["answers"].items() if "seconds" in each}
        faster = sorted((theirs / mine, key) for key, (theirs, mine) in both.items() if theirs < mine)
        if faster:
            named = ", ".join(f"{titles[key]} ({_milli(both[key][0])} against {_milli(both[key][1])} ms)" for _, key in faster)
            sentences.append(f"**{peer['title']}** at {result['size']} in {len(faster)} of {len(both)} questions: {named}.")
        else:
            lost.append(f"{peer['title']} ({result['size']})")
    if lost:
        sentences.append(f"Nowhere: {', '.join(lost)}.")
    return "\n".join([_ON_PEERS, *(f"- {sentence}" for sentence in sentences), ""])


def _plotted() -> str:
    return f"## Cost against size\n\n![Milliseconds for four questions at each size, ours and three peers]({IMAGE})\n"


def _setups(results: Sequence[Result]) -> str:
    lines, seen = ["## How everyone is set up", ""], set()
    for result in reversed(results):
        for name, subject in result["subjects"].items():
            if name not in seen and "setup" in subject:
                seen.add(name)
                lines.append(f"- **{subject['title']}** ({subject['version']}): {subject['setup']}")
    return "\n".join(lines) + "\n"


def _machine(result: Result) -> str:
    machine, (before, after) = result["machine"], result["restlessness"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    generated = result.get("generated")
    quick = "**Each question was asked once only: no figures to go by.** " if result["quick"] else ""
    made = f" Generated and published in {generated['seconds']:,.0f} s, {_size(generated['bytes'])}." if generated else ""
    noise = (
        f"The same work took {before['median']:.2f}× its fastest run in the median before and {after['median']:.2f}× after, "
        f"at most {max(before['slowest'], after['slowest']):.1f}×; load average {before['load']:.1f} and {after['load']:.1f}."
    )
    return (
        f"{quick}{result['date']}, {machine['processor']}, {machine['cores']} cores, {_size(machine['memory_bytes'])} of memory, "
        f"{machine['system']}; {versions}.{made} {noise}\n"
    )


def _loads(result: Result) -> str:
    rows = []
    for name in [*OURS, *OTHERS]:
        subject = result["subjects"].get(name)
        if subject is None:
            continue
        if "title" not in subject:
            rows.append([name, f"left out: {subject['missing']}", "", "", ""])
            continue
        seconds, memory = subject["load_seconds"], subject.get("memory")
        reads = not subject["disk_bytes"] or name == "parquet"
        loaded = ["nothing is loaded", "", "", ""] if reads else [
            f"{seconds:,.1f} s", f"{result['events'] / seconds:,.0f}", _size(subject["disk_bytes"]), _size(memory) if memory else "–",
        ]  # fmt: skip
        rows.append([subject["title"] + (f" ({subject['missing']})" if "missing" in subject else ""), *loaded])
    text = _table(["loading", "time", "events/s", "on disk", "peak memory"], rows)
    opening, grown = result["opening"], result.get("grown")
    text += (
        f"\nOpening what is built: {opening['seconds'] * 1000:.0f} ms, {opening['first_seconds'] * 1000:.0f} ms with all imports in a "
        f"fresh process, which then takes {_size(opening['memory'])}. `import auditlib`: {result['import_seconds'] * 1000:.0f} ms."
    )
    if grown:
        share = grown["seconds"] / result["build"]["embedded"]["load_seconds"]
        text += f" {grown['events']:,} more events, published and opened: {grown['seconds']:.1f} s, {share:.0%} of the full build."
    return text + "\n"


def _answers(result: Result) -> str:
    asked = {name: subject for name, subject in result["subjects"].items() if subject["answers"]}
    rows = []
    for question in result["questions"]:
        cells = [subject["answers"].get(question["key"], {}) for subject in asked.values()]
        best = min((cell["seconds"] for cell in cells if "seconds" in cell), default=0)
        matches = question["matches"]
        rows.append([question["title"], f"{matches:,}" if matches is not None else "", *(_cell(cell, best) for cell in cells)])
    return _table(["milliseconds", "matches", *(subject["title"] for subject in asked.values())], rows)


def _cell(cell: Mapping[str, Any], best: float) -> str:
    if "error" in cell:
        return "failed"
    if "seconds" not in cell:
        return "–"
    shown = _milli(cell["seconds"])
    return f"**{shown}**" if cell["seconds"] == best else shown


def _milli(seconds: float) -> str:
    milli = seconds * 1000
    return f"{milli:,.0f}" if milli >= 100 else f"{milli:.1f}" if milli >= 1 else f"{milli:.2f}"


def _crowd(result: Result) -> str:
    rows = [
        [
            f"{each['threads']}",
            f"{each['per_second']:,.0f}",
            *(f"{each[name] * 1000:.1f}" for name in ("median", "p95", "slowest")),
            f"{each['busy']:,}",
        ]
        for each in result.get("crowd", [])
    ]
    head = ["threads asking the embedded engine, nothing kept", "questions/s", "median ms", "95 % within ms", "slowest ms", "busy"]
    return _table(head, rows) if rows else ""


def _browser(result: Result) -> str:
    browser = result.get("browser")
    if not browser:
        return ""
    if "missing" in browser:
        return f"In the browser: not measured, {browser['missing']}.\n"
    crowd = browser["crowd"]
    turns = browser["turns"] | {f"50 rows, beside {crowd['readers']} readers who turn a page about every second": crowd["browser"]}
    rows = [
        [title, *(f"{turn[name] * 1000:.0f}" for name in ("median", "slowest", "server", "rows", "run"))] for title, turn in turns.items()
    ]
    clients = crowd["clients"]
    lost = f"{clients['lost']} lost" if clients["lost"] else "none lost"
    head = [
        "a page turn in the browser, milliseconds",
        "median",
        "slowest",
        "of which the server",
        "server, to the rows sent",
        "… to the end of its run",
    ]
    return _table(head, rows) + (
        f"\nThe {crowd['readers']} readers turned {clients['runs']:,} pages in the meantime, median {clients['median'] * 1000:.0f} ms, "
        f"95 % within {clients['p95'] * 1000:.0f} ms, {lost}. From the start of the server to the first rows in the browser: "
        f"{browser['start']:.1f} s.\n"
    )


def _lakes(docs: Path) -> list[Result]:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (docs / "benchmarks").glob("lake-*.json")]
    return sorted(found, key=lambda result: result["events"])


def _lake(result: Result) -> str:
    """What a lake of one size was asked: seconds on Spark and of the embedded engine, and bytes read."""
    rows = [
        [
            each["title"],
            *(_milli(each[name][when]) if name in each else "–" for name in ("embedded", "spark") for when in ("cold", "warm")),
            _read(each["scanned"]),
            "yes" if each["same"] else "**no**",
        ]
        for each in result["questions"]
    ]
    head = ["milliseconds", "embedded, cold", "warm", "Spark, cold", "warm", "read of the table", "same answer"]
    machine, share = result["machine"], max(each["median"] for each in result["restlessness"])
    spark = f"Spark: a standalone master, {result['workers']} workers of one core each and Spark Connect, all on this machine."
    if result["missing"] or not result["workers"]:
        spark = f"Spark was not asked{': ' * bool(result['missing'])}{result['missing']}."
    return (
        f"## A lake of {result['size']} events\n\n{result['date']}, {machine['processor']}, {machine['cores']} cores; the same work took "
        f"up to {share:.2f}× its fastest run in the median. The table: {_size(result['bytes'])} in {result['files']:,} files, "
        f"published in {result['seconds']:,.0f} s. {spark} Cold is the first time, warm the median of three more, with our kept results "
        "dropped each time.\n\n" + _table(head, rows)
    )


def _read_of_lakes(results: Sequence[Result]) -> str:
    """What each question reads of lakes of several sizes, and how it grows from the last but one to the largest."""
    if len(results) < 2:
        return ""
    titles = {each["key"]: each["title"] for each in results[0]["questions"]}
    read = [{each["key"]: each["scanned"] for each in result["questions"]} for result in results]
    before, largest = results[-2:]
    rows = []
    for key, title in titles.items():
        growth = f"{read[-1][key] / read[-2][key]:.1f}×" if read[-2][key] >= 1024 else "–"
        rows.append([title, *(_read(each[key]) for each in read), growth, f"{read[-1][key] / largest['events']:.1f}"])
    return (
        "## What a lake reads, by size\n\nBytes of the table that each question reads, measured, footers included; how they grow from "
        f"{before['size']} to {largest['size']} events ({largest['events'] / before['events']:.0f}× as many); and the bytes for each event "
        "of the whole record at the largest size. The history is of one year whatever the size, so a range of days holds more events in a "
        "larger table. The files are as published, not merged.\n\n"
        + _table(
            ["read of the table", *(result["size"] for result in results), f"{before['size']} → {largest['size']}", "bytes an event"], rows
        )
    )


def _imports(docs: Path) -> str:
    """What `benchmarks.imports` found, where it was run."""
    path = docs / "benchmarks" / "imports.json"
    return "## Import\n\n" + "\n".join(json.loads(path.read_text(encoding="utf-8"))["lines"]) + "\n" if path.exists() else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _read(count: float) -> str:
    return _size(count) if count >= 2**20 else f"{count / 1024:,.0f} KiB"


def _size(count: float) -> str:
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 else f"{count / 2**20:,.0f} MiB"


def _rounded(value: Any) -> Any:
    """The same with five significant digits, which is more than any of them is worth."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
