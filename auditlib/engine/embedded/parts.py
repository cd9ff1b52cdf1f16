"""Parts: the encoded files of one run, read as one table of rows in the order of publishing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from auditlib.engine.embedded.arrays import Ints, load
from auditlib.engine.embedded.strings import Strings


class Parts:
    """All parts of a run; `starts` tells at which row each begins, and how many rows there are."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        counts = [len(load(folder / "occurred.npy")) for folder in folders]
        self.starts: Ints = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def column(self, name: str) -> Ints:
        """A column of numbers, of all rows."""
        return np.concatenate([load(folder / f"{name}.npy") for folder in self.folders])

    def columns(self, name: str) -> list[Ints]:
        """A column of numbers, part by part."""
        return [load(folder / f"{name}.npy") for folder in self.folders]

    def texts(self, name: str) -> list[Strings]:
        """Texts, part by part."""
        return [Strings(folder, name) for folder in self.folders]

    def place(self, row: int) -> tuple[int, int]:
        """The part that a row is in, and its number there."""
        part = int(np.searchsorted(self.starts, row, "right")) - 1
        return part, row - int(self.starts[part])

    def take(self, arrays: Sequence[pa.LargeStringArray], rows: Ints, renamed: Mapping[int, str]) -> pa.LargeStringArray:
        """Texts of rows in any order, gathered part by part; some rows have another one."""
        owners = np.searchsorted(self.starts, rows, "right") - 1
        pieces, places = [], []
        for owner in np.unique(owners):
            mine = np.flatnonzero(owners == owner)
            pieces.append(arrays[owner].take(pa.array(rows[mine] - self.starts[owner])))
            places.append(mine)
        if not pieces:
            return pa.array([], pa.large_string())
        taken = pieces[0]
        if len(pieces) > 1:
            back = np.empty(len(rows), np.int64)
            back[np.concatenate(places)] = np.arange(len(rows))
            taken = pa.concat_arrays(pieces).take(pa.array(back))
        changed: Ints = np.flatnonzero(np.isin(rows, np.fromiter(renamed, np.int64, len(renamed)))) if renamed else np.empty(0, np.int64)
        if not len(changed):
            return taken
        texts = taken.to_pylist()
        for place in changed:
            texts[place] = renamed[int(rows[place])]
        return pa.array(texts, pa.large_string())
