"""One verified snapshot file as a part: its columns as small numbers and the distinct texts they stand for.

A part keeps the order of the file. It is made in a child process of its own where the file is large, with
limits, so that a hostile file can take down nothing else.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditlib.changes import change_line
from auditlib.engine.embedded import strings
from auditlib.engine.embedded.arrays import UNKNOWN, Ints, narrowest, save
from auditlib.errors import DamagedFileError
from auditlib.event import changes_of, related_ids
from auditlib.schema import COLUMNS
from auditlib.store import VerifiedFile
from auditlib.text import one_line
from auditlib.times import FIRST_MICROS, LAST_MICROS

PLAIN: Final = ("action", "resource_type", "outcome", "source", "ip", "resource_id")
PEOPLE: Final = {
    "actor": ("actor_id", "actor_name", "actor_email", "actor_role"),
    "interviewer": ("interviewer_id", "interviewer_name"),
    "candidate": ("candidate_id", "candidate_name"),
}
CODED: Final = (*PLAIN, *PEOPLE)
LISTED: Final = ("changed", "related")

IN_PROCESS_BYTES: Final = 8 << 20
CHILD_MEMORY: Final = 6 << 30
CHILD_SECONDS: Final = 1_800
_ROWS: Final = 65_536
_CONTENT, _DISK = 3, 4
_READ: Final = (
    "event_id", "occurred_at", "source", "source_event_id", "tenant", "action", "outcome", "resource_type", "resource_id", "ip",
    "related", "summary", "changes", *(name for columns in PEOPLE.values() for name in columns),
)  # fmt: skip


def encode_file(file: VerifiedFile, folder: Path) -> None:
    """Encodes an open verified file into a new folder.

    Raises DamagedFileError where its columns cannot be read, or where it is no longer what was verified.
    """
    folder.mkdir()
    is_small = file.entry.bytes < IN_PROCESS_BYTES
    problem = _problem(file.path, folder) if is_small else _problem_in_child(file, folder)
    file.assert_unchanged()
    if problem:
        raise DamagedFileError(f"{file.entry.path} was verified, but cannot be loaded: {problem}", path=file.entry.path, reason="content")


def encode(path: str, folder: Path) -> None:
    """Encodes the Parquet file at a path; raises ArrowException or OSError where it cannot be read."""
    digests, chunks = [], []
    with pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches(batch_size=_ROWS, columns=list(COLUMNS)):
            batch.validate(full=True)
            _check_times(batch.column("recorded_at"))
            texts = batch.column("metadata").cast(pa.large_binary()).to_pylist()
            digests.append(b"".join(hashlib.sha256(text).digest() for text in texts))
            chunks.append(_plain(batch))
        table = pa.Table.from_batches(chunks) if chunks else _plain_schema(parquet.schema_arrow).empty_table()
    save(folder / "digests.npy", np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32))
    save(folder / "occurred.npy", _times(table.column("occurred_at")))
    for name in PLAIN:
        _code(folder, name, table.column(name))
    for name, columns in PEOPLE.items():
        _code_people(folder, name, [table.column(column) for column in columns])
    _code_lists(folder, "related", table.column("related"), lambda text: [f"{kind}:{value}" for kind, value in related_ids(text).items()])
    _code_lists(folder, "changed", table.column("changes"), lambda text: [entry["field"] for entry in changes_of(text)])
    strings.write(folder, "event_id", table.column("event_id").chunks)
    strings.write(folder, "details", _details(table.column("summary"), table.column("changes")).chunks)
    claim = (table.column("source"), table.column("tenant").fill_null("\x00"), table.column("source_event_id"))
    native = pc.binary_join_element_wise(*claim, pa.scalar("\x1f", pa.large_string()))
    strings.write(folder, "native", native.fill_null("").chunks)


def _code(folder: Path, name: str, column: pa.ChunkedArray) -> None:
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False) + 1
    _save_codes(folder, name, codes, encoded.dictionary)


def _code_people(folder: Path, name: str, columns: list[pa.ChunkedArray]) -> None:
    """People as recorded: one code for each distinct combination of the columns, kept as a JSON list."""
    combined = np.zeros(len(columns[0]), np.int64)
    parts = []
    for column in columns:
        encoded = column.combine_chunks().dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
        parts.append((codes, [None, *encoded.dictionary.to_pylist()]))
        combined = np.unique(combined * (len(encoded.dictionary) + 1) + codes, return_inverse=True)[1].astype(np.int64)
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    people = [[values[codes[row]] for codes, values in parts] for row in first]
    texts = ["" if not any(person) else json.dumps(person, ensure_ascii=False) for person in people]
    nobody = texts.index("") if "" in texts else -1
    codes = inverse.astype(np.int64) + 1
    codes[inverse == nobody] = 0
    _save_codes(folder, name, codes, pa.array(texts, pa.large_string()))


def _code_lists(folder: Path, name: str, column: pa.ChunkedArray, values_of: Callable[[str], list[str]]) -> None:
    """The values a text holds: pairs of row and code, from looking at each distinct text once."""
    encoded = column.combine_chunks().dictionary_encode()
    known: dict[str, int] = {}
    lists = [[known.setdefault(value, len(known)) for value in dict.fromkeys(values_of(text))] for text in encoded.dictionary.to_pylist()]
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    flat = np.fromiter((code for codes in lists for code in codes), np.int64, int(lengths.sum()))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(indices >= 0)
    picked = indices[rows].astype(np.int64)
    counts = lengths[picked] if len(lengths) else np.zeros(0, np.int64)
    total = int(counts.sum())
    offsets = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    save(folder / f"{name}.rows.npy", np.repeat(rows, counts).astype(np.uint32))
    save(folder / f"{name}.codes.npy", flat[np.repeat(starts[picked], counts) + offsets].astype(np.uint32))
    strings.write(folder, f"{name}.values", [pa.array(list(known), pa.large_string())])


def _save_codes(folder: Path, name: str, codes: Ints, values: pa.Array) -> None:
    save(folder / f"{name}.codes.npy", codes.astype(narrowest(len(values))))
    strings.write(folder, f"{name}.values", [values.cast(pa.large_string())])


def _details(summaries: pa.ChunkedArray, changes: pa.ChunkedArray) -> pa.ChunkedArray:
    """One line for each event: its summary, or what its changes say."""
    encoded = pc.if_else(summaries.is_valid(), None, changes).combine_chunks().dictionary_encode()
    lines = pa.array([change_line(text) for text in encoded.dictionary.to_pylist()], pa.large_string())
    return pc.coalesce(summaries, pa.chunked_array([lines.take(encoded.indices)]), "")


def _times(column: pa.ChunkedArray) -> Ints:
    times: Ints = column.cast(pa.int64()).fill_null(UNKNOWN).to_numpy()
    return times


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch without metadata, every text as a large string whatever the writer chose."""
    schema = _plain_schema(batch.schema)
    return pa.RecordBatch.from_arrays([batch.column(name).cast(schema.field(name).type) for name in schema.names], schema=schema)


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema([(name, schema.field(name).type if name == "occurred_at" else pa.large_string()) for name in _READ])


