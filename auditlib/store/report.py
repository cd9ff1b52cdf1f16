"""Verification: a report on every manifest and every file of a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from auditlib.errors import ChainError, DamagedFileError
from auditlib.location import Location
from auditlib.store.acceptance import TRUSTING, Policy, accept
from auditlib.store.chain import Chain
from auditlib.store.manifest import FileEntry, Manifest
from auditlib.store.places import source_of
from auditlib.store.removal import Removal
from auditlib.store.sources import Source
from auditlib.store.verify import open_verified

FileState = Literal["verified", "damaged", "missing", "quarantined", "retired", "replaced"]
SnapshotState = Literal["verified", "quarantined", "retired"]

_GOOD: Final = frozenset({"verified", "retired", "replaced"})


@dataclass(frozen=True, slots=True)
class FileReport:
    """What verification found of one file.

    `reason` is the machine word of the damage (see `open_verified`), `snapshot` for a quarantined file, `present` for
    a file that was removed from the record and is still there, else None; `sentence` says the same to people.
    """

    path: str
    seq: int
    state: FileState
    reason: str | None
    sentence: str | None
    rows: int
    bytes: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """One manifest of the chain: `verified` when all files still in the record are, `retired` when none is left, else `quarantined`.

    `signature` is `good`, `unchecked` or `absent`, `signer` the fingerprint of the key that made a good one, else empty.
    """

    seq: int
    created: str
    sha256: str
    rows: int
    state: SnapshotState
    signature: str
    signer: str

    def to_dict(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Report:
    """What verification found of a store.

    `problem` says why the chain ends early, None for a whole one; the files of the refused manifests are
    then among `unlisted`, which are the entries of the data folder that no accepted manifest lists. Those
    are never read, and are no damage.
    """

    location: str
    chain: Chain
    snapshots: tuple[SnapshotReport, ...]
    files: tuple[FileReport, ...]
    unlisted: tuple[str, ...]

    @property
    def problem(self) -> ChainError | None:
        """What broke the chain, None for a whole one."""
        return self.chain.problem

    @property
    def ok(self) -> bool:
        """Whether the chain is whole and every file verified."""
        return self.problem is None and all(file.state in _GOOD for file in self.files)

    @property
    def exit_code(self) -> int:
        """0 where everything is good, 1 where anything is damaged or missing."""
        return 0 if self.ok else 1

    def to_dict(self) -> dict[str, Any]:
        """The report as one JSON object, the same for the same store."""
        head = self.chain.manifests[-1] if self.chain.manifests else None
        return {
            "ok": self.ok,
            "location": self.location,
            "log_id": self.chain.log_id or None,
            "head": {"seq": head.seq, "sha256": head.digest} if head else None,
            "problem": {"seq": self.problem.seq, "reason": self.problem.reason, "sentence": str(self.problem)} if self.problem else None,
            "snapshots": [snapshot.to_dict() for snapshot in self.snapshots],
            "files": [file.to_dict() for file in self.files],
            "unlisted": list(self.unlisted),
            "signed": self.chain.signed,
            "pinned": self.chain.pinned,
            "notices": list(self.chain.notices),
        }


def verify_store(store: Location, progress: Callable[[int], None] | None = None, policy: Policy = TRUSTING) -> Report:
    """A report on every file of a store. Always hashes everything anew, and goes on after damage.

    A damaged or missing file quarantines the other files of its manifest; a removed one is neither. `progress` is
    called with the number of bytes of each piece hashed; `policy` is what the chain must be, and what of it is
    accepted is pinned. Raises NotAStoreError where there are no manifests, UnreachableError where an object store does not
    answer, PinError where pins cannot be relied on.
    """
    source = source_of(store, fresh=True)
    chain = accept(source, replace(policy, strict=False))
    removed = chain.removed
    files: list[FileReport] = []
    snapshots: list[SnapshotReport] = []
    for manifest in chain.manifests:
        found = _check_files(source, manifest, removed, progress)
        files.extend(found)
        signature = chain.signature(manifest.seq)
        snapshots.append(
            SnapshotReport(manifest.seq, manifest.created, manifest.digest, manifest.rows, _state(found), signature.state, signature.key)
        )
    unlisted = source.unlisted([entry.path for entry in chain.files])
    return Report(source.location, chain, tuple(snapshots), tuple(files), unlisted)


def _state(files: list[FileReport]) -> SnapshotState:
    if any(file.state not in _GOOD for file in files):
        return "quarantined"
    return "retired" if files and all(file.state != "verified" for file in files) else "verified"


def _check_files(
    source: Source, manifest: Manifest, removed: Mapping[str, Removal], progress: Callable[[int], None] | None
) -> list[FileReport]:
    damage: dict[str, DamagedFileError] = {}
    for entry in manifest.files:
        if entry.path not in removed:
            try:
                open_verified(source, entry, progress).close()
            except DamagedFileError as error:
                damage[entry.path] = error
    worst = next(iter(damage), None)
    return [
        _removed_report(source, manifest.seq, entry, removed[entry.path])
        if entry.path in removed
        else _file_report(manifest.seq, entry, damage.get(entry.path), worst)
        for entry in manifest.files
    ]


def _removed_report(source: Source, seq: int, entry: FileEntry, removal: Removal) -> FileReport:
    reason, more = None, ""
    try:
        if source.has_data(entry.path):
            reason, more = "present", "; its file is still there, and retire removes it"
    except DamagedFileError:
        reason, more = "present", "; something is still in its place"
    return FileReport(entry.path, seq, removal.state, reason, removal.sentence + more, entry.rows, entry.bytes, entry.sha256)


def _file_report(seq: int, entry: FileEntry, error: DamagedFileError | None, worst: str | None) -> FileReport:
    state: FileState = "verified"
    reason = sentence = None
    if error is not None:
        reason, sentence = str(error.reason), str(error)
        state = "missing" if reason == "missing" else "damaged"
    elif worst is not None:
        state, reason = "quarantined", "snapshot"
        sentence = f"{entry.path} is whole, but {worst} of the same snapshot is not"
    return FileReport(entry.path, seq, state, reason, sentence, entry.rows, entry.bytes, entry.sha256)
