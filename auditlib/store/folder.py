"""Publishing into a folder: files are linked to their final names, which never overwrites, and the manifest comes last.

What is killed on the way leaves hidden files, which the next publisher sweeps, and final ones that its hidden manifest names and
describes.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from auditlib.store.attempt import Attempt
from auditlib.store.chain import Chain
from auditlib.store.lock import locked, sweep
from auditlib.store.manifest import Manifest, manifest_name, signature_name
from auditlib.store.sources import DATA, MANIFESTS, TEMPORARY, FolderSource
from auditlib.store.writing import Identity, is_file, sync_folder, write_file, writing_errors

if TYPE_CHECKING:
    from auditlib.store.signing import SigningKey


class FolderDestination:
    """A store in a folder, as a publisher sees it."""

    def __init__(self, root: Path) -> None:
        self.source = FolderSource(root)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store's lock; its folders are made where there are none. Raises PublishError where someone else holds it."""
        with locked(self.source.root):
            yield

    def sweep(self, chain: Chain | None) -> None:
        """Remove what killed publishers left; the caller holds the lock."""
        sweep(self.source.root, chain)

    def attempt(self, name: str, rows_per_file: int) -> Attempt:
        """An attempt at a snapshot."""
        return FolderAttempt(self.source.root, name, rows_per_file)

    def add_signature(self, seq: int, signature: bytes) -> None:
        """Add the signature of a manifest that has none."""
        folder = self.source.root / MANIFESTS
        hidden = folder / f"{TEMPORARY}{secrets.token_hex(8)}.sig"
        with writing_errors(signature_name(seq)):
            try:
                write_file(hidden, signature)
                os.link(hidden, folder / signature_name(seq), follow_symlinks=False)
            finally:
                hidden.unlink(missing_ok=True)
            sync_folder(folder)

    def remove(self, names: Iterable[str]) -> int:
        """Remove data files, those that are there; gives how many. Raises PublishError where the disk refuses."""
        folder, gone = self.source.root / DATA, 0
        with writing_errors(self.source.location):
            for name in names:
                with suppress(FileNotFoundError):
                    if not stat.S_ISDIR((folder / name).lstat().st_mode):
                        (folder / name).unlink()
                        gone += 1
            if gone:
                sync_folder(folder)
        return gone


class FolderAttempt(Attempt):
    """An attempt whose hidden files stand in the store's own folders; it knows which final names are its own work."""

    def __init__(self, root: Path, name: str, rows_per_file: int) -> None:
        super().__init__(root / DATA, name, rows_per_file)
        self._manifests = root / MANIFESTS
        self._hidden_manifest = self._manifests / f"{TEMPORARY}{self._token}.json"
        self._hidden_signature = self._manifests / f"{TEMPORARY}{self._token}.json.sig"
        self._linked: list[tuple[Path, Identity]] = []
        self._committed: tuple[Path, Identity] | None = None

    def commit(self, manifest: Manifest, key: SigningKey | None) -> None:
        """Link the files to their final names, then the signature where there is a key, then the manifest."""
        raw, manifests = self._spell(manifest), self._manifests
        with writing_errors(self._name):
            identity = write_file(self._hidden_manifest, raw)
            signature = write_file(self._hidden_signature, key.sign(raw)) if key else None
            sync_folder(manifests)
            for (hidden, file, _), entry in zip(self._written, manifest.files, strict=True):
                self._linked.append((self._folder / entry.path, file))
                os.link(hidden, self._folder / entry.path, follow_symlinks=False)
            # Unlinking moves a file's ctime, which a reader takes for tampering: the hidden names go before the commit.
            for hidden, _, _ in self._written:
                hidden.unlink()
            sync_folder(self._folder)
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
        super().clean()
        self._hidden_signature.unlink(missing_ok=True)
        self._hidden_manifest.unlink(missing_ok=True)
