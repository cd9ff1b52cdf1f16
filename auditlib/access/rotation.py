"""Rotation: journals that are full go into a snapshot store, each as one snapshot whose manifest goes on with the chain of lines.

The manifest's key `ledger` names the first and last entry, the digest before and the digest after. A journal is
removed once its snapshot is there; whoever is killed between leaves one that the next rotation knows as published.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from auditlib.access.entries import follow, opened
from auditlib.access.history import batch
from auditlib.access.ledger import PATIENCE_SECONDS, Ledger, journals
from auditlib.access.stretches import KEY, Stretch, published, stretches
from auditlib.errors import LedgerError, PublishError, StoreError
from auditlib.store.acceptance import configured
from auditlib.store.publish import Publisher, publishing
from auditlib.store.writing import sync_folder

_ROWS: Final = 4_096


def rotate(ledger: Ledger) -> int:
    """Moves all entries of a ledger's journals into its snapshot store; how many that were.

    Nothing is lost or doubled, whoever is killed at any moment: the next rotation goes on. Raises LedgerError where
    a journal is damaged or does not follow what was published, or nothing can be written.
    """
    ledger.seal()
    moved = 0
    for path in journals(ledger.folder)[:-1]:
        try:
            with _publishing(ledger.store) as publisher:
                moved += _publish(publisher, path)
        except StoreError as error:
            why = str(error).replace(os.path.realpath(ledger.store), "the store").replace(str(ledger.store), "the store")
            raise LedgerError(f"Entries of the ledger could not be moved into snapshots: {why}", reason="store") from None
        except OSError as error:
            raise LedgerError(f"Entries of the ledger could not be moved into snapshots: {error.strerror}", reason="disk") from None
    return moved


@contextmanager
def _publishing(store: Path) -> Iterator[Publisher]:
    """The publisher of the ledger's store, once nobody else moves entries into it."""
    deadline = monotonic() + PATIENCE_SECONDS
    with ExitStack() as held:
        while True:
            try:
                publisher = held.enter_context(publishing(store, None, configured(store)))
                break
            except PublishError as error:
                if error.values.get("reason") != "locked" or monotonic() > deadline:
                    raise
                sleep(0.02)
        yield publisher


def _publish(publisher: Publisher, path: Path) -> int:
    """Publishes a journal that nobody writes to any more, unless that was done, and removes it; how many entries it moved."""
    try:
        first, *lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return 0
    before = opened(first)
    tail = before.after(before.seq, first)
    for line in lines:
        tail = follow(tail, line)
    stretch = Stretch(before.seq + 1, tail.seq, before.digest, tail.digest)
    is_new = not publisher.chain or stretch not in stretches(publisher.chain)
    if is_new:
        done = published(publisher.chain)
        if before != done:
            raise LedgerError(f"The journal {path.name} does not follow entry {done.seq} of the ledger", seq=done.seq + 1, reason="prev")
        with publisher.attempt(f"ledger-{stretch.first:015d}") as attempt:
            attempt.write((batch(lines[start : start + _ROWS]) for start in range(0, len(lines), _ROWS)), None)
            publisher.commit(attempt, datetime.now(UTC), extra={KEY: stretch.to_record()})
    path.unlink()
    sync_folder(path.parent)
    return len(lines) if is_new else 0
