"""Comparisons: the head and the total that a link was copied with, against those of today."""

from __future__ import annotations

from dataclasses import dataclass

from auditlib.engine.base import Head
from auditlib.view import View


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a copied link and the record of today say of each other.

    Attributes:
        then, now: how many events matched when the link was copied (None where it does not say), and match now.
        seq: the snapshot that was newest when it was copied; 0 where it is none of the chain, None where it does not say.
        newer: how many snapshots came after it.
        same: whether record and number are those of then.
        sentence: all of that for people.
    """

    then: int | None
    now: int
    seq: int | None
    newer: int
    same: bool
    sentence: str


def compare(view: View, head: Head, total: int) -> Comparison | None:
    """The comparison of a view with the `total` it has now; None where its link carries neither head nor total."""
    if not view.at and view.n is None:
        return None
    seq = _seq(view.at, head)
    newer = head.seq - seq if seq else 0
    counted_same = view.n in (None, total)
    same = counted_same and seq in (None, head.seq) and not (seq is None and view.n is None)
    return Comparison(view.n, total, seq, newer, same, _sentence(view, head, total, seq, newer, same))


def _seq(digest: str, head: Head) -> int | None:
    if not digest:
        return None
    return next((manifest.seq for manifest in reversed(head.chain.manifests) if manifest.digest.startswith(digest)), 0)


def _sentence(view: View, head: Head, total: int, seq: int | None, newer: int, same: bool) -> str:
    events = _count(total, "event")
    if same:
        return f"Same {events} ✔" if view.n is not None else f"Same record ✔, {events} match"
    numbers = f"{events} now" + ("" if view.n is None else f", {view.n:,} when the link was copied")
    if view.n == total:
        numbers = f"Still {events}"
    if seq == 0:
        return f"{numbers}: the snapshot that was newest then, {view.at[:12]}, is no longer in the chain"
    reasons = [f"{_count(newer, 'newer snapshot')} since"] if newer else []
    if seq and any(manifest.removals for manifest in head.chain.manifests if manifest.seq > seq):
        reasons.append("events were removed by policy since")
    if head.quarantined:
        reasons.append(f"{_count(len(head.quarantined), 'snapshot')} quarantined now")
    if head.problem:
        reasons.append("newer snapshots are refused now")
    if reasons:
        return f"{numbers}: {', '.join(reasons)}"
    return f"{numbers}, though the record is the same" if seq else numbers


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
