"""Parts into one segment: one total order for all events, and for each tab the positions of every value.

The order is the log's: time descending, event id descending, unknown times last. Identical repeats are
left out, later bodies of one id get a name of their own, and what is claimed twice is marked: see `repeats`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditlib import vocabulary
from auditlib.engine.embedded import strings
from auditlib.engine.embedded.arrays import UNKNOWN, Ints, create, load, save
from auditlib.engine.embedded.children import work
from auditlib.engine.embedded.columns import Coded, unify, unify_lists, write_slices
from auditlib.engine.embedded.encode import CODED, LISTED
from auditlib.engine.embedded.parts import Parts
from auditlib.engine.embedded.repeats import NO_NATIVE, Earlier, Repeats, repeats_of
from auditlib.errors import CacheError

SEGMENT_FORMAT: Final = "auditlib-segment/4"
MOST_EVENTS: Final = 2**32 - 1
CHILD_MEMORY: Final = 12 << 30
CHILD_SECONDS: Final = 7_200
AT_ONCE: Final = 2
"""Columns worked on at the same time."""
_CHUNK: Final = 1 << 20

Step = Callable[[float], None]
"""Called with the share of the merge that is done."""


def merge(folders: Sequence[Path], target: Path, earlier: Sequence[tuple[Path, int]], step: Step) -> None:
    """Writes the segment of a run into a folder: of its parts, in the order of publishing.

    `earlier` are the segments published before, each with the row at which it begins among all that is served.
    Raises CacheError where there are more events than positions.
    """
    parts = Parts(folders)
    if len(parts) > MOST_EVENTS:
        raise CacheError(f"There are {len(parts):,} events in one run, more than the {MOST_EVENTS:,} that a segment can hold")
    occurred = parts.column("occurred")
    repeats = repeats_of(parts, [Earlier(folder, first_row) for folder, first_row in earlier])
    step(0.1)
    order = _order(parts, occurred, repeats)
    known = int(np.count_nonzero(occurred[order] != UNKNOWN))
    save(target / "negated.npy", -occurred[order[:known]])
    save(target / "origin.npy", order.astype(np.uint32))
    save(target / "part_starts.npy", parts.starts)
    save(target / "conflicts.npy", np.flatnonzero(np.isin(order, _sorted(repeats.conflicting))).astype(np.uint32))
    save(target / "marks.npy", _sorted(repeats.marks))
    step(0.2)
    with ThreadPoolExecutor(AT_ONCE, "merge") as pool:
        columns: dict[str, Coded] = {}
        jobs: list[Callable[[], object]] = [
            *(partial(_unify, columns, unify, parts, name, order, target) for name in CODED),
            *(partial(_unify, columns, unify_lists, parts, name, order, target) for name in LISTED),
            partial(_write_ids, parts, order, repeats, target),
            partial(_write_texts, parts, order, target),
            partial(_write_natives, parts, order, target),
            partial(_copy_digests, parts, target),
        ]
        _all_done(pool, jobs, lambda share: step(0.2 + 0.5 * share))
        tabs = _tabs(columns, target)
        slices = [partial(write_slices, target, name, column, tabs) for name, column in columns.items()]
        _all_done(pool, slices, lambda share: step(0.7 + 0.3 * share))
    about = {"format": SEGMENT_FORMAT, "events": len(order), "known": known, "duplicates": len(repeats.dropped)}
    (target / "about.json").write_text(json.dumps(about), encoding="utf-8")


def _all_done(pool: ThreadPoolExecutor, jobs: Sequence[Callable[[], object]], step: Step) -> None:
    """Does the jobs; raises what the first that fails raises."""
    for number, _ in enumerate(pool.map(lambda job: job(), jobs), 1):
        step(number / len(jobs))


def _unify(
    columns: dict[str, Coded], how: Callable[[Parts, str, Ints, Path], Coded], parts: Parts, name: str, order: Ints, target: Path
) -> None:
    columns[name] = how(parts, name, order, target)


def _order(parts: Parts, occurred: Ints, repeats: Repeats) -> Ints:
    """The rows that are kept, in the log's total order."""
    kept = np.delete(np.arange(len(parts)), _sorted(repeats.dropped))
    known = kept[occurred[kept] != UNKNOWN]
    order = known[np.argsort(-occurred[known], kind="stable")]
    times = occurred[order]
    tied = np.zeros(len(order), bool)
    tied[1:] = times[1:] == times[:-1]
    tied[:-1] |= tied[1:]
    places = np.flatnonzero(tied)
    order[places] = _by_id(parts, repeats, order[places], -times[places])
    unknown = kept[occurred[kept] == UNKNOWN]
    return np.concatenate([order, _by_id(parts, repeats, unknown, np.zeros(len(unknown), np.int64))])


