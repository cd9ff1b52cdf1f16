"""The chain: a store's manifests, each naming the digest of the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from auditlib.errors import ChainError, NotAStoreError
from auditlib.store.digest import NO_DIGEST
from auditlib.store.manifest import FileEntry, Manifest, manifest_name, parse_manifest
from auditlib.store.sources import Source


@dataclass(frozen=True, slots=True)
class Chain:
    """The manifests that form one unbroken chain, oldest first, and what stopped it from going on.

    `problem` is None for a whole chain. Otherwise everything from the manifest it names onward is refused,
    and `manifests` holds those before it: none, and an empty `log_id`, where the first is refused already.
    """

    log_id: str
    manifests: tuple[Manifest, ...]
    problem: ChainError | None = None

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
        """Every file of the unbroken part, in the order of publishing."""
        return tuple(entry for manifest in self.manifests for entry in manifest.files)


def read_chain(source: Source) -> Chain:
    """The chain of a store, read from manifest 1 upward.

    A gap, another previous digest or log id, a path listed before, a manifest that cannot be read or is not
    canonical: the chain ends before it and says why (`problem.seq`, `problem.reason`). The removal of the
    newest manifests leaves no trace in the chain itself; only a pinned head notices that.

    Raises NotAStoreError where there is no manifest at all.
    """
    numbers = source.manifest_numbers()
    if not numbers:
        raise NotAStoreError(f"{source.location} is not a snapshot store: it has no manifest", path=source.location)
    manifests: list[Manifest] = []
    digest = NO_DIGEST
    paths: set[str] = set()
    problem: ChainError | None = None
    for seq, number in zip(count(1), numbers, strict=False):
        try:
            if number != seq:
                raise ChainError(f"it is missing, though {manifest_name(number)} is there", reason="gap")
            manifest = parse_manifest(source.read_manifest(seq))
            _check_link(manifest, seq, digest, manifests[0].log_id if manifests else manifest.log_id, paths)
        except ChainError as error:
            reason = error.values.get("reason", "unreadable")
            problem = ChainError(f"The chain breaks at manifest {manifest_name(seq)}: {error}", seq=seq, reason=reason)
            break
        manifests.append(manifest)
        digest = manifest.digest
        paths.update(entry.path for entry in manifest.files)
    return Chain(manifests[0].log_id if manifests else "", tuple(manifests), problem)


def _check_link(manifest: Manifest, seq: int, previous: str, log_id: str, paths: set[str]) -> None:
    if manifest.seq != seq:
        raise ChainError(f"it calls itself number {manifest.seq}", reason="seq")
    if manifest.prev_sha256 != previous:
        raise ChainError(
            f"it follows a manifest with digest {manifest.prev_sha256[:12]}…, but the one before it has {previous[:12]}…",
            reason="prev_sha256",
        )
    if manifest.log_id != log_id:
        raise ChainError(f"it belongs to log {manifest.log_id!r}, the ones before it to {log_id!r}", reason="log_id")
    for entry in manifest.files:
        if entry.path in paths:
            raise ChainError(f"it lists {entry.path}, which an earlier one has listed", reason="path")
