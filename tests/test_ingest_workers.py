"""Worker processes of an import: the same answer as one process gives, and none of them left behind."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ingest_samples import DATA, column, import_files, import_text, shared
from waiting import soon

from auditlib.errors import IngestError
from auditlib.ingest import Format, Import, formats, load_format, load_mapping, run
from auditlib.ingest.reader import Block, blocks, read_block, read_json
from auditlib.store import FolderSource, publish, read_chain

WITHOUT_ID = b'{"eventName":"GetUser"}\n'
ODD = b"\n".join((
    WITHOUT_ID * 3, b"no json", b'{"eventID":"1","eventName":"Get\xff"}', b'{"eventID":"1","eventName":"Get\xff"}', b" \t", b"[1]",
    b'{"Records":[{"eventID":"2"},7,{"eventID":"3"}]}', b'{"eventID":"4","eventName":"Put\\ud800"}', WITHOUT_ID * 2, b'{"cut',
))  # fmt: skip


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BLOCK", 3_000)
    monkeypatch.setattr(run, "WORKERS_FROM", 1)


def both_ways(folder: Path, format: str | Format, *paths: Path) -> tuple[Any, Any]:
    """What one process gives and what workers give: rows, summary, rejects."""
    answers = []
    for workers in (0, 2):
        rejects = folder / f"rejects-{workers}"
        rows, summary = import_files(format, *paths, workers=workers, rejects=rejects)
        answers.append((rows, summary, rejects.read_text()))
    return answers[0], answers[1]


def samples(key: str) -> list[Path]:
    found = [path for path in sorted((DATA / key).iterdir()) if path.suffix != ".toml"] if (DATA / key).is_dir() else []
    return found + shared(f"{key}/*.ndjson.gz")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("key", [format.key for format in formats() if samples(format.key)])
def test_workers_give_exactly_what_one_process_gives_on_every_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    paths = samples(key)
    monkeypatch.setattr(run, "BLOCK", max(3_000, sum(path.stat().st_size for path in paths) // 100))
    alone, together = both_ways(tmp_path, key, *paths, *paths[:1])
    assert alone == together


@pytest.mark.usefixtures("small_blocks")
def test_a_mapping_of_one_s_own_reaches_the_workers(tmp_path: Path) -> None:
    alone, together = both_ways(tmp_path, load_mapping(DATA / "hiring" / "hiring.toml"), *sorted((DATA / "hiring").glob("*.ndjson")))
    assert alone == together
    assert alone[1].published > 0


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda data: gzip.compress(data, mtime=0)[:-30]], ids=["plain", "gzip", "cut off"])
def test_repeats_counts_lines_and_rejects_are_the_same_over_the_borders_of_blocks(tmp_path: Path, pack: Any) -> None:
    padding = "".join(
        json.dumps({"eventID": f"p{number}", "eventName": "Get", "pad": os.urandom(40).hex()}) + "\n" for number in range(300)
    )
    data = b"\n".join((ODD, padding.encode(), ODD, b"\n" * 9_000, padding.encode(), ODD))
    (tmp_path / "log").write_bytes(pack(data))
    alone, together = both_ways(tmp_path, "cloudtrail", tmp_path / "log", tmp_path / "log")
    assert alone == together
    assert alone[1].duplicates > 300
    assert len({row["event_id"] for row in alone[0]}) == len(alone[0])


@pytest.mark.usefixtures("small_blocks")
def test_workers_end_with_the_import_and_when_nobody_reads_on(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(json.dumps({"eventID": str(number), "eventName": "Get"}) + "\n" for number in range(5_000)))
    for stop_early in (False, True):
        importing = Import(load_format("cloudtrail"), [path], workers=2)
        batches = importing.batches()
        while importing._workers is None:
            next(batches)
        processes = importing._workers.processes
        assert len(processes) == 2
        if stop_early:
            batches.close()  # type: ignore[attr-defined]
        else:
            list(batches)
        assert all(process.returncode is not None for process in processes)


@pytest.mark.usefixtures("small_blocks")
def test_a_killed_worker_ends_the_import_in_one_sentence_and_nothing_is_published(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(json.dumps({"eventID": str(number), "eventName": "Get"}) + "\n" for number in range(20_000)))
    importing = Import(load_format("cloudtrail"), [path], workers=2)

    def killing() -> Iterator[Any]:
        killed = False
        for batch in importing.batches():
            if importing._workers and not killed:
                killed = True
                for process in importing._workers.processes:
                    process.kill()
            yield batch

    good = tmp_path / "good"
    good.write_text('{"eventID":"a"}')
    publish(tmp_path / "store", Import(load_format("cloudtrail"), [good]).batches(), name="first")
    with pytest.raises(IngestError, match="A worker of the import ended before its work was done; nothing is published"):
        publish(tmp_path / "store", killing(), name="second")
    assert [entry.path for entry in read_chain(FolderSource(tmp_path / "store")).files] == ["first.parquet"]
    assert sorted(each.name for each in (tmp_path / "store" / "data").iterdir()) == ["first.parquet"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_import_leaves_no_worker_and_no_snapshot(tmp_path: Path, sign: signal.Signals) -> None:
    store = tmp_path / "store"
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"  # a background job starts with it ignored
        "import sys, auditlib.ingest.run as run; run.BLOCK = run.WORKERS_FROM = 3_000; run.cores = lambda: 2;"
        "from auditlib.cli import main; main()"
    )
    command = [sys.executable, "-c", script, "ingest", "cloudtrail", "-", "--store", str(store)]
    line = b'{"eventID":"%d","eventName":"Get"}\n'
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"".join(line % number for number in range(100_000)))
        process.stdin.flush()
        workers = soon(lambda: children_of(process.pid))
        os.killpg(process.pid, sign) if sign == signal.SIGINT else process.kill()
        process.wait(60)
        assert soon(lambda: not any(Path(f"/proc/{worker}/cmdline").exists() for worker in workers))
    assert not list((store / "manifests").glob("*.json"))


def children_of(pid: int) -> list[str]:
    """The processes that a process started, once there are two."""
    found = [child for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]
    return found if len(found) == 2 else []


@example([b"\t "], 1, 1)
@given(st.lists(st.binary(max_size=12) | st.sampled_from((b"\n", b"{}\n", b'{"a":1}', b" \n\n"))), st.integers(1, 40), st.integers(1, 9))
def test_blocks_are_the_lines_of_the_text_with_their_numbers(chunks: list[bytes], size: int, limit: int) -> None:
    text = b"{}\n" + b"".join(chunks)
    pieces = [text[at : at + 7] for at in range(0, len(text), 7)]
    cut = list(blocks(pieces, size, limit=limit))
    one = Block(1, text)
    assert [item for block in cut for item in read_block(block, frozenset(), limit=limit)] == list(
        read_block(one, frozenset(), limit=limit)
    )


def test_a_line_without_an_end_is_not_kept_whole() -> None:
    cut = list(blocks((b"x" * 100 for _ in range(1_000)), 50, limit=1_000))
    assert [block.line for block in cut] == [1]
    assert 1_000 < len(cut[0].data) < 1_200


def test_events_are_read_from_blocks_as_from_the_whole(tmp_path: Path) -> None:
    text = b"".join(b'{"eventID":"%d"}\n' % number for number in range(100))
    whole = list(read_json([text]))
    assert [item for block in blocks([text], 64) for item in read_block(block, frozenset())] == whole
    rows, _ = import_text(tmp_path, "cloudtrail", text)
    assert column(rows, "source_row") == list(range(1, 101))
