"""The Makefile: what its commands would do, asked of make itself without doing it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def plan(target: str, *arguments: str, **settings: str) -> str:
    """The commands that a target would run, every file it depends on taken for new."""
    kept = {name: value for name, value in os.environ.items() if name not in ("AUDIT_STORE", "PORT", "MAKEFLAGS")}
    command = ["make", "--dry-run", "--always-make", target, *arguments]
    return subprocess.run(command, cwd=ROOT, env=kept | settings, capture_output=True, check=True, text=True).stdout


@pytest.mark.parametrize("settings", [{}, {"AUDIT_STORE": "", "PORT": ""}])
def test_what_is_not_set_or_empty_is_the_default(settings: dict[str, str]) -> None:
    written = [f"{name}={value}" for name, value in settings.items()]
    for planned in (plan("run", **settings), plan("run", *written)):
        assert '--store "data/snapshots"' in planned
        assert "--server.port 8501" in planned


def test_another_store_and_port_are_taken_from_the_environment_or_the_command() -> None:
    for planned in (plan("run", AUDIT_STORE="my störe", PORT="8600"), plan("run", "AUDIT_STORE=my störe", "PORT=8600")):
        assert '--store "my störe"' in planned
        assert "--server.port 8600" in planned


def test_setup_installs_the_library_so_that_any_folder_can_use_it() -> None:
    assert "--editable . -c constraints.txt" in plan("setup")
