"""Repeats in an import: the same answer as a set gives, however the keys are packed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlib.ingest import seen
from auditlib.ingest.seen import Seen

HALVES = st.sampled_from([b"\x00" * 8, b"\x00" * 7 + b"\x01", b"\xff" * 8, b"abcdefgh", b"hgfedcba"])
KEYS = st.tuples(HALVES, HALVES).map(b"".join)


@given(st.lists(st.lists(KEYS, max_size=9), max_size=12), st.integers(1, 7))
def test_a_key_is_new_exactly_once(batches: list[list[bytes]], recent: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen, "RECENT", recent)
        known, keys = set[bytes](), Seen()
        for batch in batches:
            expected = [place for place, key in enumerate(batch) if key not in known and key not in batch[:place]]
            known.update(batch)
            assert keys.add(b"".join(batch)) == expected


def test_many_keys_are_few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "RECENT", 1_000)
    source = random.Random(3)
    keys, drawn = Seen(), [source.randbytes(16) for _ in range(50_000)]
    for start in range(0, len(drawn), 700):
        batch = drawn[start : start + 700]
        assert keys.add(b"".join(batch)) == list(range(len(batch)))
    assert keys.add(b"".join(drawn)) == []
    assert len(keys._runs) <= 7
