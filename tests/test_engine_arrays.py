"""Arrays in files: what is written is what is mapped again, and anything else is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from auditlib.engine.embedded.arrays import create, load, save

made = arrays.arrays(
    st.sampled_from([np.uint8, np.uint16, np.uint32, np.uint64, np.int32, np.int64]),
    arrays.array_shapes(max_dims=2, min_side=0, max_side=9),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(made)
def test_an_array_is_read_back_as_it_was_written_and_as_numpy_reads_it(tmp_path: Path, values: Any) -> None:
    path = tmp_path / "a.npy"
    save(path, values)
    found = load(path)
    assert (found.dtype, found.shape) == (values.dtype, values.shape)
    assert np.array_equal(found, values)
    assert np.array_equal(found, np.load(path))


@pytest.mark.parametrize("shape", [(5,), (3, 32), (0, 32), (40_000,), (2_000, 32)])
def test_an_array_made_in_its_file_is_read_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    out = create(tmp_path / "a.npy", np.uint8, shape)
    out[:] = 7
    del out
    assert np.array_equal(load(tmp_path / "a.npy"), np.full(shape, 7, np.uint8))


@pytest.mark.parametrize("size", [9, 9_000])
@pytest.mark.parametrize(
    "harm", [lambda raw: b"", lambda raw: raw[:40], lambda raw: raw[:-1], lambda raw: raw[1:], lambda raw: b"text" * 99]
)
def test_a_file_that_holds_no_whole_array_is_refused(tmp_path: Path, harm: Any, size: int) -> None:
    save(tmp_path / "a.npy", np.arange(size))
    (tmp_path / "a.npy").write_bytes(harm((tmp_path / "a.npy").read_bytes()))
    with pytest.raises(ValueError, match=r"a\.npy|size|buffer"):
        load(tmp_path / "a.npy")


def test_arrays_are_mapped_by_many_threads_at_once(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.npy", np.full(3, number))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: int(load(tmp_path / f"{number % 4}.npy")[0]), range(2000)))
    assert found == [number % 4 for number in range(2000)]
