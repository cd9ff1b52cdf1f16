"""What the tests of the import share: where the sample logs are, and a run that gives plain rows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from auditlib.ingest import Import, Summary, load_format
from auditlib.ingest.catalogue import Format
from auditlib.schema import SCHEMA

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[2] / "shared" / "data"


def import_files(format: str | Format, *paths: Path | str, **options: Any) -> tuple[list[dict[str, Any]], Summary]:
    """Every event of the files as a mapping of columns, and the summary."""
    run = Import(load_format(format) if isinstance(format, str) else format, paths, **options)
    rows: list[dict[str, Any]] = []
    for batch in run.batches():
        assert batch.schema == SCHEMA
        rows += batch.to_pylist()
    summary = run.summary
    assert summary.read == summary.published + summary.duplicates + summary.rejected
    assert summary.published == len(rows)
    return rows, summary


def import_text(folder: Path, format: str | Format, text: str | bytes, **options: Any) -> tuple[list[dict[str, Any]], Summary]:
    """The events of a text, which is written into a folder first."""
    path = folder / "sample"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return import_files(format, path, **options)


def lines_of(path: Path) -> list[bytes]:
    """The lines of a file that may be gzipped, blank ones left out."""
    data = path.read_bytes()
    data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    return [line for line in data.split(b"\n") if line.strip()]


def events_of(path: Path, key: str = "log") -> list[dict[str, Any]]:
    """The events of a file of JSON lines, out of the envelope they are in."""
    return [record[key] if isinstance(record.get(key), dict) else record for record in map(json.loads, lines_of(path))]


def present(*paths: Path) -> list[Path]:
    """Those of the paths that exist here."""
    return [path for path in paths if path.exists()]


def shared(pattern: str) -> list[Path]:
    """The full files of that pattern, none where they are not at hand."""
    return sorted(SHARED.glob(pattern)) if SHARED.is_dir() else []


def column(rows: Iterable[dict[str, Any]], name: str) -> list[Any]:
    """One column of rows."""
    return [row[name] for row in rows]
