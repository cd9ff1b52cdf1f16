"""`python -m benchmarks.peers`: one peer in a process of its own, from a job on stdin to lines of JSON on stdout."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.peers import NotHere, create
from benchmarks.questions import Question, answer


def main() -> None:
    """Loads, asks every question, and says after each what was answered."""
    job = json.load(sys.stdin)
    folder = Path(job["folder"])
    try:
        peer = create(job["name"])
        start = time.perf_counter()
        peer.load(Path(job["store"]), folder)
    except NotHere as missing:
        _say(missing=str(missing))
        return
    except Exception as error:
        said = str(error).partition("\n")[0].replace(job["store"], "the store").replace(job["folder"], "its folder")
        _say(missing=f"it failed: {said}")
        return
    try:
        seconds = time.perf_counter() - start
        disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        _say(title=peer.title, setup=peer.setup, version=peer.version, load_seconds=seconds, disk_bytes=disk)
        for question in (Question(**each) for each in job["questions"]):
            if question.kind != "next" or (peer.keyset and question.of[0]):
                try:
                    _say(key=question.key, **asdict(answer(peer, question, once=job["quick"])))
                except Exception as error:
                    _say(key=question.key, error=f"{type(error).__name__}: {error}")
    finally:
        peer.close()


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
