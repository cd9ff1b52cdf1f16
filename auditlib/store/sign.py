"""Signing afterwards: signatures for the manifests of a chain that were published without."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from auditlib.errors import NotAStoreError
from auditlib.store.acceptance import TRUSTING, Policy
from auditlib.store.manifest import signature_name
from auditlib.store.publish import publishing
from auditlib.store.signing import SigningKey, signer
from auditlib.store.sources import MANIFESTS, TEMPORARY, FolderSource
from auditlib.store.writing import sync_folder, write_file, writing_errors


class Signed(NamedTuple):
    """How many manifests were signed now, were signed by this key before, and carry what this key has not signed."""

    now: int
    before: int
    others: int


def sign_chain(root: Path, key: SigningKey, policy: Policy = TRUSTING) -> Signed:
    """Sign every manifest of an unbroken chain that has no signature; one that is there is never replaced.

    The signature says that the chain is this publisher's: links and pins are checked, the data files are not.
    Raises NotAStoreError where there is no store, PublishError where the chain is broken or was rolled back,
    someone else is publishing, or the disk refuses.
    """
    if not FolderSource(root).manifest_numbers():
        raise NotAStoreError(f"{root} is not a snapshot store: it has no manifest", path=str(root))
    now = before = others = 0
    with publishing(root, key, replace(policy, keys=())) as publisher:
        source = publisher.source
        for manifest in publisher.whole_chain().manifests:
            raw = manifest.to_bytes()
            found = source.read_signature(manifest.seq)
            if found is None:
                _add(source.root / MANIFESTS, manifest.seq, key.sign(raw))
                now += 1
            elif signer([key.public], found, raw):
                before += 1
            else:
                others += 1
    return Signed(now, before, others)


def _add(folder: Path, seq: int, signature: bytes) -> None:
    hidden = folder / f"{TEMPORARY}{secrets.token_hex(8)}.sig"
    with writing_errors(signature_name(seq)):
        try:
            write_file(hidden, signature)
            os.link(hidden, folder / signature_name(seq), follow_symlinks=False)
        finally:
            hidden.unlink(missing_ok=True)
        sync_folder(folder)
