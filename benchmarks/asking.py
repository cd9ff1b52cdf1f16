"""Asking: peers one after the other, each in a process of its own with a time limit, their answers compared with ours."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any, Final

from benchmarks.questions import Question

ROOT: Final = Path(__file__).resolve().parent.parent
LOAD_SECONDS: Final = 20 * 60
ANSWER_SECONDS: Final = 5 * 60


def asked(
    name: str,
    store: Path,
    work: Path,
    settings: Mapping[str, str],
    questions: Sequence[Question],
    expected: dict[str, Any],
    *,
    quick: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """What a peer needed and how fast it answered, and a sentence for each answer that differs.

    `expected` are the answers by question; the first peer to be asked fills it. With `quick` each question is asked once.
    A peer that is missing, fails or takes too long says so in `missing`; what it answered before that stays.
    """
    found: dict[str, Any] = {"answers": {}}
    differences = []
    folder = work / f"peer-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    job = {"name": name, "store": str(store), "folder": str(folder), "quick": quick, "questions": [*map(asdict, questions)]}
    try:
        with _process(job, settings) as lines:
            for said in lines:
                if "key" not in said:
                    found |= said
                    continue
                key, value = said.pop("key"), said.pop("value", None)
                found["answers"][key] = said
                if "error" not in said and expected.setdefault(key, value) != value:
                    differences.append(f"{found['title']} answers “{key}” with {_short(value)} where {_short(expected[key])} was expected")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found, differences


@contextmanager
def _process(job: Mapping[str, Any], settings: Mapping[str, str]) -> Iterator[Iterator[dict[str, Any]]]:
    """What the process of a peer says, line by line; it and all that it started end with the block."""
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as errors:
        told.write(json.dumps(job))
        told.seek(0)
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers"],
            stdin=told, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT, env={**os.environ, **settings}, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                yield _said(process, errors)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)


def _said(process: subprocess.Popen[str], errors: IO[str]) -> Iterator[dict[str, Any]]:
    lines: SimpleQueue[str] = SimpleQueue()
    Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    limit = LOAD_SECONDS
    try:
        while line := lines.get(timeout=limit):
            if line.startswith("{"):
                yield json.loads(line)
                limit = ANSWER_SECONDS
    except Empty:
        yield {"missing": f"nothing was heard within {limit // 60} minutes"}
        return
    if code := process.wait():
        errors.seek(0)
        told = errors.read().strip().splitlines()
        yield {"missing": f"it failed: {told[-1] if told else f'its process ended with {code}'}"}


def _read(output: IO[str], lines: SimpleQueue[str]) -> None:
    for line in output:
        lines.put(line)
    lines.put("")


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
