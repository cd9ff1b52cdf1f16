"""What the runtime is made of: pinned as a whole, and what `make check` says of known vulnerabilities in it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from advisories import verdict
from lock import ROOT, installed, wanted

CLEAN: dict[str, Any] = {"name": "rich", "version": "15.0.0", "vulns": []}
HURT: dict[str, Any] = {"name": "jinja2", "version": "2.10", "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}]}
UNKNOWN: dict[str, Any] = {"name": "duckdb", "skip_reason": "Dependency not found on PyPI and could not be audited: duckdb (2.0.0)"}


def told(*packages: dict[str, Any]) -> tuple[int, list[str]]:
    return verdict(json.dumps({"dependencies": packages, "fixes": []}), "")


def test_a_known_vulnerability_fails_and_is_named_with_its_fix() -> None:
    assert told(CLEAN, HURT) == (1, ["Known vulnerabilities: 1 in 2 packages", "jinja2 2.10: PYSEC-2019-217, fixed in 2.10.1"])


def test_without_one_it_passes() -> None:
    assert told(CLEAN) == (0, ["Known vulnerabilities: none in 1 packages"])


def test_a_package_that_the_registry_does_not_know_was_not_checked() -> None:
    assert told(UNKNOWN) == (0, ["Known vulnerabilities: none in 0 packages", "NOT CHECKED, the registry has no advisories for: duckdb"])
    assert told(UNKNOWN, HURT)[0] == 1


@pytest.mark.parametrize("error", ["requests.exceptions.ProxyError: HTTPSConnectionPool", "ERROR:pip_audit._cli:Could not connect to PyPI"])
def test_without_a_network_it_says_so_and_passes(error: str) -> None:
    code, said = verdict("", error)
    assert code == 0
    assert "NOT CHECKED, no network" in said[0]


def test_any_other_failure_is_one() -> None:
    assert verdict("", "No module named pip_audit") == (
        2,
        ["Known vulnerabilities: not checked, pip-audit failed", "No module named pip_audit"],
    )


def test_everything_the_runtime_is_made_of_is_pinned() -> None:
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[1:]
    names = {line.partition("==")[0] for line in installed(wanted())}
    assert names <= {line.partition("==")[0] for line in pinned}, "run make lock"
    assert {re.sub(r"\[.*\]", "", line) for line in wanted()} <= set(pinned), "run make lock"
