"""Benchmarks: everyone who is asked answers the same, and the report says what the figures say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import report
from benchmarks.asking import asked
from benchmarks.plot import cost_against_size
from benchmarks.targets import Check, checks

ROOT = Path(__file__).resolve().parents[1]


def run(folder: Path, size: str, peers: str) -> dict[str, Any]:
    """The figures of a quick run, which writes nothing outside the folder."""
    command = [sys.executable, "-m", "benchmarks", "--size", size, "--peers", peers, "--quick", "--skip-browser"]
    subprocess.run([*command, "--work", str(folder / "work"), "--docs", str(folder)], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads((folder / "benchmarks" / f"{size}.json").read_text(encoding="utf-8"))
    return found


def test_a_run_asks_ours_and_peers_the_same_and_reports_what_it_found(tmp_path: Path) -> None:
    result = run(tmp_path, "20K", "naive,sqlite")
    assert result["differences"] == []
    assert list(result["subjects"]) == ["embedded", "duckdb", "naive", "sqlite"]
    keys = {question["key"] for question in result["questions"]}
    for name, subject in result["subjects"].items():
        assert "missing" not in subject
        assert keys - set(subject["answers"]) == ({"next"} if name == "naive" else set())
        assert all(answer["seconds"] > 0 for answer in subject["answers"].values())
    matches = {question["key"]: question["matches"] for question in result["questions"]}
    assert matches["first"] == matches["last"] > matches["action"] > matches["filters"] > 1_000 // 50 * 20
    assert matches["rare"] and not matches["none"]
    assert result["grown"]["events"] == 200
    assert [each["busy"] for each in result["crowd"]] == [0, 0, 0]
    page = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "| answers that differ | ≤ 0 | 0, met |" in page
    assert (tmp_path / report.IMAGE).exists()
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["store-20K"]


@pytest.mark.long
def test_every_peer_that_is_installed_answers_as_ours_do() -> None:
    with tempfile.TemporaryDirectory() as folder:  # PostgreSQL's own user could not enter a folder of pytest
        Path(folder).chmod(0o711)
        result = run(Path(folder), "50K", "postgres,sqlite,naive,parquet,polars,chdb")
    assert result["differences"] == []
    for subject in result["subjects"].values():
        assert "installed" in subject["missing"] if "missing" in subject else subject["answers"]


def test_a_peer_that_fails_is_left_out_with_the_reason(tmp_path: Path) -> None:
    found, differences = asked("naive", tmp_path / "no store", tmp_path, {}, [], {})
    assert found["missing"].startswith("it failed: ")
    assert "No files found" in found["missing"]
    assert differences == []


def test_a_verdict_says_whether_a_target_is_met_and_by_how_much() -> None:
    assert Check("a page", 5, "ms", 2.5).verdict(1) == "2.50 ms, met (2.0×)"
    assert Check("a page", 5, "ms", 10).verdict(1) == "**10 ms, not met** (2.0× off)"
    assert Check("faster", 20, "×", 50, more=True).verdict(1) == "50×, met (2.5×)"
    assert Check("faster", 20, "×", 5, more=True).verdict(1) == "**5×, not met** (4.0× off)"
    assert Check("faster", 20, "×", 5, more=True, at=10_000_000).verdict(1_000_000) == "5×"
    assert Check("not measured", 5, "ms", None).verdict(1) == "–"
    assert Check("answers that differ", 0, "", 0).verdict(1) == "0, met"
    assert Check("answers that differ", 0, "", 2).verdict(1) == "2, not met"


RESULT: dict[str, Any] = {
    "size": "10M", "events": 10_000_000, "differences": [], "build": {}, "floor": {}, "opening": None,
    "questions": [{"key": key, "title": key, "group": group, "matches": 1} for key, group in {"first": "slice", "deep": "slice"}.items()],
    "subjects": {
        "embedded": {"title": "embedded", "answers": {"first": {"seconds": 0.001}, "deep": {"seconds": 0.0012}}},
        "naive": {"title": "naive DuckDB", "answers": {"first": {"seconds": 0.0005}, "deep": {"seconds": 0.6}}},
        "polars": {"missing": "the package polars is not installed", "answers": {}},
    },
}  # fmt: skip


def test_targets_are_ratios_of_one_run() -> None:
    found = {check.what: check.verdict(10_000_000) for check in checks(RESULT)}
    assert found["any unfiltered page against the first"] == "1.20×, met (1.2×)"
    assert found["the deep page, faster than naive DuckDB"] == "500×, met (5.0×)"
    assert found["the deep page, faster than PostgreSQL"] == "–"


def test_the_report_says_where_a_peer_is_faster() -> None:
    assert "- **naive DuckDB** at 10M in 1 of 2 questions: first (0.50 against 1.0 ms)." in report._wins([RESULT])


def test_the_report_of_the_browser_has_its_turns_and_the_readers_beside_it() -> None:
    turn = {"median": 0.2, "slowest": 0.3, "server": 0.05, "rows": 0.03, "run": 0.06}
    clients = {"runs": 400, "lost": 0, "median": 0.1, "p95": 0.2}
    browser = {"start": 2.5, "turns": {"50 rows": turn}, "crowd": {"readers": 20, "browser": turn, "clients": clients}}
    text = report._browser({"browser": browser})
    assert "| 50 rows | 200 | 300 | 50 | 30 | 60 |" in text
    assert "The 20 readers turned 400 pages in the meantime, median 100 ms, 95 % within 200 ms, none lost." in text
    found = {check.what: check.verdict(1) for check in checks({**RESULT, "browser": browser})}
    assert found["… of which the server"] == "50 ms, met (1.0×)"
    assert found["start of the app to the first rows"] == "2.50 s, met (2.0×)"
    assert report._browser({"browser": {"missing": "no Chromium was found"}}) == "In the browser: not measured, no Chromium was found.\n"


def test_the_plot_tells_the_lines_apart_without_colour() -> None:
    smaller = {**RESULT, "size": "1M", "events": 1_000_000}
    drawn = ElementTree.fromstring(cost_against_size([smaller, RESULT]))
    lines = drawn.findall(".//{*}polyline")
    assert len(lines) == 4
    assert len({line.get("stroke-dasharray") for line in lines}) == 2
    assert {"ours", "naive DuckDB", "1M", "10M"} <= {text.text for text in drawn.findall(".//{*}text")}


def test_every_package_of_the_benchmarks_has_its_reason() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]["bench"]
    section = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").split("\n## Benchmarks", 1)[1]
    assert {re.split(r"[\[=]", line)[0] for line in extra} == set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE))
