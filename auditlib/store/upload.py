"""Publishing into an object store, which can overwrite and cannot link: data files first, each read back, the manifest last.

Files are written on this machine and sent while a claim keeps other publishers out. A name that is taken is never written to,
unless it holds these very bytes already. What is killed on the way leaves objects that no manifest lists: they are never read,
`verify` reports them, and publishing the same bytes again takes them up.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from auditlib.errors import PublishError, UnreachableError
from auditlib.location import ObjectLocation
from auditlib.processes import is_running
from auditlib.store.attempt import Attempt
from auditlib.store.bucket import PIECE, Bucket
from auditlib.store.chain import Chain
from auditlib.store.claim import Claim
from auditlib.store.copies import cache_folder_of, disk_errors
from auditlib.store.lock import LOCK
from auditlib.store.manifest import FileEntry, Manifest, manifest_name, signature_name
from auditlib.store.object_source import ObjectSource
from auditlib.store.sources import DATA, MANIFESTS, MAX_MANIFEST_BYTES, SIGNATURE_BYTES

if TYPE_CHECKING:
    from auditlib.store.signing import SigningKey

BUILDING: Final = ".build-"
"""What the names of folders begin with in which a process of that number builds something."""


class ObjectDestination:
    """A store in an object store, as a publisher sees it."""

    def __init__(self, location: ObjectLocation) -> None:
        self.source = ObjectSource(location)
        self._folder = cache_folder_of(self.source.location)
        self._name = ""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps out other publishers of this machine; a claim keeps out the others for as long as anything is sent."""
        with disk_errors():
            fd = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PublishError(
                    f"{self.source.location} is being published to by someone else; try again when they are done", reason="locked"
                ) from None
            self._name = _own_name(fd)
            yield
        finally:
            os.close(fd)

    def sweep(self, chain: Chain | None) -> None:
        """Removes what killed publishers left on this machine, and the copies of files that are no longer part of the record."""
        if chain is not None:
            self.source.keep_only(chain.kept)
        for path in self._folder.glob(f"{BUILDING}*"):
            if not is_running(int(path.name.split("-")[1])):
                shutil.rmtree(path, ignore_errors=True)

    def attempt(self, name: str, rows_per_file: int) -> Attempt:
        """An attempt at a snapshot."""
        folder = self._folder / f"{BUILDING}{os.getpid()}-{uuid.uuid4().hex}"
        with disk_errors():
            folder.mkdir(mode=0o700)
        return ObjectAttempt(self.source, self._name, folder, name, rows_per_file)

    def add_signature(self, seq: int, signature: bytes) -> None:
        """Adds the signature of a manifest that has none."""
        with Claim(self.source.bucket, self._name):
            add(self.source.bucket, f"{MANIFESTS}/{signature_name(seq)}", signature, SIGNATURE_BYTES)

    def remove(self, names: Iterable[str]) -> int:
        """Deletes data files, those that are there; gives how many. Older versions that the bucket keeps stay in it."""
        return sum(self.source.bucket.delete(f"{DATA}/{name}") for name in names)


class ObjectAttempt(Attempt):
    """An attempt whose hidden files are on this machine; it knows which objects are its own work."""

    def __init__(self, source: ObjectSource, publisher: str, folder: Path, name: str, rows_per_file: int) -> None:
        super().__init__(folder, name, rows_per_file)
        self._publisher = publisher
        self._source, self._bucket = source, source.bucket
        self._sent: list[str] = []

    def commit(self, manifest: Manifest, key: SigningKey | None) -> None:
        """Send the files, each read back, then the signature where there is a key, then the manifest.

        Raises PublishError where another snapshot of that number or another file of a name is there, and UnreachableError.
        """
        raw = self._spell(manifest)
        with Claim(self._bucket, self._publisher) as claim:
            if self._source.manifest_numbers() != tuple(range(1, manifest.seq)):
                raise PublishError(
                    f"{self._name} cannot be published: snapshot {manifest.seq} was published by someone else meanwhile", reason="exists"
                )
            for (hidden, _, _), entry in zip(self._written, manifest.files, strict=True):
                self._send(hidden, entry, claim)
            if key:
                self._sent.append(f"{MANIFESTS}/{signature_name(manifest.seq)}")
                add(self._bucket, self._sent[-1], key.sign(raw), SIGNATURE_BYTES)
            claim.keep()
            self._add_manifest(f"{MANIFESTS}/{manifest_name(manifest.seq)}", raw)

    def clean(self) -> None:
        """Remove the hidden files, and without a commit the objects of this attempt too, as far as the server answers."""
        super().clean()
        shutil.rmtree(self._folder, ignore_errors=True)
        with suppress(UnreachableError):
            while self._sent:
                self._bucket.delete(self._sent.pop())

    def _send(self, hidden: Path, entry: FileEntry, claim: Claim) -> None:
        key = f"{DATA}/{entry.path}"
        if self._bucket.stamp(key) is None:
            self._sent.append(key)
            self._bucket.write(key, _read(hidden, claim))
        digest = hashlib.sha256()
        for piece in self._bucket.pieces(key):
            digest.update(piece)
            claim.keep()
        if digest.hexdigest() == entry.sha256:
            return
        if key in self._sent:
            raise PublishError(f"{self._name} cannot be published: {entry.path} came back altered", path=entry.path, reason="digest")
        raise PublishError(
            f"{self._name} cannot be published: {entry.path} exists already and is never overwritten", path=entry.path, reason="exists"
        )

    def _add_manifest(self, key: str, raw: bytes) -> None:
        """The commit. Once it may have taken place, nothing that was sent is removed again."""
        sent, self._sent = self._sent, []
        with suppress(UnreachableError):  # the server may have done it all the same
            self._bucket.write(key, [raw])
        try:
            found = self._bucket.read(key, MAX_MANIFEST_BYTES)
        except UnreachableError as error:
            sentence = f"Nobody can say yet whether {self._name} was published: {error}; verify will tell"
            raise PublishError(sentence, reason="unknown") from None
        if found is None:
            self._sent = sent
            raise PublishError(f"{self._name} cannot be published: the store did not take its manifest", reason="refused")
        if found != raw:
            raise PublishError(f"{self._name} was not published: another snapshot has taken its place", reason="exists")


def _own_name(fd: int) -> str:
    """The name of this machine's claims, kept in its lock file; the caller holds the lock, so that nobody else uses it now."""
    with disk_errors():
        name = os.pread(fd, 32, 0).decode("ascii", "replace")
        if not re.fullmatch(r"[0-9a-f]{32}", name):
            name = secrets.token_hex(16)
            os.ftruncate(fd, 0)
            os.pwrite(fd, name.encode(), 0)
    return name


def add(bucket: Bucket, key: str, raw: bytes, most: int) -> None:
    """Write a small object under a name that is free, and read it back; raises PublishError where it is taken, or came back altered."""
    name = key.rpartition("/")[2]
    if bucket.stamp(key) is not None:
        raise PublishError(f"{name} exists already and is never overwritten", path=name, reason="exists")
    bucket.write(key, [raw])
    if bucket.read(key, most) != raw:
        raise PublishError(f"{name} came back altered", path=name, reason="digest")


def _read(path: Path, claim: Claim) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
            claim.keep()
