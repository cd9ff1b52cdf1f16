"""The publisher's lock: one works on a store at a time, and whoever holds it may sweep what killed ones left."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from auditlib.errors import ChainError, DamagedFileError, PublishError
from auditlib.store.chain import Chain
from auditlib.store.digest import sha256_descriptor
from auditlib.store.manifest import FileEntry, Manifest, parse_manifest, signature_name
from auditlib.store.sources import DATA, MANIFESTS, TEMPORARY, FolderSource
from auditlib.store.writing import make_folder, sync_folder, writing_errors

LOCK: Final = ".publish.lock"


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold a store's lock, making its folders where there are none.

    Raises PublishError where someone else holds it, or the folders cannot be made.
    """
    with writing_errors(str(root)):
        for folder in (root / DATA, root / MANIFESTS):
            make_folder(folder)
            if not stat.S_ISDIR(folder.lstat().st_mode):
                raise PublishError(f"{folder} must be a folder of its own, not a symbolic link", path=str(folder))
        sync_folder(root)
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


def sweep(root: Path, chain: Chain | None) -> None:
    """Remove what killed publishers left; the caller holds the lock, so no live one is at work."""
    listed = {entry.path for entry in chain.files} if chain else set()
    with writing_errors(str(root)):
        for hidden in sorted(_hidden(root / MANIFESTS)):
            manifest = _manifest(hidden)
            for entry in manifest.files if manifest else ():
                if entry.path not in listed and _is_orphan(root, entry):
                    (root / DATA / entry.path).unlink()
            if manifest and manifest.seq > (chain.head.seq if chain else 0):
                _remove_copy(hidden.with_name(f"{hidden.name}.sig"), hidden.with_name(signature_name(manifest.seq)))
            hidden.unlink()
        for hidden in _hidden(root / DATA):
            hidden.unlink()


def _hidden(folder: Path) -> list[Path]:
    return [path for path in folder.glob(f"{TEMPORARY}*") if path.is_file()]


def _manifest(hidden: Path) -> Manifest | None:
    with suppress(ChainError, OSError):
        return parse_manifest(hidden.read_bytes())
    return None


def _remove_copy(hidden: Path, final: Path) -> None:
    """Remove a final name of a hidden file, and no stranger's."""
    with suppress(FileNotFoundError):
        if final.samefile(hidden):
            final.unlink()


def _is_orphan(root: Path, entry: FileEntry) -> bool:
    try:
        fd = FolderSource(root).open_data(entry)
    except DamagedFileError:
        return False
    try:
        return os.fstat(fd).st_size == entry.bytes and sha256_descriptor(fd) == entry.sha256
    finally:
        os.close(fd)
