"""Building: the segment of a run of files, made by child processes; whoever reads meanwhile is not held up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from auditlib.engine.embedded import merge
from auditlib.engine.embedded.children import Children
from auditlib.engine.embedded.encode import IN_PROCESS_BYTES, encode_file
from auditlib.engine.embedded.segment import Segment
from auditlib.engine.serving import Serving
from auditlib.errors import CacheError
from auditlib.store import FileEntry

AT_ONCE: Final = 2
"""Files encoded at the same time."""

IN_PROCESS_FILES: Final = 32
"""What has more files is merged by a child, which may open more of them."""


def build_segment(serving: Serving, files: Sequence[FileEntry], earlier: Sequence[Segment], aside: Path) -> Path:
    """The folder of the segment of some files, built below another; `earlier` are the segments published before.

    Raises DamagedFileError for a file that cannot be loaded, CacheError where there are too many events, OSError
    where the disk refuses, and whatever reporting progress raises.
    """
    with Children() as children:
        parts = _encoded(serving, files, aside, children)
        target = aside / "segment"
        target.mkdir(mode=0o700)
        is_small = len(files) <= IN_PROCESS_FILES and sum(entry.bytes for entry in files) < IN_PROCESS_BYTES
        _merge(serving, parts, target, earlier, children, is_small=is_small)
    return target


def _encoded(serving: Serving, files: Sequence[FileEntry], aside: Path, children: Children) -> list[Path]:
    """The files as parts, in the order of publishing."""
    total, done = sum(entry.rows for entry in files), 0
    folders = [aside / f"part-{number:05d}" for number in range(len(files))]

    def encode(entry: FileEntry, folder: Path) -> int:
        with serving.trust.open(serving.source, entry) as file:
            encode_file(file, folder, children)
        return entry.rows

    serving.report("Reading events", 0, total)
    with ThreadPoolExecutor(AT_ONCE, "encode") as pool:
        jobs = [pool.submit(encode, entry, folder) for entry, folder in zip(files, folders, strict=True)]
        try:
            for job in as_completed(jobs):
                done += job.result()
                serving.report("Reading events", done, total)
        except BaseException:
            children.kill()
            pool.shutdown(cancel_futures=True)
            raise
    return folders


def _merge(
    serving: Serving, parts: Sequence[Path], target: Path, earlier: Sequence[Segment], children: Children, *, is_small: bool
) -> None:
    def step(share: float) -> None:
        serving.report("Sorting and indexing events", round(share * 1000), 1000)

    before, row = [], 0
    for segment in earlier:
        before.append((segment.folder, row))
        row += int(segment.part_starts[-1])
    if is_small:
        merge.merge(parts, target, before, step)
        return
    asked = target.with_name("asked.json")  # thousands of folders are more than arguments may hold
    asked.write_text(json.dumps([list(map(str, parts)), str(target), [(str(folder), first_row) for folder, first_row in before]]))
    problem = children.run(merge.__name__, [str(asked)], heard=lambda line: step(int(line) / 1000) if line.isdecimal() else None)
    if problem:
        raise CacheError(f"The events could not be prepared for reading: {problem}")
