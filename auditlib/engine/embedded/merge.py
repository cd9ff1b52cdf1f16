"""Parts into one segment: one total order for all events, and for each tab the positions of every value.

The order is the log's: time descending, event id descending, unknown times last. Identical repeats are
left out, later bodies of one id get a name of their own, and what is claimed twice is marked
(the contract's section 3: the first published wins).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditlib import vocabulary
from auditlib.engine.addresses import address_of
from auditlib.engine.embedded import strings
from auditlib.engine.embedded.arrays import UNKNOWN, Ints, create, grouped, load, narrowest, save
from auditlib.engine.embedded.encode import CODED, LISTED, PEOPLE
from auditlib.engine.embedded.strings import Strings
from auditlib.errors import CacheError
from auditlib.text import fold

SEGMENT_FORMAT: Final = "auditlib-segment/3"
MOST_EVENTS: Final = 2**32 - 1
FOLDED: Final = "resource_id"
_CHUNK: Final = 1 << 20
_LOW: Final = np.uint64(0xFFFFFFFF)

Step = Callable[[float], None]
"""Called with the share of the merge that is done."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """All parts as one run of rows, in the order of publishing."""

    folders: Sequence[Path]
    starts: Ints

    def __len__(self) -> int:
        return int(self.starts[-1])

    def column(self, name: str) -> Ints:
        return np.concatenate([load(folder / f"{name}.npy") for folder in self.folders]) if self.folders else np.empty(0, np.int64)

    def texts(self, name: str) -> list[Strings]:
        return [Strings(folder, name) for folder in self.folders]

    def place(self, row: int) -> tuple[int, int]:
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


@dataclass(slots=True)
class _Repeats:
    """What the rule on repeats decided: rows left out, new ids by row, rows in conflict."""

    dropped: Ints
    renamed: dict[int, str]
    conflicting: set[int]


def merge(folders: Sequence[Path], target: Path, step: Step) -> None:
    """Writes the segment of parts, given in the order of publishing, into a folder.

    Raises CacheError where there are more events than positions.
    """
    counts = [len(load(folder / "occurred.npy")) for folder in folders]
    parts = _Parts(folders, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
    if len(parts) > MOST_EVENTS:
        raise CacheError(f"There are {len(parts):,} events, more than the {MOST_EVENTS:,} that this engine can hold")
    occurred = parts.column("occurred")
    repeats = _repeats(parts)
    step(0.1)
    order = _order(parts, occurred, repeats)
    known = int(np.count_nonzero(occurred[order] != UNKNOWN))
    save(target / "negated.npy", -occurred[order[:known]])
    save(target / "origin.npy", order.astype(np.uint32))
    save(target / "part_starts.npy", parts.starts)
    _copy_digests(parts, target)
    step(0.25)
    codes = {name: _unify(parts, name, order, target) for name in CODED}
    step(0.4)
    lists = {name: _unify_lists(parts, name, order, target) for name in LISTED}
    step(0.5)
    tabs = _tabs(codes, target)
    jobs = len(tabs) * (len(CODED) + len(LISTED))
    for number, (tab, positions) in enumerate(tabs.items()):
        save(target / f"{tab}.npy", positions)
        member = np.zeros(len(order), bool)
        member[positions] = True
        for place, name in enumerate((*CODED, *LISTED)):
            _permute(target, tab, name, positions, member, codes.get(name), lists.get(name))
            step(0.5 + 0.35 * (number * (len(CODED) + len(LISTED)) + place) / jobs)
    _write_texts(parts, target, "event_id", order, repeats.renamed)
    step(0.93)
    _write_texts(parts, target, "details", order, {})
    save(target / "conflicts.npy", np.flatnonzero(np.isin(order, np.fromiter(repeats.conflicting, np.int64))).astype(np.uint32))
    about = {"format": SEGMENT_FORMAT, "events": len(order), "known": known, "duplicates": len(repeats.dropped)}
    (target / "about.json").write_text(json.dumps(about), encoding="utf-8")
    step(1.0)


def _repeats(parts: _Parts) -> _Repeats:
    digests = [load(folder / "digests.npy") for folder in parts.folders]

    def digest(row: int) -> bytes:
        part, place = parts.place(row)
        return bytes(digests[part][place])

    dropped: list[int] = []
    renamed: dict[int, str] = {}
    conflicting: set[int] = set()
    for event_id, rows in _claimed_twice(parts, "event_id"):
        first: dict[bytes, int] = {}
        for row in rows:
            body = digest(row)
            if body in first:
                dropped.append(row)
                continue
            first[body] = row
            if len(first) > 1:
                renamed[row] = f"{event_id}~{body.hex()[:12]}"
        if len(first) > 1:
            conflicting.update(first.values())
    gone = set(dropped)
    for _, rows in _claimed_twice(parts, "native"):
        kept = [row for row in rows if row not in gone]
        if len({digest(row) for row in kept}) > 1:
            conflicting.update(kept)
    return _Repeats(np.array(sorted(dropped), np.int64), renamed, conflicting)


def _claimed_twice(parts: _Parts, name: str) -> Iterator[tuple[str, list[int]]]:
    """Each text but the empty one that stands in more than one row, with those rows in the order of publishing."""
    texts = parts.texts(name)
    pairs = [load(folder / f"{name}.index.npy") + np.uint64(start) for folder, start in zip(parts.folders, parts.starts, strict=False)]
    keys = np.concatenate(pairs) if pairs else np.empty(0, np.uint64)
    keys.sort()
    hashes = keys >> np.uint64(32)
    same = np.flatnonzero(hashes[1:] == hashes[:-1])
    if not len(same):
        return
    filled = np.concatenate([np.diff(load(folder / f"{name}.offsets.npy")) > 0 for folder in parts.folders])
    for run in np.split(same, np.flatnonzero(np.diff(same) > 1) + 1):
        rows = (keys[run[0] : run[-1] + 2] & _LOW).astype(np.int64)
        if not hashes[run[0]]:
            rows = rows[filled[rows]]
        by_text: dict[str, list[int]] = {}
        for row in rows.tolist():
            part, place = parts.place(row)
            by_text.setdefault(texts[part][place], []).append(row)
        yield from ((text, claimed) for text, claimed in by_text.items() if len(claimed) > 1)


def _order(parts: _Parts, occurred: Ints, repeats: _Repeats) -> Ints:
    """The rows that are kept, in the log's total order."""
    kept = np.delete(np.arange(len(parts)), repeats.dropped)
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


