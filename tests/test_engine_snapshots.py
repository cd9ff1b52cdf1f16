"""Whole events from snapshot files: what is kept of the files, and what reading and building import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from auditlib.engine import snapshots
from auditlib.engine.embedded import opening
from auditlib.engine.snapshots import Place

SHOW = """
import sys
from auditlib.log import open_log
log = open_log(sys.argv[1])
print(log.metadata([sys.argv[2]])[sys.argv[2]], "pandas" in sys.modules)
"""
WORK = """
import importlib.util
from auditlib.engine.embedded.children import work
def job():
    import pyarrow as pa
    try:
        import pandas
    except ImportError:
        return str(pa.array([1, None, 3]).null_count)
    return "pandas"
work(job, memory=2 << 30, seconds=60)
"""


def test_the_metadata_of_an_event_of_what_is_built_is_shown_without_pandas(store: Path) -> None:
    serving, layers = opening.open_layers(store)
    segment = layers.segments[0]
    (recorded,) = serving.reader().metadata([segment.place(0)])
    settings = {**os.environ, "AUDIT_ENGINE": "embedded"}
    command = [sys.executable, "-c", SHOW, str(store), segment.event_ids[0]]
    shown = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    assert shown.stdout == f"{recorded} False\n"


def test_a_child_that_builds_does_without_pandas() -> None:
    with subprocess.Popen([sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.read() == "1\n"
    assert child.returncode == 3


def test_only_the_footers_used_last_are_kept_and_every_row_is_still_found(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serving, layers = opening.open_layers(store)
    segment = layers.segments[0]
    places = [segment.place(position) for position in range(segment.events)]
    whole = serving.reader().metadata(places)
    files = {place.file for place in places}
    assert len(files) > 1
    monkeypatch.setattr(snapshots, "FOOTER_BYTES_KEPT", 1)
    reader = serving.reader()
    assert reader.metadata(places) == whole
    assert list(reader._footers) == [_last_read(places)]
    assert reader._footer_bytes == sum(footer.parquet.serialized_size for footer in reader._footers.values())
    reader.close()
    assert reader.metadata(places[:1]) == whole[:1]


def _last_read(places: list[Place]) -> int:
    """The file whose rows are read last: files are read in the order in which they first occur."""
    return list(dict.fromkeys(place.file for place in places))[-1]