def _check_times(column: pa.Array) -> None:
    bounds = pc.min_max(column.cast(pa.int64())).as_py()
    if bounds["min"] is not None and not FIRST_MICROS <= bounds["min"] <= bounds["max"] <= LAST_MICROS:
        raise pa.ArrowInvalid("recorded_at holds a time outside the years 1 to 9999")


def _problem(path: str, folder: Path) -> str:
    """Encodes a file; what is wrong with it, or an empty text. Raises OSError where the disk refuses."""
    try:
        encode(path, folder)
    except pa.ArrowException as error:
        return one_line(str(error), 120)
    except OSError as error:
        if error.errno is not None:
            raise
        return one_line(str(error), 120)
    return ""


def _problem_in_child(file: VerifiedFile, folder: Path) -> str:
    command = [sys.executable, "-m", "auditlib.engine.embedded.encode", f"/dev/fd/{file.fd}", str(folder)]
    ran = subprocess.run(command, pass_fds=[file.fd], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if ran.returncode == _DISK:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if ran.returncode not in (0, _CONTENT):
        return "reading it took more memory or time than is allowed"
    return ran.stdout.decode("utf-8", "replace").strip() if ran.returncode else ""


def _main(path: str, folder: str) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (CHILD_MEMORY, CHILD_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CHILD_SECONDS, CHILD_SECONDS))
    try:
        problem = _problem(path, Path(folder))
    except OSError:
        return _DISK
    sys.stdout.write(problem)
    return _CONTENT if problem else 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