def _by_id(parts: _Parts, repeats: _Repeats, rows: Ints, group: Ints) -> Ints:
    """Rows ordered by group ascending, and within it by event id descending."""
    if not len(rows):
        return rows
    ids = parts.take([texts.array() for texts in parts.texts("event_id")], rows, repeats.renamed)
    table = pa.table({"group": pa.array(group), "id": ids})
    ordered: Ints = rows[pc.sort_indices(table, [("group", "ascending"), ("id", "descending")]).to_numpy()]
    return ordered


def _copy_digests(parts: _Parts, target: Path) -> None:
    out = create(target / "digests.npy", np.uint8, (len(parts), 32))
    for folder, start in zip(parts.folders, parts.starts, strict=False):
        piece = load(folder / "digests.npy")
        out[start : start + len(piece)] = piece


def _dictionary(parts: _Parts, name: str, target: Path) -> tuple[list[Ints], int]:
    """Writes the distinct texts of all parts; returns from each part's codes to the common ones, and how many there are."""
    arrays = [texts.array() for texts in parts.texts(f"{name}.values")]
    if not arrays:
        arrays = [pa.array([], pa.large_string())]
    encoded = pa.concat_arrays(arrays).dictionary_encode()
    mapped = encoded.indices.to_numpy().astype(np.int64)
    count = strings.write(target, f"{name}.values", [encoded.dictionary])
    if name == FOLDED:
        strings.write(target, f"{name}.folded", _derived(encoded.dictionary, fold))
    if name == "ip":
        save(target / "ip.v4.npy", np.array([_v4(text) for text in encoded.dictionary.to_pylist()], np.int64))
    if name in PEOPLE:
        for suffix, of in (("ids", _id), ("names", _name), ("known", _known)):
            strings.write(target, f"{name}.{suffix}", _derived(encoded.dictionary, of))
        ids = Strings(target, f"{name}.ids").array()
        persons = pc.if_else(pc.equal(ids, ""), None, ids).dictionary_encode().indices.fill_null(-1)
        save(target / f"{name}.person.npy", persons.to_numpy(zero_copy_only=False).astype(np.int32))
        save(target / f"{name}.on_team.npy", np.array([_is_on_team(text) for text in encoded.dictionary.to_pylist()], bool))
    return np.split(mapped, np.cumsum([len(array) for array in arrays])[:-1])[: len(parts.folders)], count


