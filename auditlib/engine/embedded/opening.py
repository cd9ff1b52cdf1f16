"""Opening: the segment of what is served found, or built aside, and an engine over it."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from auditlib.engine.embedded.encode import encode_file
from auditlib.engine.embedded.merge import SEGMENT_FORMAT, merge
from auditlib.engine.embedded.query import EmbeddedEngine
from auditlib.engine.embedded.records import Records
from auditlib.engine.embedded.segment import Segment
from auditlib.engine.serving import Progress, Served, Serving
from auditlib.errors import CacheError
from auditlib.store import FileEntry

AT_ONCE: Final = 2
"""Files encoded at the same time."""

_SEAL: Final = "seal.json"


def open_engine(store: Path, progress: Progress | None = None) -> EmbeddedEngine:
    """An engine over a store's newest verified state; builds the segment where there is none for what is served.

    `progress` is called with a stage and how much of how much is done. Raises as `Serving` does, and
    CacheError where no segment can be built.
    """
    serving = Serving(store, progress)
    segment = serving.derive(lambda served: _sealed(_place(serving, served)) or _built(serving, served))
    serving.sweep("segment-*", keep=segment.folder.name)
    records = Records(segment, serving.reader(), [seq for seq, _ in serving.served.files])
    return EmbeddedEngine(segment, serving.head(segment), records)


def _place(serving: Serving, served: Served) -> Path:
    return serving.folder / f"segment-{served.key(SEGMENT_FORMAT)}"


def _built(serving: Serving, served: Served) -> Segment:
    """A segment built aside and renamed into place; a reader never sees half of one."""
    place = _place(serving, served)
    aside = place.with_name(f".build-{os.getpid()}-{uuid.uuid4().hex}")
    try:
        aside.mkdir(mode=0o700)
        folders = _encoded(aside, serving, served)
        target = aside / "segment"
        target.mkdir(mode=0o700)
        merge(folders, target, lambda share: serving.report("Sorting and indexing events", round(share * 1000), 1000))
        _seal(target)
        shutil.rmtree(place, ignore_errors=True)
        target.replace(place)
        return Segment(place)
    except OSError as error:
        raise CacheError(f"The events could not be prepared for reading: {error.strerror or 'the disk refused'}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _encoded(aside: Path, serving: Serving, served: Served) -> list[Path]:
    """The served files as parts, in the order of publishing."""
    total, done = sum(entry.rows for _, entry in served.files), 0

    def encode(number: int, entry: FileEntry) -> int:
        with serving.trust.open(serving.source, entry) as file:
            encode_file(file, aside / f"part-{number:05d}")
        return entry.rows

    serving.report("Reading events", 0, total)
    with ThreadPoolExecutor(AT_ONCE, "encode") as pool:
        jobs = [pool.submit(encode, number, entry) for number, (_, entry) in enumerate(served.files)]
        try:
            for job in as_completed(jobs):
                done += job.result()
                serving.report("Reading events", done, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [aside / f"part-{number:05d}" for number in range(len(jobs))]


def _sealed(place: Path) -> Segment | None:
    """The segment that was built before, or None where there is none, or a file of it was written to since."""
    try:
        seal = json.loads((place / _SEAL).read_text(encoding="ascii"))
        return Segment(place) if seal == _identities(place) else None
    except (OSError, ValueError, CacheError):
        return None


def _seal(folder: Path) -> None:
    """Notes which files there are and what they are, so that any write to them shows."""
    (folder / _SEAL).write_text(json.dumps(_identities(folder)), encoding="ascii")


def _identities(folder: Path) -> dict[str, list[int]]:
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name != _SEAL:
            status = path.stat(follow_symlinks=False)
            found[path.name] = [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    return found
