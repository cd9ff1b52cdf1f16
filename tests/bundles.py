"""Evidence bundles taken apart and put together again, as a forger would who knows how they are written."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from auditlib.evidence.archive import ArchiveWriter, write_sums

SELF = ("SHA256SUMS", "query.json", "VERIFY.md", "report.html")
"""What the digest of the content leaves out."""


def unpacked(path: Path) -> dict[str, bytes]:
    """The files of a bundle, in order."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, files: Mapping[str, bytes]) -> Path:
    """Writes files as a bundle is written, in order."""
    with path.open("wb") as file:
        archive = ArchiveWriter(file)
        for name, raw in files.items():
            archive.add(name, raw)
        archive.finish()
    return path


def forged(path: Path, files: Mapping[str, bytes]) -> Path:
    """Writes files as a bundle whose digests are all right."""
    content = {name: raw for name, raw in files.items() if name not in SELF}
    query = json.loads(files["query.json"])
    query["content_sha256"] = hashlib.sha256(_sums(content)).hexdigest()
    files = {**files, "query.json": json.dumps(query).encode()}
    sums = _sums({name: raw for name, raw in files.items() if name != "SHA256SUMS"})
    return packed(path, {**files, "SHA256SUMS": sums})


def _sums(files: Mapping[str, bytes]) -> bytes:
    return write_sums({name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()})
