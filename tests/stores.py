"""Small stores for tests, and ways to damage or extend them as no publisher of ours would."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from events import batch, events

from auditlib.schema import SCHEMA
from auditlib.store import FileEntry, FolderSource, Manifest, read_chain, schema_sha256, sha256_bytes

MOMENTS = [pytest.param(moment, marks=[pytest.mark.long] if moment >= 5 else []) for moment in range(60)]
"""Sixty moments at which something is killed, of which the ordinary suite tries five."""


def overwrite(path: Path, raw: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(raw)


def flip(path: Path, place: int) -> bytes:
    """Flips a byte of a file; gives the bytes it had."""
    raw = path.read_bytes()
    place %= len(raw)
    overwrite(path, raw[:place] + bytes([raw[place] ^ 0x55]) + raw[place + 1 :])
    return raw


def add_foreign(store: Path, table: pa.Table) -> None:
    """Adds a snapshot that another publisher wrote: the right size, digest, columns and times of any table."""
    chain = read_chain(FolderSource(store))
    path = store / "data" / f"foreign-{chain.head.seq + 1}.parquet"
    pq.write_table(table, path)
    raw = path.read_bytes()
    times = [at for at in table["occurred_at"].to_pylist() if at is not None]
    first, last = (f"{bound(times):%Y-%m-%dT%H:%M:%S.%fZ}" if times else None for bound in (min, max))
    entry = FileEntry(path.name, len(raw), table.num_rows, sha256_bytes(raw), schema_sha256(table.schema), first, last)
    manifest = Manifest(chain.head.seq + 1, chain.log_id, "2026-11-01T00:00:00Z", chain.head_digest, (entry,))
    (store / "manifests" / f"{manifest.seq:08d}.json").write_bytes(manifest.to_bytes())


def with_column(name: str, values: pa.Array) -> pa.Table:
    """Events whose column holds any array of its type, sound or not."""
    table = pa.Table.from_batches([batch(events(len(values), 100))])
    return table.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), values)


def not_utf8(count: int) -> pa.Array:
    """An array of `count` strings, the second of which is not UTF-8."""
    raw = [b'{"a":1}', b'{"a":"\xff\xfe"}'] + [b"{}"] * (count - 2)
    offsets = [sum(map(len, raw[:number])) for number in range(count + 1)]
    return pa.Array.from_buffers(
        pa.string(), count, [None, pa.py_buffer(struct.pack(f"<{count + 1}i", *offsets)), pa.py_buffer(b"".join(raw))]
    )


def child(script: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
    """A Python process that can import the tests and the library, running a script with arguments."""
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent)])
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": paths}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


KILL_BEFORE = """
import os, signal, sys
left, kinds = int(sys.argv[1]), sys.argv[2].split()
def kill_before(kind, arguments):
    global left
    if kind in kinds:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
"""
"""Kills its process before the so-manieth step of some kinds, once `sys.addaudithook(kill_before)` was called."""


def run_killed(script: str, step: int, kinds: str, *arguments: str | Path) -> None:
    """Runs a script that hooks `kill_before` in, with arguments from the third on, until it is killed."""
    process = child(KILL_BEFORE + script, str(step), kinds, *arguments)
    _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, err
