"""Files being written: a data file under a temporary name, and the steps that make names durable.

Nothing here ever overwrites: a finished file is linked to its name, which fails where the name is taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditlib.errors import DamagedFileError, PublishError
from auditlib.store.digest import sha256_descriptor
from auditlib.store.footer import MAX_UNCOMPRESSED_BYTES, check_footer, schema_sha256
from auditlib.store.manifest import FileEntry
from auditlib.times import from_micros, write_utc

ROW_GROUP_ROWS: Final = 4096
READ_ONLY: Final = 0o444

_TEXT_BYTES_PER_FILE: Final = MAX_UNCOMPRESSED_BYTES // 4
_UNIQUE: Final = frozenset({"event_id", "metadata", "source_event_id"})
"""Columns whose values seldom repeat: a dictionary of them only costs."""

Identity = tuple[int, int]


class DataFile:
    """One Parquet file being written, zstd in row groups of 4,096 rows; the same rows give the same bytes.

    Bytes are the same for the same version of pyarrow, which also names itself in the footer.
    """

    def __init__(self, path: Path, schema: pa.Schema, rows: int) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        found = os.fstat(self._fd)
        self.identity: Identity = (found.st_dev, found.st_ino)
        self._schema = schema
        self._rows_allowed = rows
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = self._rows = self._text_bytes = 0
        self._bounds: list[int] = []
        raw = os.fdopen(self._fd, "wb", closefd=False)
        sink = pa.PythonFile(raw, mode="w")
        self._writer = pq.ParquetWriter(
            sink,
            schema,
            version="2.6",
            compression="zstd",
            use_dictionary=[name for name in schema.names if name not in _UNIQUE],
            write_statistics=True,
            store_schema=False,
        )
        self._streams = (self._writer, sink, raw)

    @property
    def room(self) -> int:
        """How many rows the next `add` may bring; 0 when the file is full."""
        if self._text_bytes >= _TEXT_BYTES_PER_FILE:
            return 0
        return min(ROW_GROUP_ROWS - self._pending_rows, self._rows_allowed - self._rows)

    def add(self, batch: pa.RecordBatch) -> None:
        """Append conformed rows, no more of them than there is room."""
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        self._rows += batch.num_rows
        if self._pending_rows == ROW_GROUP_ROWS:
            self._flush()

    def finish(self) -> FileEntry:
        """Complete the file, make it durable and read-only, and describe it under its hidden name.

        It is read back and checked as a reader would, so that nothing is published that would be refused.
        """
        self._flush()
        for stream in self._streams:
            stream.close()
        first, last = (write_utc(from_micros(bound(self._bounds))) if self._bounds else None for bound in (min, max))
        os.fchmod(self._fd, READ_ONLY)
        os.fsync(self._fd)
        size, digest = os.fstat(self._fd).st_size, sha256_descriptor(self._fd)
        entry = FileEntry(self.path.name, size, self._rows, digest, schema_sha256(self._schema), first, last)
        check_footer(self._fd, entry)
        self.close()
        return entry

    def close(self) -> None:
        """Let go of a finished or abandoned file; a second time does nothing."""
        if self._fd >= 0:
            for stream in self._streams:
                with suppress(OSError, ValueError, pa.ArrowException):
                    stream.close()
            os.close(self._fd)
            self._fd = -1

    def _flush(self) -> None:
        if not self._pending_rows:
            return
        table = pa.Table.from_batches(self._pending, schema=self._schema).combine_chunks()
        found = pc.min_max(table["occurred_at"].cast(pa.int64())).as_py()
        self._bounds = [value for value in (*self._bounds, *found.values()) if value is not None]
        if self._bounds:
            self._bounds = [min(self._bounds), max(self._bounds)]
        for column in table.columns:
            if pa.types.is_string(column.type):
                self._text_bytes += pc.sum(pc.binary_length(column)).as_py() or 0
        self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        self._pending.clear()
        self._pending_rows = 0


def write_file(path: Path, raw: bytes) -> Identity:
    """Write a new read-only file and make its bytes durable; gives its device and inode."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(raw)
        file.flush()
        os.fchmod(fd, READ_ONLY)
        os.fsync(fd)
        found = os.fstat(fd)
    return found.st_dev, found.st_ino


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it, where there are none, and make their names durable; `mode` is that of the folder itself."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=mode)
    for each in new:
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def is_file(path: Path, identity: Identity) -> bool:
    """Whether a path still names the file of that device and inode."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == identity


@contextmanager
def writing_errors(what: str) -> Iterator[None]:
    """Turn what the disk or the Parquet writer raises into one PublishError sentence."""
    try:
        yield
    except FileExistsError as error:
        taken = Path(error.filename2 or error.filename).name
        sentence = f"{what} cannot be published: {taken} exists already and is never overwritten"
        raise PublishError(sentence, path=taken, reason="exists") from None
    except DamagedFileError as error:
        raise PublishError(f"{what} cannot be published: {error}; the store is as it was", reason=error.reason) from None
    except (OSError, pa.ArrowException) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else " ".join(str(error).split())[:200]
        raise PublishError(f"{what} cannot be published: {why}; the store is as it was", reason="disk") from None
