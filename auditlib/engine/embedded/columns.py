"""Columns of a run: their distinct values, the value of each event, and for each tab the positions of every value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditlib import vocabulary
from auditlib.engine.addresses import address_of
from auditlib.engine.embedded import strings
from auditlib.engine.embedded.arrays import Ints, grouped, narrowest, save
from auditlib.engine.embedded.encode import PEOPLE
from auditlib.engine.embedded.parts import Parts
from auditlib.text import fold

FOLDED: Final = "resource_id"


@dataclass(frozen=True, slots=True)
class Coded:
    """The codes of a column: one for each position, or, with `positions`, one for each of these, which ascend."""

    codes: Ints
    values: int
    positions: Ints | None = None


def unify(parts: Parts, name: str, order: Ints, target: Path) -> Coded:
    """Writes the values of a column and the code of each position; `order` are the rows by position."""
    maps, count = _dictionary(parts, name, target)
    common = [
        np.concatenate([[0], mapped + 1]).astype(narrowest(count))[codes]
        for codes, mapped in zip(parts.columns(f"{name}.codes"), maps, strict=True)
    ]
    codes = np.concatenate(common)[order]
    save(target / f"{name}.npy", codes)
    if name in PEOPLE:
        save(target / f"{name}.events.npy", np.bincount(codes, minlength=count + 1))
    return Coded(codes, count)


def unify_lists(parts: Parts, name: str, order: Ints, target: Path) -> Coded:
    """Writes the values of a column in which an event has several, and gives all pairs of position and value."""
    maps, count = _dictionary(parts, name, target)
    rows = np.concatenate([rows + start for rows, start in zip(parts.columns(f"{name}.rows"), parts.starts, strict=False)])
    codes = np.concatenate(
        [(mapped + 1).astype(narrowest(count))[codes] for codes, mapped in zip(parts.columns(f"{name}.codes"), maps, strict=True)]
    )
    lengths = np.bincount(rows, minlength=len(parts))
    first = (np.cumsum(lengths) - lengths)[order]
    lengths = lengths[order]
    positions = np.repeat(np.arange(len(order), dtype=np.uint32), lengths)
    places = np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
    places += np.arange(len(places))
    return Coded(codes[places], count, positions)


def write_slices(target: Path, name: str, column: Coded, tabs: Mapping[str, Ints]) -> None:
    """Writes for each tab its positions grouped by the values of a column; `tabs` tell which positions are on each."""
    positions = np.arange(len(column.codes), dtype=np.uint32) if column.positions is None else column.positions
    for tab, is_member in tabs.items():
        mine = is_member[positions]
        ordered, starts = grouped(column.codes[mine], positions[mine], column.values + 1)
        save(target / f"{tab}.by_{name}.npy", ordered)
        save(target / f"{tab}.by_{name}.starts.npy", starts)


def _dictionary(parts: Parts, name: str, target: Path) -> tuple[list[Ints], int]:
    """Writes the distinct texts of all parts; returns from each part's codes to the common ones, and how many there are."""
    arrays = [texts.array() for texts in parts.texts(f"{name}.values")]
    encoded = pa.concat_arrays(arrays).dictionary_encode()
    values = encoded.dictionary
    strings.write(target, f"{name}.values", [values])
    if name in PEOPLE:
        _write_people(target, name, values)
    else:
        strings.write_index(target, f"{name}.values", strings.hashes_of(values))
    if name == FOLDED:
        strings.write(target, f"{name}.folded", [_folded(values)])
    if name == "ip":
        save(target / "ip.v4.npy", np.array([_v4(text) for text in values.to_pylist()], np.int64))
    mapped = encoded.indices.to_numpy().astype(np.int64)
    return np.split(mapped, np.cumsum([len(array) for array in arrays])[:-1]), len(values)


def _write_people(target: Path, name: str, values: pa.LargeStringArray) -> None:
    """What people are found by, and who of them is the same person, or a member of the team."""
    records = [json.loads(text) for text in values.to_pylist()]
    text = pa.large_string()
    ids = pa.array([record[0] or "" for record in records], text)
    strings.write(target, f"{name}.ids", [ids])
    strings.write_index(target, f"{name}.ids", strings.hashes_of(ids))
    strings.write(target, f"{name}.names", [_folded(pa.array([record[1] or "" for record in records], text))])
    known = ["\n".join(part for part in (record[1], *record[2:3], record[0]) if part) for record in records]
    strings.write(target, f"{name}.known", [_folded(pa.array(known, text))])
    persons = pc.if_else(pc.equal(ids, ""), None, ids).dictionary_encode().indices.fill_null(-1)
    save(target / f"{name}.person.npy", persons.to_numpy(zero_copy_only=False).astype(np.int32))
    save(target / f"{name}.on_team.npy", np.array([record[3:4] and record[3] in vocabulary.TEAM_ROLES for record in records], bool))


def _folded(values: pa.LargeStringArray) -> pa.LargeStringArray:
    """Each text as it is searched: what is ASCII by Arrow's lower case, which is the same for it, the rest by `fold`."""
    is_ascii = pc.string_is_ascii(values)
    others = pa.array([fold(text) for text in values.filter(pc.invert(is_ascii)).to_pylist()], pa.large_string())
    lowered = pc.ascii_lower(values)
    return pc.replace_with_mask(lowered, pc.invert(is_ascii), others) if len(others) else lowered


def _v4(text: str) -> int:
    """An IPv4 address as a number; -1 for anything else."""
    address = address_of(text)
    return int(address) if address is not None and address.version == 4 else -1
