"""Signing afterwards: signatures for the manifests of a chain that were published without."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from auditlib.errors import NotAStoreError
from auditlib.location import Location
from auditlib.store.acceptance import TRUSTING, Policy
from auditlib.store.places import source_of
from auditlib.store.publish import publishing
from auditlib.store.signing import SigningKey, signer


class Signed(NamedTuple):
    """How many manifests were signed now, were signed by this key before, and carry what this key has not signed."""

    now: int
    before: int
    others: int


def sign_chain(store: Location, key: SigningKey, policy: Policy = TRUSTING) -> Signed:
    """Sign every manifest of an unbroken chain that has no signature; one that is there is never replaced.

    The signature says that the chain is this publisher's: links and pins are checked, the data files are not.
    Raises NotAStoreError where there is no store, PublishError where the chain is broken or was rolled back,
    someone else is publishing, or the disk refuses.
    """
    if not source_of(store).manifest_numbers():
        raise NotAStoreError(f"{store} is not a snapshot store: it has no manifest", path=str(store))
    now = before = others = 0
    with publishing(store, key, replace(policy, keys=())) as publisher:
        source = publisher.source
        for manifest in publisher.whole_chain().manifests:
            raw = manifest.to_bytes()
            found = source.read_signature(manifest.seq)
            if found is None:
                publisher.destination.add_signature(manifest.seq, key.sign(raw))
                now += 1
            elif signer([key.public], found, raw):
                before += 1
            else:
                others += 1
    return Signed(now, before, others)
