"""Serving: an open log while its store changes, and while many ask at once."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Open
from events import batch, event, events
from stores import flip

from auditlib.errors import DamagedFileError
from auditlib.schema import SCHEMA
from auditlib.store import publish, sha256_bytes
from auditlib.view import View

ALL = View(tab="team", rows=100)


@pytest.mark.parametrize("harm", ["flip", "delete", "shrink", "other", "empty", "text", "folder"])
def test_a_file_that_changes_after_opening_is_noticed_and_the_list_still_answers(open_store: Open, store: Path, harm: str) -> None:
    log = open_store(store)
    path = store / "data" / "day-1.parquet"
    path.chmod(0o644)
    if harm in ("shrink", "other", "empty"):
        rows = {"shrink": events(1), "other": [event(number, metadata=f"<{number}>") for number in range(3)], "empty": []}[harm]
        path.unlink()
        pq.write_table(pa.Table.from_batches([batch(rows)], schema=SCHEMA), path)
    elif harm == "flip":
        column = pq.read_metadata(path).row_group(0).column(SCHEMA.get_field_index("metadata"))
        flip(path, column.data_page_offset + column.total_compressed_size - 3)
    elif harm == "text":
        path.write_text("text")
    else:
        path.unlink()
        if harm == "folder":
            path.mkdir()
    assert log.page(ALL, metadata=False).total == 9
    with pytest.raises(DamagedFileError, match=r"his event cannot be shown.*day-1\.parquet was verified, but it"):
        log.metadata(["ev-000005"])
    with pytest.raises(DamagedFileError):
        log.events(ALL)
    assert log.metadata(["ev-000001"]) == {"ev-000001": '{"number":1}'}
    log.close()


def test_a_newer_manifest_is_noticed_and_the_open_log_stays_as_it_was(open_store: Open, store: Path) -> None:
    log = open_store(store)
    assert not log.has_newer()
    publish(store, [batch(events(2, 20))], name="day-3")
    assert log.has_newer()
    assert (log.total(ALL), log.head.seq) == (9, 3)
    newer = open_store(store)
    assert (newer.head.seq, newer.has_newer(), newer.head.events) == (4, False, 11)
    assert log.total(ALL) == 9
    shutil.rmtree(store)
    assert not log.has_newer()
    log.close()
    newer.close()


def test_eight_threads_asking_at_once_get_the_answers_of_one(open_store: Open, demo_store: Path) -> None:
    log = open_store(demo_store)
    links = ("", "tab=team", "q=a", "tab=team&q=e&order=oldest&page=2", "action=updated&rows=100", "ip=10.0.0.0/8", "changed=status")
    views = [View.from_link(link) for link in links]

    def ask(number: int) -> list[Any]:
        said = []
        for step in range(14):
            view = views[(number + step) % len(views)]
            page = log.page(view)
            said.append((str(view), page.total, [(item.event_id, item.metadata) for item in page.events], log.facet(view, "action"),
                         log.histogram(view), log.suggest("candidate", "an")))  # fmt: skip
        return sorted(said, key=lambda item: item[0])

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert found == [ask(0)] * 8
    log.close()


def test_verification_is_dated_and_the_head_says_what_is_served(open_store: Open, store: Path) -> None:
    before = datetime.now(UTC)
    log = open_store(store)
    head = log.head
    assert before <= head.verified_at <= datetime.now(UTC)
    assert (head.log_id, head.seq, head.snapshots, head.events, head.duplicates, head.problem) == ("acme", 3, 3, 9, 0, "")
    assert head.digest == sha256_bytes((store / "manifests" / "00000003.json").read_bytes())
    log.close()
    again = open_store(store)
    assert again.head.verified_at == head.verified_at
    assert json.loads((store / "manifests" / "00000003.json").read_bytes())["created"][:19] == again.head.created_at.isoformat()[:19]  # type: ignore[union-attr]
    again.close()