def _by_id(parts: Parts, repeats: Repeats, rows: Ints, group: Ints) -> Ints:
    """Rows ordered by group ascending, and within it by event id descending."""
    if not len(rows):
        return rows
    ids = parts.take([texts.array() for texts in parts.texts("event_id")], rows, repeats.renamed)
    table = pa.table({"group": pa.array(group), "id": ids})
    ordered: Ints = rows[pc.sort_indices(table, [("group", "ascending"), ("id", "descending")]).to_numpy()]
    return ordered


def _sorted(rows: set[int]) -> Ints:
    return np.array(sorted(rows), np.int64)


def _write_natives(parts: Parts, order: Ints, target: Path) -> None:
    """Writes the hashes of native ids, ascending, and at which positions they stand."""
    hashes = parts.column("native")[order]
    places = np.argsort(hashes, kind="stable")
    places = places[np.count_nonzero(hashes == NO_NATIVE) :]
    save(target / "native.npy", hashes[places])
    save(target / "native.places.npy", places.astype(np.uint32))


def _copy_digests(parts: Parts, target: Path) -> None:
    out = create(target / "digests.npy", np.uint8, (len(parts), 32))
    for folder, start in zip(parts.folders, parts.starts, strict=False):
        piece = load(folder / "digests.npy")
        out[start : start + len(piece)] = piece


def _write_ids(parts: Parts, order: Ints, repeats: Repeats, target: Path) -> None:
    """Writes the event ids by position, renamed where that was decided, and their index."""
    strings.write(target, "event_id", _taken(parts, "event_id", order, repeats.renamed))
    hashes = parts.column("event_id.crc")
    for row, name in repeats.renamed.items():
        hashes[row] = strings.hashes_of(pa.array([name], pa.large_string()))[0]
    strings.write_index(target, "event_id", hashes[order])


def _write_texts(parts: Parts, order: Ints, target: Path) -> None:
    strings.write(target, "details", _taken(parts, "details", order, {}))


def _taken(parts: Parts, name: str, order: Ints, renamed: dict[int, str]) -> Iterable[pa.LargeStringArray]:
    """Texts by position, a piece at a time."""
    arrays = [texts.array() for texts in parts.texts(name)]
    return (parts.take(arrays, order[start : start + _CHUNK], renamed) for start in range(0, len(order), _CHUNK))


def _tabs(columns: dict[str, Coded], target: Path) -> dict[str, Ints]:
    """Writes the positions on each tab; gives for each a flag for every position."""
    types = strings.Strings(target, "resource_type.values")
    is_interview = np.array([False, *(types[code] in vocabulary.INTERVIEW_TYPES for code in range(len(types)))])[
        columns["resource_type"].codes
    ]
    is_team = np.concatenate([[False], load(target / "actor.on_team.npy")])[columns["actor"].codes] | ~is_interview
    tabs = {vocabulary.INTERVIEWS: is_interview, vocabulary.TEAM: is_team}
    for tab, flags in tabs.items():
        save(target / f"{tab}.npy", np.flatnonzero(flags).astype(np.uint32))
    return tabs


def _main(folders: Sequence[str], target: str, earlier: Sequence[tuple[str, int]]) -> str:
    def say(share: float) -> None:
        print(round(share * 1000), flush=True)

    before = [(Path(folder), first_row) for folder, first_row in earlier]
    try:
        merge([Path(folder) for folder in folders], Path(target), before, say)
    except CacheError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    work(lambda: _main(*json.loads(Path(sys.argv[1]).read_text())), memory=CHILD_MEMORY, seconds=CHILD_SECONDS)
