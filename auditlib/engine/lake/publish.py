"""Publishing a lake table: verified snapshots become a partitioned table; a second time, only what is new or has changed.

Files are named by what they were made of: a snapshot file, and what was decided about repeats in it. The head comes last.
Events of newer snapshots than the head's are not answered from, so that a table may grow while it is read; where files
have to be replaced or removed, the head says so meanwhile, and the table is not answered from at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from auditlib.engine.base import Head
from auditlib.engine.embedded.layers import Layers
from auditlib.engine.embedded.opening import open_layers
from auditlib.engine.lake import events
from auditlib.engine.lake.events import Decisions
from auditlib.engine.lake.head import head_table, writing_table
from auditlib.engine.lake.layout import LAKE_FORMAT, width_for
from auditlib.engine.lake.output import HEAD_FILE, LakeFile, Output, Part
from auditlib.engine.serving import Progress, Serving
from auditlib.location import Location
from auditlib.store import FileEntry


@dataclass(frozen=True, slots=True)
class Done:
    """What a publication did: the head, parts written anew, parts that stayed, files and bytes of the table, files removed."""

    head: Head
    written: int
    kept: int
    files: int
    bytes: int
    removed: int


def publish_lake(store: Location, place: str, progress: Progress | None = None) -> Done:
    """Writes a store's newest verified state as a lake table, or brings the one that is there up to it.

    `place` is a folder, or a URI as `locate` takes it. `progress` is called with a stage and how many events of how
    many are done; what it raises ends the work, and the table is then as it was, or is finished by the next run. Raises as
    `open_layers` does, LakeError where the place cannot be used, and UnreachableError for an object store that does not answer.
    One publisher works on a place at a time.
    """
    report = progress or (lambda stage, done, total: None)
    serving, layers = open_layers(store, progress)
    output = Output(place)
    width, before = output.manifest()
    head = serving.head(layers)
    width = width or width_for(head.events, _days(layers))
    asked = {_key(entry, decided): (seq, entry, decided) for (seq, entry), decided in _decided(serving, layers)}
    kept = {key: part for key, part in before.items() if key in asked and output.has(part)}
    replaced = len(kept) < len(before)
    if replaced:
        output.write_table(HEAD_FILE, writing_table(head.seq))
    output.remove(output.stray(kept.values()))
    parts, done = [], 0
    total = sum(entry.rows for _, entry, _ in asked.values())
    for key, (seq, entry, decided) in asked.items():
        report("Writing events", done, total)
        parts.append(kept.get(key) or _written(output, key, serving, seq, entry, decided, width))
        done += entry.rows
    report("Writing the head", total, total)
    about = {**_about(layers), "width": width, "manifest_sha256": output.write_manifest(width, parts)}
    output.write_table(HEAD_FILE, head_table(head, dict(_manifests(serving)), about))
    files = [file for part in parts for file in part.files]
    removed = len([file for key, part in before.items() if key not in kept for file in part.files])
    return Done(head, len(parts) - len(kept), len(kept), len(files), sum(file.bytes for file in files), removed)


def _decided(serving: Serving, layers: Layers) -> Iterator[tuple[tuple[int, FileEntry], Decisions]]:
    return zip(serving.served.files, events.decisions(layers), strict=True)


def _key(entry: FileEntry, decided: Decisions) -> str:
    return sha256("\n".join([LAKE_FORMAT, entry.path, entry.sha256, decided.digest]).encode()).hexdigest()[:16]


def _written(output: Output, key: str, serving: Serving, seq: int, entry: FileEntry, decided: Decisions, width: int) -> Part:
    """The files of one snapshot file."""
    files: list[LakeFile] = []
    people = []
    with serving.trust.open(serving.source, entry) as file:
        for number, chunk in enumerate(events.chunks(file, decided, seq, width)):
            for period, tab, rows in events.slices(chunk):
                files.append(output.write_table(f"events/period={period}/tab={tab}/part-{key}-{number:04d}.parquet", rows))
            people.append(events.people_of(chunk))
    if people:
        files.append(output.write_table(f"people/part-{key}-0000.parquet", events.people(people, seq)))
    return Part(key, seq, tuple(files))


def _days(layers: Layers) -> int:
    """How many days the known times span."""
    return 1 + (layers.last - layers.first) // 86_400_000_000 if layers.last is not None and layers.first is not None else 1


def _about(layers: Layers) -> dict[str, Any]:
    """What a reader must know of all events before it asks."""
    segments = layers.segments
    return {
        "without_time": sum(segment.events - segment.known for segment in segments),
        "actions": sorted({action for segment in segments for action in segment.column("action").all()}),
        "resource_types": sorted({kind for segment in segments for kind in segment.column("resource_type").all()}),
    }


def _manifests(serving: Serving) -> Iterator[tuple[int, tuple[bytes, bytes | None]]]:
    for manifest in serving.served.chain.manifests:
        yield manifest.seq, (manifest.to_bytes(), serving.source.read_signature(manifest.seq))
