"""One verified snapshot file as a part: its columns as small numbers and the distinct texts they stand for.

A part keeps the order of the file. It is made in a child process of its own where the file is large, so that
a hostile file can take down nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditlib.changes import change_line
from auditlib.engine.embedded import strings
from auditlib.engine.embedded.arrays import UNKNOWN, Ints, narrowest, save
from auditlib.engine.embedded.children import Children, work
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
_ROWS: Final = 4_096
_DISTINCT: Final = ("event_id", "source_event_id", "occurred_at", "recorded_at", "source_row")
"""Columns in which values seldom repeat, or that are no text."""
_REPEATING: Final = tuple(name for name in COLUMNS if name not in (*_DISTINCT, "metadata"))
Checked = TypeVar("Checked", pa.Table, pa.RecordBatch)


def encode_file(file: VerifiedFile, folder: Path, children: Children) -> None:
    """Encodes an open verified file into a new folder; a large one in a child process.

    Raises DamagedFileError where its columns cannot be read, or where it is no longer what was verified.
    """
    folder.mkdir()
    if file.entry.bytes < IN_PROCESS_BYTES:
        problem = _problem(file.path, folder)
    else:
        problem = children.run(__name__, [f"/dev/fd/{file.fd}", str(folder)], pass_fds=[file.fd])
    file.assert_unchanged()
    if problem:
        raise DamagedFileError(f"{file.entry.path} was verified, but cannot be loaded: {problem}", path=file.entry.path, reason="content")


def encode(path: str, folder: Path) -> None:
    """Encodes the Parquet file at a path; raises ArrowException or OSError where it cannot be read."""
    with pq.ParquetFile(path, read_dictionary=list(_REPEATING), pre_buffer=False) as parquet:
        batches = parquet.iter_batches(batch_size=_ROWS, columns=["metadata"], use_threads=False)
        digests = b"".join([_digests(_valid(batch).column("metadata")) for batch in batches])
        table = _columns(parquet)
    _check_times(table.column("recorded_at"))
    save(folder / "digests.npy", np.frombuffer(digests, np.uint8).reshape(-1, 32))
    save(folder / "occurred.npy", _times(table.column("occurred_at")))
    for name in PLAIN:
        _save_codes(folder, name, *_coded(table.column(name)))
    for name, columns in PEOPLE.items():
        _save_codes(folder, name, *_coded_people([table.column(column) for column in columns]))
    _code_lists(folder, "related", table.column("related"), lambda text: [f"{kind}:{value}" for kind, value in related_ids(text).items()])
    _code_lists(folder, "changed", table.column("changes"), lambda text: [entry["field"] for entry in changes_of(text)])
    ids = table.column("event_id").cast(pa.large_string())
    strings.write(folder, "event_id", ids.chunks)
    save(folder / "event_id.crc.npy", strings.hashes_of(ids))
    strings.write(folder, "details", [_details(table.column("summary"), table.column("changes"))])
    save(folder / "native.npy", _natives(*(table.column(name) for name in ("source", "tenant", "source_event_id"))))


def _columns(parquet: pq.ParquetFile) -> pa.Table:
    """All columns but the metadata, valid; texts that repeat as dictionaries, whatever the writer chose, one for each row group."""
    table = _valid(parquet.read(columns=[name for name in COLUMNS if name != "metadata"]))
    texts = dict.fromkeys(_REPEATING, pa.dictionary(pa.int32(), pa.large_string()))
    return table.cast(pa.schema([(field.name, texts.get(field.name, field.type)) for field in table.schema]))


def _valid(data: Checked) -> Checked:
    data.validate(full=True)
    return data


def _digests(texts: pa.StringArray) -> bytes:
    """The SHA-256 of each text, one after the other."""
    return b"".join([sha256(text).digest() for text in texts.cast(pa.large_binary()).to_pylist()])


def _natives(source: pa.ChunkedArray, tenant: pa.ChunkedArray, native_id: pa.ChunkedArray) -> Ints:
    """64 bits that stand for source, tenant and native id; 0 where no native id was recorded."""
    text = pa.large_string()
    claims = pc.binary_join_element_wise(
        source.cast(text), tenant.cast(text).fill_null("\x00"), native_id.cast(text), pa.scalar("\x1f", text)
    )
    return strings.each(claims, lambda claim: 0 if claim is None else _native_hash(claim), np.uint64)


def _native_hash(claim: bytes) -> int:
    return int.from_bytes(blake2b(claim, digest_size=8).digest()) or 1


def _coded(column: pa.ChunkedArray) -> tuple[Ints, pa.LargeStringArray]:
    """A code for each row, 0 for null, and the distinct values that the codes from 1 stand for; each occurs."""
    dictionaries = [chunk.dictionary for chunk in column.chunks]
    values = pa.chunked_array(dictionaries, pa.large_string()).combine_chunks().dictionary_encode()
    common = (values.indices.to_numpy() + 1).astype(narrowest(len(values.dictionary)))
    pieces, first = [common[:0]], 0
    for chunk in column.chunks:
        own = np.zeros(len(chunk.dictionary) + 1, common.dtype)
        own[:-1] = common[first : first + len(chunk.dictionary)]
        pieces.append(own[chunk.indices.fill_null(-1).to_numpy()])
        first += len(chunk.dictionary)
    codes = np.concatenate(pieces)
    occurs = np.bincount(codes, minlength=len(values.dictionary) + 1) > 0
    occurs[0] = True
    if occurs.all():
        return codes, values.dictionary
    renumbered = np.cumsum(occurs) - 1
    return renumbered[codes], values.dictionary.filter(pa.array(occurs[1:]))


def _coded_people(columns: Sequence[pa.ChunkedArray]) -> tuple[Ints, pa.LargeStringArray]:
    """People as recorded: one code for each distinct combination of the columns, kept as a JSON list; 0 for nothing recorded."""
    rows = np.zeros(len(columns[0]), np.int64)
    people: list[tuple[str | None, ...]] = [()]
    for column in columns:
        codes, values = _coded(column)
        texts = [None, *values.to_pylist()]
        combined = pa.array(rows * len(texts) + codes).dictionary_encode()
        pairs = (divmod(pair, len(texts)) for pair in combined.dictionary.to_pylist())
        people = [(*people[person], texts[code]) for person, code in pairs]
        rows = combined.indices.to_numpy().astype(np.int64)
    is_someone = np.array([any(person) for person in people], bool)
    numbers = np.where(is_someone, np.cumsum(is_someone), 0)
    return numbers[rows], pa.array([json.dumps(person, ensure_ascii=False) for person in people if any(person)], pa.large_string())


def _code_lists(folder: Path, name: str, column: pa.ChunkedArray, values_of: Callable[[str], list[str]]) -> None:
    """The values a text holds: pairs of row and code, from looking at each distinct text once."""
    codes, texts = _coded(column)
    known: dict[str, int] = {}
    lists = [[], *([known.setdefault(value, len(known)) for value in dict.fromkeys(values_of(text))] for text in texts.to_pylist())]
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    flat = np.fromiter((code for each in lists for code in each), np.int64, int(lengths.sum()))
    starts = np.cumsum(lengths) - lengths
    counts = lengths[codes]
    offsets = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    save(folder / f"{name}.rows.npy", np.repeat(np.arange(len(codes)), counts).astype(np.uint32))
    save(folder / f"{name}.codes.npy", flat[np.repeat(starts[codes], counts) + offsets].astype(np.uint32))
    strings.write(folder, f"{name}.values", [pa.array(list(known), pa.large_string())])


def _save_codes(folder: Path, name: str, codes: Ints, values: pa.LargeStringArray) -> None:
    save(folder / f"{name}.codes.npy", codes.astype(narrowest(len(values))))
    strings.write(folder, f"{name}.values", [values])


def _details(summaries: pa.ChunkedArray, changes: pa.ChunkedArray) -> pa.LargeStringArray:
    """One line for each event: its summary, or what its changes say."""
    codes, texts = _coded(pc.if_else(summaries.is_valid(), None, changes))
    lines = pa.array(["", *map(change_line, texts.to_pylist())], pa.large_string()).take(pa.array(codes))
    return pc.coalesce(summaries.cast(pa.large_string()).combine_chunks(), lines)


def _times(column: pa.ChunkedArray) -> Ints:
    times: Ints = column.combine_chunks().cast(pa.int64()).fill_null(UNKNOWN).to_numpy()
    return times


def _check_times(column: pa.ChunkedArray) -> None:
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


if __name__ == "__main__":
    work(lambda: _problem(sys.argv[1], Path(sys.argv[2])), memory=CHILD_MEMORY, seconds=CHILD_SECONDS)
