"""Output: the folder or place in an object store that a lake table is written to, and the manifest kept beside it.

A file gets its name once it is whole. The manifest names every file with its size and SHA-256; what it does not name
belongs to nobody and is removed by the next publisher.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from auditlib.engine.lake.layout import LAKE_FORMAT
from auditlib.errors import LakeError
from auditlib.location import locate
from auditlib.store.bucket import PIECE, Bucket

MANIFEST: Final = "lake.json"
HEAD_FILE: Final = "head/head.parquet"
ROW_GROUP_ROWS: Final = 16_384
_UNIQUE: Final = frozenset({"event_id", "metadata", "source_event_id", "metadata_sha256", "search_text"})
_OURS: Final = re.compile(r"(events/period=[^/]+/tab=[a-z]+|people)/part-[0-9a-f]{16}-\d{4}\.parquet")


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One file of a table: its path below the output, and what it must be."""

    path: str
    bytes: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one snapshot file became: files of events, and one of people; `key` names it and the decisions on its rows."""

    key: str
    snapshot: int
    files: tuple[LakeFile, ...]


class Output:
    """Where a table is written: a folder of this machine, or a place in an object store, reached as a store there is.

    Every method raises LakeError (`reason="output"`) where it cannot be read or written, and UnreachableError where an object
    store does not answer.
    """

    def __init__(self, place: str) -> None:
        location = locate(place)
        self._bucket = None if isinstance(location, Path) else Bucket(location, "lake table")
        with self._told():
            if isinstance(location, Path):
                self._files, self._root = fs.LocalFileSystem(), str(location.resolve())
                self._files.create_dir(self._root, recursive=True)
            else:
                assert self._bucket
                self._files, self._root = self._bucket.files

    def manifest(self) -> tuple[int, dict[str, Part]]:
        """The width of periods and the parts of the table as it was published last, by key; 0 and none where nothing was.

        Raises LakeError (`reason="format"`) for a manifest of a newer format.
        """
        with self._told():
            if self._files.get_file_info(self._at(MANIFEST)).type == fs.FileType.NotFound:
                return 0, {}
            with self._files.open_input_stream(self._at(MANIFEST)) as stream:
                raw = stream.read()
        try:
            record = json.loads(raw)
            if record["format"] != LAKE_FORMAT:
                raise LakeError(f"{MANIFEST} is of the format {str(record['format'])[:40]!r}, expected {LAKE_FORMAT}", reason="format")
            parts = (Part(part["key"], part["snapshot"], tuple(LakeFile(**file) for file in part["files"])) for part in record["parts"])
            return int(record["width"]), {part.key: part for part in parts}
        except (ValueError, KeyError, TypeError):
            raise LakeError(f"{MANIFEST} cannot be read; remove it, and publish to an empty place", reason="output") from None

    def write_manifest(self, width: int, parts: Iterable[Part]) -> str:
        """Writes the manifest; gives its SHA-256."""
        record = {"format": LAKE_FORMAT, "width": width, "parts": [asdict(part) for part in parts]}
        raw = (json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n").encode()
        self._write(MANIFEST, raw)
        return hashlib.sha256(raw).hexdigest()

    def write_table(self, path: str, table: pa.Table) -> LakeFile:
        """Writes a Parquet file, zstd in row groups of 16,384 rows, and describes it."""
        buffer = pa.BufferOutputStream()
        pq.write_table(
            table,
            buffer,
            compression="zstd",
            row_group_size=ROW_GROUP_ROWS,
            use_dictionary=[name for name in table.schema.names if name not in _UNIQUE],
            store_schema=False,
        )
        raw = buffer.getvalue().to_pybytes()
        self._write(path, raw)
        return LakeFile(path, len(raw), table.num_rows, hashlib.sha256(raw).hexdigest())

    @contextmanager
    def parquet(self, path: str) -> Iterator[pq.ParquetFile]:
        """A Parquet file of the table, to be read within the context."""
        with self._told(), self._files.open_input_file(self._at(path)) as file:
            yield pq.ParquetFile(file)

    def has(self, part: Part) -> bool:
        """Whether all files of a part are there in their size."""
        with self._told():
            found = self._files.get_file_info([self._at(file.path) for file in part.files])
            return all(info.is_file and info.size == file.bytes for info, file in zip(found, part.files, strict=True))

    def damage(self, part: Part, progress: Callable[[int], None]) -> Iterator[str]:
        """A sentence for each file of a part that is not as it was written; `progress` is called with bytes read."""
        for file in part.files:
            digest, size = hashlib.sha256(), 0
            with self._told():
                if not self._files.get_file_info(self._at(file.path)).is_file:
                    yield f"{file.path} is missing"
                    continue
                with self._files.open_input_stream(self._at(file.path)) as stream:
                    while piece := stream.read(PIECE):
                        digest.update(piece)
                        size += len(piece)
                        progress(len(piece))
            if (size, digest.hexdigest()) != (file.bytes, file.sha256):
                yield f"{file.path} is not the file that was written"

    def stray(self, parts: Iterable[Part]) -> list[str]:
        """The paths of files of ours that no part names."""
        named = {file.path for part in parts for file in part.files}
        found = []
        with self._told():
            for side in ("events", "people"):
                infos = self._files.get_file_info(fs.FileSelector(self._at(side), allow_not_found=True, recursive=True))
                found += [posixpath.relpath(info.path, self._root) for info in infos if info.is_file]
        return sorted(path for path in found if path not in named and _is_ours(path))

    def remove(self, paths: Iterable[str]) -> None:
        """Removes files."""
        with self._told():
            for path in paths:
                self._files.delete_file(self._at(path))

    def _write(self, path: str, raw: bytes) -> None:
        """A file written aside and given its name when it is whole; an object store shows it only then by itself."""
        with self._told():
            if self._bucket:
                self._bucket.write(path, [raw])
            else:
                at = self._at(path)
                folder, name = posixpath.split(at)
                self._files.create_dir(folder, recursive=True)
                aside = Path(folder, f".tmp-{name}.aside")
                aside.write_bytes(raw)
                aside.replace(at)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with self._bucket.asking() if self._bucket else nullcontext():
                yield
        except (OSError, pa.ArrowException) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise LakeError(f"The lake table cannot be read or written where it should be: {why}", reason="output") from error


def _is_ours(path: str) -> bool:
    return bool(_OURS.fullmatch(path)) or posixpath.basename(path).startswith(".tmp-")
