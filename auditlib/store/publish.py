"""Publishing: one call writes one snapshot and its manifest, whole or not at all.

Data files are written under hidden names, made durable and linked to their final names; the manifest
comes last, and its presence is the commit. One publisher works on a store at a time (an advisory lock);
should the lock not hold, as on some network file systems, linking still lets exactly one manifest win.

What a killed publisher left behind is swept by the next one, which holds the lock and so knows that
nobody is writing: its hidden files, and those final files that its hidden manifest names and describes.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

import pyarrow as pa

from auditlib.errors import ChainError, DamagedFileError, PublishError
from auditlib.schema import SCHEMA
from auditlib.store.chain import Chain, read_chain
from auditlib.store.conform import conform, file_schema
from auditlib.store.digest import NO_DIGEST, sha256_descriptor
from auditlib.store.manifest import LOG_ID, FileEntry, Manifest, manifest_name, parse_manifest
from auditlib.store.sources import DATA, MANIFESTS, MAX_MANIFEST_BYTES, TEMPORARY, FolderSource
from auditlib.store.writing import DataFile, Identity, is_file, sync_folder, write_file, writing_errors

LOCK: Final = ".publish.lock"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PIECE_ROWS: Final = 65_536


def publish(
    root: Path,
    batches: Iterable[pa.RecordBatch],
    *,
    name: str,
    created: datetime | None = None,
    log_id: str | None = None,
    rows_per_file: int = 1_000_000,
    progress: Callable[[int], None] | None = None,
) -> Manifest:
    """Publish one snapshot of events and return its manifest.

    The snapshot is the file `<name>.parquet`, or `<name>-0001.parquet` and so on when it has more than
    `rows_per_file` rows or very much text; without any row it is one file of 0 rows. Rows are written in
    the order given, streaming. The same rows and arguments give the same bytes, however they are cut into
    batches.

    `created` is an aware datetime, by default now; seconds count. A new store takes `log_id`, or a random
    one; later snapshots take it from the chain. `progress` is called with the number of rows of each piece.

    Raises PublishError when the store's chain is broken, another publisher is at work or was first, a name
    is taken, `log_id` is another log's, or the disk refuses; SchemaError for rows that are no events; and
    whatever `batches` raises. The store is then as it was.
    """
    if not _NAME.fullmatch(name):
        raise PublishError(f"{name!r} cannot name a snapshot: expected {_NAME.pattern}", name=name)
    if log_id is not None and not LOG_ID.fullmatch(log_id):
        raise PublishError(f"{log_id!r} cannot name a log: expected {LOG_ID.pattern}", log_id=log_id)
    if rows_per_file < 1:
        raise PublishError(f"A file cannot hold {rows_per_file} rows: expected at least 1", rows_per_file=rows_per_file)
    now = created or datetime.now(UTC)
    if now.tzinfo is None:
        raise PublishError(f"created={now.isoformat()} has no time zone: expected an aware datetime", created=now)
    source = FolderSource(root)
    with _locked(source.root):
        chain = _chain(source)
        _sweep(source.root, chain)
        if log_id is not None and chain is not None and log_id != chain.log_id:
            raise PublishError(f"{source.root} is the log {chain.log_id!r}, not {log_id!r}", log_id=log_id)
        attempt = _Attempt(source.root, name, rows_per_file)
        try:
            attempt.write(batches, progress)
            manifest = Manifest(
                seq=chain.head.seq + 1 if chain else 1,
                log_id=chain.log_id if chain else log_id or secrets.token_hex(16),
                created=f"{now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z",
                prev_sha256=chain.head_digest if chain else NO_DIGEST,
                files=attempt.entries(),
            )
            attempt.commit(manifest)
        finally:
            attempt.clean()
    return manifest


class _Attempt:
    """One try at a snapshot: its hidden files, and which final names are its own work."""

    def __init__(self, root: Path, name: str, rows_per_file: int) -> None:
        self._root, self._name, self._rows_per_file = root, name, rows_per_file
        self._token = secrets.token_hex(8)
        self._writing: DataFile | None = None
        self._written: list[tuple[Path, Identity, FileEntry]] = []
        self._hidden_manifest = root / MANIFESTS / f"{TEMPORARY}{self._token}.json"
        self._linked: list[tuple[Path, Identity]] = []
        self._committed: tuple[Path, Identity] | None = None

    def write(self, batches: Iterable[pa.RecordBatch], progress: Callable[[int], None] | None) -> None:
        """Write all rows to hidden files."""
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

    def commit(self, manifest: Manifest) -> None:
        """Link the files to their final names, then the manifest."""
        raw = manifest.to_bytes()
        if len(raw) > MAX_MANIFEST_BYTES:
            files = len(manifest.files)
            raise PublishError(f"{self._name} cannot be published: {files} files are too many for one manifest", reason="size")
        data, manifests = self._root / DATA, self._root / MANIFESTS
        with writing_errors(self._name):
            identity = write_file(self._hidden_manifest, raw)
            sync_folder(manifests)
            for (hidden, file, _), entry in zip(self._written, manifest.files, strict=True):
                self._linked.append((data / entry.path, file))
                os.link(hidden, data / entry.path, follow_symlinks=False)
            # Unlinking moves a file's ctime, which a reader takes for tampering: the hidden names go before the commit.
            for hidden, _, _ in self._written:
                hidden.unlink()
            sync_folder(data)
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


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    with writing_errors(str(root)):
        new = not root.exists()
        for folder in (root / DATA, root / MANIFESTS):
            folder.mkdir(parents=True, exist_ok=True)
            if not stat.S_ISDIR(folder.lstat().st_mode):
                raise PublishError(f"{folder} must be a folder of its own, not a symbolic link", path=str(folder))
        sync_folder(root)
        if new:
            sync_folder(root.parent)
        fd = os.open(root / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        with writing_errors(str(root)):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PublishError(f"{root} is being published to by someone else; try again when they are done", reason="locked") from None
        yield
    finally:
        os.close(fd)


def _chain(source: FolderSource) -> Chain | None:
    if not source.manifest_numbers():
        return None
    chain = read_chain(source)
    if chain.problem is not None:
        raise PublishError(f"Nothing can be added to {source.root}: {chain.problem}", reason="chain") from chain.problem
    return chain


def _sweep(root: Path, chain: Chain | None) -> None:
    """Remove what killed publishers left; the caller holds the lock, so no live one is at work."""
    listed = {entry.path for entry in chain.files} if chain else set()
    with writing_errors(str(root)):
        for hidden in _hidden(root / MANIFESTS):
            for entry in _entries(hidden):
                if entry.path not in listed and _is_orphan(root, entry):
                    (root / DATA / entry.path).unlink()
            hidden.unlink()
        for hidden in _hidden(root / DATA):
            hidden.unlink()


def _hidden(folder: Path) -> list[Path]:
    return [path for path in folder.glob(f"{TEMPORARY}*") if path.is_file()]


def _entries(hidden: Path) -> tuple[FileEntry, ...]:
    with suppress(ChainError, OSError):
        return parse_manifest(hidden.read_bytes()).files
    return ()


def _is_orphan(root: Path, entry: FileEntry) -> bool:
    try:
        fd = FolderSource(root).open_data(entry.path)
    except DamagedFileError:
        return False
    try:
        return os.fstat(fd).st_size == entry.bytes and sha256_descriptor(fd) == entry.sha256
    finally:
        os.close(fd)