def _unify(parts: _Parts, name: str, order: Ints, target: Path) -> tuple[Ints, int]:
    """Writes the codes of a column by position; returns them and how many values there are."""
    maps, count = _dictionary(parts, name, target)
    common = [
        np.concatenate([[0], mapped + 1]).astype(narrowest(count))[load(folder / f"{name}.codes.npy")]
        for folder, mapped in zip(parts.folders, maps, strict=True)
    ]
    codes = (np.concatenate(common) if common else np.empty(0, np.uint8))[order]
    save(target / f"{name}.npy", codes)
    if name in PEOPLE:
        save(target / f"{name}.events.npy", np.bincount(codes, minlength=count + 1))
    return codes, count


def _unify_lists(parts: _Parts, name: str, order: Ints, target: Path) -> tuple[Ints, Ints, int]:
    """Positions and common codes of every pair of an event and a value it holds, and how many values there are."""
    maps, count = _dictionary(parts, name, target)
    position = np.full(len(parts), -1, np.int64)
    position[order] = np.arange(len(order))
    rows = [load(folder / f"{name}.rows.npy") + start for folder, start in zip(parts.folders, parts.starts, strict=False)]
    codes = [mapped[load(folder / f"{name}.codes.npy")] for folder, mapped in zip(parts.folders, maps, strict=True)]
    places = position[np.concatenate(rows).astype(np.int64)] if rows else np.empty(0, np.int64)
    kept = places >= 0
    return places[kept], (np.concatenate(codes) if codes else np.empty(0, np.int64))[kept], count


def _tabs(codes: dict[str, tuple[Ints, int]], target: Path) -> dict[str, Ints]:
    """The positions on each tab."""
    types = Strings(target, "resource_type.values")
    interview = np.array([False, *(types[code] in vocabulary.INTERVIEW_TYPES for code in range(len(types)))])[codes["resource_type"][0]]
    team = np.concatenate([[False], load(target / "actor.on_team.npy")])[codes["actor"][0]] | ~interview
    return {
        vocabulary.INTERVIEWS: np.flatnonzero(interview).astype(np.uint32),
        vocabulary.TEAM: np.flatnonzero(team).astype(np.uint32),
    }


def _permute(
    target: Path,
    tab: str,
    name: str,
    positions: Ints,
    member: Ints,
    coded: tuple[Ints, int] | None,
    listed: tuple[Ints, Ints, int] | None,
) -> None:
    """Writes a tab's positions grouped by the values of one column."""
    if coded is not None:
        codes, count = coded
        ordered, starts = grouped(codes[positions], positions, count + 1)
    else:
        assert listed is not None
        places, values, count = listed
        mine = member[places]
        ordered, starts = grouped(values[mine] + 1, places[mine], count + 1)
    save(target / f"{tab}.by_{name}.npy", ordered)
    save(target / f"{tab}.by_{name}.starts.npy", starts)


def _write_texts(parts: _Parts, target: Path, name: str, order: Ints, renamed: dict[int, str]) -> None:
    arrays = [texts.array() for texts in parts.texts(name)]
    pieces = (parts.take(arrays, order[start : start + _CHUNK], renamed) for start in range(0, len(order), _CHUNK))
    strings.write(target, name, pieces)


def _derived(values: pa.LargeStringArray, of: Callable[[str], str]) -> Iterator[pa.LargeStringArray]:
    for start in range(0, len(values), _CHUNK):
        yield pa.array([of(text) for text in values.slice(start, _CHUNK).to_pylist()], pa.large_string())


def _v4(text: str) -> int:
    """An IPv4 address as a number; -1 for anything else."""
    address = address_of(text)
    return int(address) if address is not None and address.version == 4 else -1


def _is_on_team(person: str) -> bool:
    return bool(person) and any(role in vocabulary.TEAM_ROLES for role in json.loads(person)[3:4])


def _id(person: str) -> str:
    return (json.loads(person)[0] or "") if person else ""


def _name(person: str) -> str:
    return fold(json.loads(person)[1] or "") if person else ""


def _known(person: str) -> str:
    """What a person is found by: name, e-mail and id, folded, a line each."""
    if not person:
        return ""
    identity, name, *rest = json.loads(person)
    return fold("\n".join(part for part in (name, *rest[:1], identity) if part))
