"""Opening: the segments of what is served found, the missing ones built aside, and an engine over them."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Final

from auditlib.engine.embedded.build import build_segment
from auditlib.engine.embedded.cover import Run, cover
from auditlib.engine.embedded.layers import Layers
from auditlib.engine.embedded.merge import SEGMENT_FORMAT
from auditlib.engine.embedded.query import EmbeddedEngine
from auditlib.engine.embedded.records import Records
from auditlib.engine.embedded.segment import Segment
from auditlib.engine.serving import Progress, Served, Serving
from auditlib.errors import CacheError
from auditlib.location import Location
from auditlib.store import FileEntry

_SEAL: Final = "seal.json"


def open_engine(store: Location, progress: Progress | None = None) -> EmbeddedEngine:
    """An engine over a store's newest verified state; builds segments for what none holds yet.

    Raises and reports as `open_layers` does.
    """
    serving, layers = open_layers(store, progress)
    records = Records(layers, serving.reader(), [seq for seq, _ in serving.served.files])
    return EmbeddedEngine(layers, serving.head(layers), records)


def open_layers(store: Location, progress: Progress | None = None) -> tuple[Serving, Layers]:
    """What of a store is served, and its events in the log's order; builds segments for what none holds yet.

    `progress` is called with a stage and how much of how much is done; what it raises ends the building.
    Raises as `Serving` does, and CacheError where a segment cannot be built.
    """
    serving = Serving(store, progress)
    segments = serving.derive(lambda served: _segments(serving, served))
    serving.sweep("segment-*", keep=tuple(segment.folder.name for segment in segments))
    return serving, Layers(segments)


def _segments(serving: Serving, served: Served) -> list[Segment]:
    """The segments of all that is served, in the order of publishing."""
    files = [entry for _, entry in served.files]
    present = [path.name for path in serving.folder.glob("segment-*")]
    runs = cover(files, SEGMENT_FORMAT, present, lambda name: _sealed(serving.folder / name) is not None)
    segments: list[Segment] = []
    for run in runs:
        segments.append(_sealed(serving.folder / run.name) or _built(serving, run, segments, files))
    return segments


def _built(serving: Serving, run: Run, earlier: list[Segment], files: list[FileEntry]) -> Segment:
    """A segment built aside and renamed into place; a reader never sees half of one."""
    place = serving.folder / run.name
    aside = place.with_name(f".build-{os.getpid()}-{uuid.uuid4().hex}")
    try:
        aside.mkdir(mode=0o700)
        made = build_segment(serving, files[run.first : run.last], earlier, aside)
        _seal(made)
        shutil.rmtree(place, ignore_errors=True)
        made.replace(place)
        return Segment(place)
    except OSError as error:
        raise CacheError(f"The events could not be prepared for reading: {error.strerror or 'the disk refused'}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


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
