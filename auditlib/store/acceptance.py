"""Acceptance: whether a chain is the one that a reader may believe, by signatures, pins and a given head."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from auditlib import settings
from auditlib.errors import ChainError, PinError
from auditlib.location import Location
from auditlib.store.chain import ABSENT, Chain, Signature, read_chain
from auditlib.store.manifest import Manifest, manifest_name, signature_name
from auditlib.store.pins import Pin, Pins
from auditlib.store.sources import ChainSource

if TYPE_CHECKING:
    from auditlib.store.signing import PublicKey

NAMED_LOGS: Final = 3
"""How many other logs a notice names."""
_PIN: Final = re.compile(r"(?:[0-9]+:)?([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a reader demands of a chain. Nothing of it ever comes from the store itself.

    Attributes:
        keys: the keys one of which must have signed each manifest; none: signatures are not checked.
        pin: the digest of a manifest that must be in the chain, or an empty text.
        strict: whether any damage refuses everything.
        state: the folder of the pins; None keeps and compares none.
    """

    keys: tuple[PublicKey, ...] = ()
    pin: str = ""
    strict: bool = False
    state: Path | None = None


TRUSTING: Final = Policy()
"""Demands nothing beyond an unbroken chain."""


def configured(store: Location | None = None) -> Policy:
    """The policy of the settings, for a store.

    Keys and the given head are those of a publisher elsewhere: what this machine itself writes in the state folder,
    the ledger, is held to its pins alone.
    Raises SigningError where `AUDIT_PUBLIC_KEY` holds no key, PinError where `AUDIT_PIN` is no digest.
    """
    if store is not None and is_own(store):
        return Policy(strict=settings.strict(), state=settings.state_folder())
    keys: tuple[PublicKey, ...] = ()
    if settings.public_key():
        from auditlib.store.signing import load_public

        keys = load_public(settings.public_key())
    match = _PIN.fullmatch(settings.pin())
    if settings.pin() and not match:
        raise PinError("AUDIT_PIN is no head: expected the 64 hexadecimal digits that verify prints", pin=settings.pin())
    return Policy(keys, match.group(1) if match else "", settings.strict(), settings.state_folder())


def is_own(store: Location) -> bool:
    """Whether this machine itself writes a store, as part of its ledger, which nobody signs."""
    return isinstance(store, Path) and Path(os.path.realpath(store)).is_relative_to(os.path.realpath(settings.ledger_folder()))


def accept(source: ChainSource, policy: Policy) -> Chain:
    """The chain of a store as far as it can be believed; what of it is accepted is pinned.

    A manifest without a good signature where keys are configured (`reason="signature"`), one that differs from
    the one accepted before (`rewritten`), fewer than were accepted (`rollback`), and a chain without the head it
    must hold (`pin`) end it as a broken link does. What agrees with the pins stays. Another log at a place where
    one was accepted is no break, since each log has its own pins, but a notice.

    Raises NotAStoreError where there is no store, PinError where the pins cannot be relied on, and in strict
    mode the problem itself.
    """
    chain = _signed(read_chain(source), source, policy.keys)
    pins = Pins(policy.state, source.location) if policy.state else None
    known = pins.of(chain.log_id) if pins and chain.log_id else ()
    chain = _agreeing(chain, known)
    if policy.pin and not chain.problem and all(manifest.digest != policy.pin for manifest in chain.manifests):
        why = f"The chain does not hold the head {policy.pin[:12]}… that AUDIT_PIN says it must hold"
        chain = chain.before(len(known) + 1, why, "pin")
    if pins:
        chain = _pinned(chain, pins, known)
    if policy.strict and chain.problem:
        raise chain.problem
    return chain


def _signed(chain: Chain, source: ChainSource, keys: tuple[PublicKey, ...]) -> Chain:
    signatures: dict[int, Signature] = {}
    for manifest in chain.manifests:
        try:
            signatures[manifest.seq] = _signature(manifest, source, keys)
        except ChainError as error:
            if keys:
                chain = chain.before(manifest.seq, f"The chain breaks at manifest {manifest_name(manifest.seq)}: {error}", "signature")
                break
            signatures[manifest.seq] = Signature("unchecked")
    return replace(chain, signatures=signatures)


def _signature(manifest: Manifest, source: ChainSource, keys: tuple[PublicKey, ...]) -> Signature:
    signature = source.read_signature(manifest.seq)
    if not keys:
        return ABSENT if signature is None else Signature("unchecked")
    if signature is None:
        raise ChainError("it is not signed, and a key is configured")
    from auditlib.store.signing import signer

    key = signer(keys, signature, manifest.to_bytes())
    if key is None:
        raise ChainError(f"its signature {signature_name(manifest.seq)} is not one of this manifest by a configured key")
    return Signature("good", key.fingerprint)


def _agreeing(chain: Chain, known: tuple[Pin, ...]) -> Chain:
    for manifest, pin in zip(chain.manifests, known, strict=False):
        if manifest.digest != pin.digest:
            why = f"The chain breaks at manifest {manifest_name(pin.seq)}: it is not the one that was accepted on {_day(pin)}"
            return chain.before(pin.seq, why, "rewritten")
    if chain.problem is None and len(chain.manifests) < len(known):
        pin = known[-1]
        why = f"The chain ends at manifest {manifest_name(chain.head.seq)}, but {manifest_name(pin.seq)} was accepted on {_day(pin)}"
        return chain.before(chain.head.seq + 1, why, "rollback")
    return chain


def _pinned(chain: Chain, pins: Pins, known: tuple[Pin, ...]) -> Chain:
    notices = list(chain.notices)
    others = [log_id for log_id in pins.logs() if log_id != chain.log_id]
    if others and chain.log_id:
        more = f", and {len(others) - NAMED_LOGS} more" if len(others) > NAMED_LOGS else ""
        notices.append(f"Another log was accepted at this place before: {', '.join(others[:NAMED_LOGS])}{more}")
    pinned = len(chain.manifests) <= len(known)
    if not pinned:
        try:
            pins.add(chain.log_id, chain.manifests)
            pinned = True
        except OSError as error:
            notices.append(f"What was accepted could not be pinned, so a rollback would not be noticed: {error.strerror}")
    return replace(chain, notices=tuple(notices), pinned=pinned)


def _day(pin: Pin) -> str:
    return f"{pin.at[:10]} at {pin.at[11:16]} UTC"
