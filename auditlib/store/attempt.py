"""An attempt at a snapshot: its data files written under hidden names, before anything of it can be seen.

What an attempt does then, and what is left of one that is killed, depends on where the store is.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from auditlib.errors import PublishError
from auditlib.schema import SCHEMA
from auditlib.store.conform import conform, file_schema
from auditlib.store.manifest import FileEntry, Manifest
from auditlib.store.sources import MAX_MANIFEST_BYTES, TEMPORARY
from auditlib.store.writing import DataFile, Identity, writing_errors

if TYPE_CHECKING:
    from auditlib.store.signing import SigningKey

_PIECE_ROWS: Final = 65_536


class Attempt(ABC):
    """One try at a snapshot: the hidden files of a folder, and what makes them part of a store."""

    def __init__(self, folder: Path, name: str, rows_per_file: int) -> None:
        self._folder, self._name, self._rows_per_file = folder, name, rows_per_file
        self._token = secrets.token_hex(8)
        self._writing: DataFile | None = None
        self._written: list[tuple[Path, Identity, FileEntry]] = []

    def write(self, batches: Iterable[pa.RecordBatch], progress: Callable[[int], None] | None) -> None:
        """Write rows to hidden files of their own; without any row, to one of 0 rows. May be called again for more files."""
        schema: pa.Schema | None = None
        first_row = 0
        for batch in batches:
            schema = schema or file_schema(batch.schema)
            for offset in range(0, batch.num_rows, _PIECE_ROWS):
                piece = conform(batch.slice(offset, _PIECE_ROWS), schema, first_row)
                with writing_errors(self._name):
                    self._append(piece, schema)
                first_row += piece.num_rows
                if progress is not None:
                    progress(piece.num_rows)
        with writing_errors(self._name):
            if not first_row:
                self._next_file(schema or SCHEMA)
            self._finish_file()

    def entries(self) -> tuple[FileEntry, ...]:
        """What the manifest says of the files, under their final names."""
        single = len(self._written) == 1
        names = (f"{self._name}.parquet" if single else f"{self._name}-{number:04d}.parquet" for number in count(1))
        return tuple(replace(entry, path=name) for (_, _, entry), name in zip(self._written, names, strict=False))

    @abstractmethod
    def commit(self, manifest: Manifest, key: SigningKey | None) -> None:
        """Give the files their final names, then the signature where there is a key, then the manifest; its presence is the commit."""

    def clean(self) -> None:
        """Remove the hidden files, and without a commit the final ones of this attempt too."""
        if self._writing is not None:
            self._writing.close()
            self._writing.path.unlink(missing_ok=True)
        for hidden, _, _ in self._written:
            hidden.unlink(missing_ok=True)

    def _spell(self, manifest: Manifest) -> bytes:
        """The bytes of a manifest; raises PublishError where they are more than a reader takes."""
        raw = manifest.to_bytes()
        if len(raw) > MAX_MANIFEST_BYTES:
            files = len(manifest.files)
            raise PublishError(f"{self._name} cannot be published: {files} files are too many for one manifest", reason="size")
        return raw

    def _append(self, piece: pa.RecordBatch, schema: pa.Schema) -> None:
        offset = 0
        while offset < piece.num_rows:
            file = self._writing
            if file is None or not file.room:
                self._finish_file()
                file = self._next_file(schema)
            part = piece.slice(offset, file.room)
            file.add(part)
            offset += part.num_rows

    def _next_file(self, schema: pa.Schema) -> DataFile:
        path = self._folder / f"{TEMPORARY}{self._token}-{len(self._written) + 1:04d}"
        self._writing = DataFile(path, schema, self._rows_per_file)
        return self._writing

    def _finish_file(self) -> None:
        if self._writing is not None:
            entry = self._writing.finish()
            self._written.append((self._writing.path, self._writing.identity, entry))
            self._writing = None
