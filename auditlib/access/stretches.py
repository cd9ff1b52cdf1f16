"""Stretches: which entries each snapshot of a ledger holds, as its manifest says, and where they end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from auditlib.access.entries import Tail, header
from auditlib.errors import LedgerError
from auditlib.store import Chain, FolderSource, Manifest, read_chain
from auditlib.store.digest import NO_DIGEST

KEY: Final = "ledger"
"""The key of a manifest that names a stretch."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The entries of one snapshot: their first and last number, the digest of the line before the journal, and of the last line."""

    first: int
    last: int
    prev: str
    digest: str

    @property
    def before(self) -> Tail:
        """The end of the chain before it."""
        return Tail(self.first - 1, self.prev)

    @property
    def begun(self) -> Tail:
        """The end of the chain behind the journal's first line."""
        return self.before.after(self.before.seq, header(self.before))

    @property
    def after(self) -> Tail:
        """The end of the chain behind it."""
        return Tail(self.last, self.digest)

    def to_record(self) -> dict[str, Any]:
        """It as the manifest holds it."""
        return {name: getattr(self, name) for name in self.__slots__}


def held_by(store: Path) -> Tail:
    """The end of what a ledger's store holds, where there is one; raises LedgerError where its chain is broken."""
    source = FolderSource(store)
    if not (store / "manifests").is_dir() or not source.manifest_numbers():
        return Tail(0, NO_DIGEST)
    chain = read_chain(source)
    if chain.problem:
        raise LedgerError(f"The snapshots of the ledger cannot be relied on: {chain.problem}", reason="store")
    return published(chain)


def stretches(chain: Chain) -> list[Stretch]:
    """The stretches that a ledger's manifests hold, in order; raises LedgerError where they do not follow each other."""
    found: list[Stretch] = []
    for manifest in chain.manifests:
        if KEY in manifest.extra:
            stretch = stretch_of(manifest)
            before = found[-1].after if found else Tail(0, NO_DIGEST)
            if stretch.before != before:
                raise LedgerError(
                    f"Snapshot {manifest.seq} of the ledger does not follow entry {before.seq}", seq=before.seq + 1, reason="prev"
                )
            found.append(stretch)
    return found


def published(chain: Chain | None) -> Tail:
    """The end of what a ledger's store holds; raises LedgerError as `stretches` does."""
    held = stretches(chain) if chain else []
    return held[-1].after if held else Tail(0, NO_DIGEST)


def stretch_of(manifest: Manifest) -> Stretch:
    """The stretch that a manifest names; raises LedgerError where it names none."""
    said = manifest.extra[KEY]
    try:
        return Stretch(int(said["first"]), int(said["last"]), str(said["prev"]), str(said["digest"]))
    except (TypeError, LookupError, ValueError):
        raise LedgerError(f"Snapshot {manifest.seq} of the ledger does not say which entries it holds", reason="line") from None
