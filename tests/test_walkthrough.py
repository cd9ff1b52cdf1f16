"""The walk-through of docs/integrity.md: its commands run one after the other in one shell, and print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "integrity.md"
MARK = "-- next command --"

VARYING = [
    (re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{16}\b|\b[0-9a-f]{12}(?=…)"), "<digest>"),
    (re.compile(r"\b\d+ bytes|(?<=manifest says )\d+"), "<size>"),
    (re.compile(r"\b20\d\d-\d\d-\d\d( at \d\d:\d\d UTC)?(?!\.parquet)"), "<day>"),
]
"""What no two runs have in common."""


def shown(document: Path) -> list[tuple[str, str]]:
    """Each command of a document's console blocks, with the output shown below it."""
    text = document.read_text(encoding="utf-8").split("\n## Evidence bundles", 1)[0]
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def ran(commands: list[str], folder: Path) -> list[str]:
    """What each command prints, both streams together, all in one shell."""
    for name in ("bin", "project", "state"):
        (folder / name).mkdir()
    (folder / "project" / "tests").symlink_to(ROOT / "tests")
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "AUDIT_STATE": str(folder / "state"),
        "LC_ALL": "C.UTF-8",
    }
    script = "".join(f"{command}\necho '{MARK}'\n" for command in commands)
    done = subprocess.run(
        ["bash", "-c", f"exec 2>&1\n{script}"],
        cwd=folder / "project",
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return done.stdout.split(f"{MARK}\n")[:-1]


def alike(text: str) -> str:
    """A text without what varies from run to run."""
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text


def test_the_walk_through_runs_and_prints_what_it_shows(tmp_path: Path) -> None:
    commands = [command for command, _ in shown(DOCUMENT)]
    outputs = ran(commands, tmp_path)
    assert len(outputs) == len(commands) >= 30
    for (command, expected), output in zip(shown(DOCUMENT), outputs, strict=True):
        assert alike(output) == alike(expected), command
