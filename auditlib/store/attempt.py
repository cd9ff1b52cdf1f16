"""An attempt at a snapshot: data files under hidden names, linked to their final ones, the manifest last.

The manifest's presence is the commit. What is killed on the way leaves hidden files, which the next publisher
sweeps, and final ones that its hidden manifest names and describes.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from auditlib.errors import PublishError
from auditlib.schema import SCHEMA
from auditlib.store.conform import conform, file_schema
from auditlib.store.manifest import FileEntry, Manifest, manifest_name, signature_name
from auditlib.store.sources import DATA, MANIFESTS, MAX_MANIFEST_BYTES, TEMPORARY
from auditlib.store.writing import DataFile, Identity, is_file, sync_folder, write_file, writing_errors

if TYPE_CHECKING:
    from auditlib.store.signing import SigningKey

_PIECE_ROWS: Final = 65_536


class Attempt:
    """One try at a snapshot: its hidden files, and which final names are its own work."""

    def __init__(self, root: Path, name: str, rows_per_file: int) -> None:
        self._root, self._name, self._rows_per_file = root, name, rows_per_file
        self._token = secrets.token_hex(8)
        self._writing: DataFile | None = None
        self._written: list[tuple[Path, Identity, FileEntry]] = []
        self._hidden_manifest = root / MANIFESTS / f"{TEMPORARY}{self._token}.json"
        self._hidden_signature = root / MANIFESTS / f"{TEMPORARY}{self._token}.json.sig"
        self._linked: list[tuple[Path, Identity]] = []
        self._committed: tuple[Path, Identity] | None = None

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

    def commit(self, manifest: Manifest, key: SigningKey | None) -> None:
        """Link the files to their final names, then the signature where there is a key, then the manifest."""
        raw = manifest.to_bytes()
        if len(raw) > MAX_MANIFEST_BYTES:
            files = len(manifest.files)
            raise PublishError(f"{self._name} cannot be published: {files} files are too many for one manifest", reason="size")
        data, manifests = self._root / DATA, self._root / MANIFESTS
        with writing_errors(self._name):
            identity = write_file(self._hidden_manifest, raw)
            signature = write_file(self._hidden_signature, key.sign(raw)) if key else None
            sync_folder(manifests)
            for (hidden, file, _), entry in zip(self._written, manifest.files, strict=True):
                self._linked.append((data / entry.path, file))
                os.link(hidden, data / entry.path, follow_symlinks=False)
            # Unlinking moves a file's ctime, which a reader takes for tampering: the hidden names go before the commit.
            for hidden, _, _ in self._written:
                hidden.unlink()
            sync_folder(data)
            if signature:
                self._linked.append((manifests / signature_name(manifest.seq), signature))
                os.link(self._hidden_signature, self._linked[-1][0], follow_symlinks=False)
                sync_folder(manifests)
            self._committed = (manifests / manifest_name(manifest.seq), identity)
            os.link(self._hidden_manifest, self._committed[0], follow_symlinks=False)
            sync_folder(manifests)

    def clean(self) -> None:
        """Remove the hidden files, and without a commit the final ones of this attempt too."""
        if self._committed is None or not is_file(*self._committed):
            for path, identity in self._linked:
                if is_file(path, identity):
                    path.unlink()
        if self._writing is not None:
            self._writing.close()
            self._writing.path.unlink(missing_ok=True)
        for hidden, _, _ in self._written:
            hidden.unlink(missing_ok=True)
        self._hidden_signature.unlink(missing_ok=True)
        self._hidden_manifest.unlink(missing_ok=True)

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
        path = self._root / DATA / f"{TEMPORARY}{self._token}-{len(self._written) + 1:04d}"
        self._writing = DataFile(path, schema, self._rows_per_file)
        return self._writing

    def _finish_file(self) -> None:
        if self._writing is not None:
            entry = self._writing.finish()
            self._written.append((self._writing.path, self._writing.identity, entry))
            self._writing = None
