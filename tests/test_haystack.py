"""Looking for bytes: the C library's answer is that of Python."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlib.engine.embedded import haystack
from auditlib.engine.embedded.haystack import Haystack

BYTES = st.lists(st.sampled_from([b"a", b"b", b"ab", b"\x00", b"\xff", "Ζωή".encode()])).map(b"".join)


@given(BYTES, BYTES, st.integers(0, 40))
def test_a_needle_is_found_where_python_finds_it(data: bytes, needle: bytes, start: int) -> None:
    assert Haystack(data).find(needle, start) == data.find(needle, start)


def test_it_is_found_in_a_mapped_file_whether_the_library_has_memmem_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_bytes(b"x" * 10_000 + b"needle" + b"y" * 9_000)
    with (tmp_path / "text").open("rb") as file:
        found = Haystack(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    assert [found.find(b"needle"), found.find(b"needle", 10_001), found.find(b"y" * 9_001)] == [10_000, -1, -1]
    monkeypatch.setattr(haystack, "_memmem", None)
    assert [found.find(b"needle"), found.find(b"needle", 10_001), found.find(b"y" * 9_001)] == [10_000, -1, -1]
