"""Cover: the runs of files whose segments together hold what is served, most of them sealed before.

A segment's name tells which files precede its run and which are in it, so that it is found again after more
was published, and never after anything before it changed. A new run takes in the runs before it that are
small beside it; there are few segments then, and an event is merged anew only a few times in its life.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from auditlib.store import FileEntry

TAKEN_IN: Final = 4
"""A run is taken into the next one while it has fewer than so many times its events."""
MOST_ROWS: Final = 20_000_000
"""Rows of one run, so that building it takes bounded memory; a single file may have more."""

_PREFIX: Final = "segment-"


@dataclass(frozen=True, slots=True)
class Run:
    """Files number `first` … `last - 1` of all that are served, and the name of their segment."""

    first: int
    last: int
    rows: int
    name: str


def cover(files: Sequence[FileEntry], form: str, present: Iterable[str], is_sealed: Callable[[str], bool]) -> list[Run]:
    """Runs that cover all files in order: those whose segments are present and sealed, then those still to be built.

    `form` is the format of segments; `present` are the names of what there is.
    """
    marks = _marks(files, form)

    def run(first: int, last: int) -> Run:
        return Run(first, last, sum(entry.rows for entry in files[first:last]), f"{_PREFIX}{marks[first]}-{marks[last]}")

    ends, numbers = defaultdict(list), {mark: number for number, mark in enumerate(marks)}
    for name in present:
        start, _, end = name.removeprefix(_PREFIX).partition("-")
        if start in numbers and end in numbers:
            ends[numbers[start]].append(numbers[end])
    runs: list[Run] = []
    at = 0
    while found := next((run(at, end) for end in sorted(ends[at], reverse=True) if is_sealed(run(at, end).name)), None):
        runs.append(found)
        at = found.last
    if at < len(files):
        while runs and _takes_in(run(at, len(files)).rows, runs[-1].rows):
            at = runs.pop().first
        runs += [run(first, last) for first, last in _chunks(files, at)]
    return runs


def _takes_in(rows: int, before: int) -> bool:
    return before < TAKEN_IN * rows and before + rows <= MOST_ROWS


def _chunks(files: Sequence[FileEntry], first: int) -> list[tuple[int, int]]:
    """Runs of the files from one on, each of as many as fit."""
    chunks, rows = [], 0
    for number in range(first, len(files)):
        if rows + files[number].rows > MOST_ROWS and number > first:
            chunks.append((first, number))
            first, rows = number, 0
        rows += files[number].rows
    return [*chunks, (first, len(files))]


def _marks(files: Sequence[FileEntry], form: str) -> list[str]:
    """A name for the first 0, 1, … of the files, in their order."""
    digest = hashlib.sha256(form.encode())
    marks = [digest.hexdigest()[:24]]
    for entry in files:
        digest.update(f"\n{entry.sha256} {entry.path}".encode())
        marks.append(digest.hexdigest()[:24])
    return marks
