"""The chain: a store's manifests, each naming the digest of the one before it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final, Literal

from auditlib.errors import ChainError, NotAStoreError
from auditlib.store.digest import NO_DIGEST
from auditlib.store.manifest import FileEntry, Manifest, manifest_name, parse_manifest
from auditlib.store.removal import Removal
from auditlib.store.sources import ChainSource


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature beside a manifest: `good` by one of the configured keys, `unchecked` where none is configured, or `absent`.

    `key` is the fingerprint of the key that made a good one, else empty.
    """

    state: Literal["good", "unchecked", "absent"]
    key: str = ""


ABSENT: Final = Signature("absent")


@dataclass(frozen=True, slots=True)
class Chain:
    """The manifests that form one unbroken chain, oldest first, and what stopped it from going on.

    `problem` is None for a whole chain. Otherwise everything from the manifest it names onward is refused,
    and `manifests` holds those before it: none, and an empty `log_id`, where the first is refused already.
    `signatures` are those of the manifests by sequence number, once `accept` has looked at them; `pinned` says
    that every manifest is pinned outside the store, and `notices` what else a reader should know.
    """

    log_id: str
    manifests: tuple[Manifest, ...]
    problem: ChainError | None = None
    signatures: Mapping[int, Signature] = field(default_factory=dict)
    pinned: bool = False
    notices: tuple[str, ...] = ()

    @property
    def head(self) -> Manifest:
        """The newest manifest of the unbroken part; raises the problem where there is none."""
        if not self.manifests:
            raise self.problem or ChainError("the chain has no manifest")
        return self.manifests[-1]

    @property
    def head_digest(self) -> str:
        """The digest of the head, which covers every manifest before it."""
        return self.head.digest

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Every file the unbroken part ever listed, in the order of publishing."""
        return tuple(entry for manifest in self.manifests for entry in manifest.files)

    @property
    def removed(self) -> dict[str, Removal]:
        """The files that later manifests took out of the record, by path."""
        return {removal.path: removal for manifest in self.manifests for removal in manifest.removals}

    @property
    def kept(self) -> tuple[FileEntry, ...]:
        """The files that are still part of the record, in the order of publishing."""
        removed = self.removed
        return tuple(entry for entry in self.files if entry.path not in removed)

    @property
    def signed(self) -> bool:
        """Whether every manifest has a good signature by a configured key."""
        return all(self.signature(manifest.seq).state == "good" for manifest in self.manifests)

    def signature(self, seq: int) -> Signature:
        """The signature of a manifest."""
        return self.signatures.get(seq, ABSENT)

    def before(self, seq: int, why: str, reason: str) -> Chain:
        """The chain up to a manifest that cannot be accepted, with the sentence that says so."""
        problem = ChainError(why, seq=seq, reason=reason)
        manifests = self.manifests[: seq - 1]
        return replace(self, log_id=self.log_id if manifests else "", manifests=manifests, problem=problem)


def read_chain(source: ChainSource) -> Chain:
    """The chain of a store, read from manifest 1 upward.

    A gap, another previous digest or log id, a path listed before, a file removed that was not there, a manifest
    that cannot be read or is not canonical: the chain ends before it and says why (`problem.seq`, `problem.reason`). The removal of the
    newest manifests leaves no trace in the chain itself; only a pinned head notices that.

    Raises NotAStoreError where there is no manifest at all.
    """
    numbers = source.manifest_numbers()
    if not numbers:
        raise NotAStoreError(f"{source.location} is not a snapshot store: it has no manifest", path=source.location)
    manifests: list[Manifest] = []
    digest = NO_DIGEST
    listed: dict[str, str] = {}
    removed: set[str] = set()
    problem: ChainError | None = None
    for seq, number in zip(count(1), numbers, strict=False):
        try:
            if number != seq:
                raise ChainError(f"it is missing, though {manifest_name(number)} is there", reason="gap")
            manifest = parse_manifest(source.read_manifest(seq))
            _check_link(manifest, seq, digest, manifests[0].log_id if manifests else manifest.log_id)
            _check_files(manifest, listed, removed)
        except ChainError as error:
            reason = error.values.get("reason", "unreadable")
            problem = ChainError(f"The chain breaks at manifest {manifest_name(seq)}: {error}", seq=seq, reason=reason)
            break
        manifests.append(manifest)
        digest = manifest.digest
        listed.update((entry.path, entry.sha256) for entry in manifest.files)
        removed.update(removal.path for removal in manifest.removals)
    return Chain(manifests[0].log_id if manifests else "", tuple(manifests), problem)


def _check_link(manifest: Manifest, seq: int, previous: str, log_id: str) -> None:
    if manifest.seq != seq:
        raise ChainError(f"it calls itself number {manifest.seq}", reason="seq")
    if manifest.prev_sha256 != previous:
        raise ChainError(
            f"it follows a manifest with digest {manifest.prev_sha256[:12]}…, but the one before it has {previous[:12]}…",
            reason="prev_sha256",
        )
    if manifest.log_id != log_id:
        raise ChainError(f"it belongs to log {manifest.log_id!r}, the ones before it to {log_id!r}", reason="log_id")


def _check_files(manifest: Manifest, listed: Mapping[str, str], removed: Collection[str]) -> None:
    for entry in manifest.files:
        if entry.path in listed:
            raise ChainError(f"it lists {entry.path}, which an earlier one has listed", reason="path")
    gone = set(removed)
    for removal in manifest.removals:
        if listed.get(removal.path) != removal.sha256 or removal.path in gone:
            raise ChainError(f"it removes {ascii(removal.path)[:80]}, which is not in the record before it", reason="removal")
        gone.add(removal.path)
