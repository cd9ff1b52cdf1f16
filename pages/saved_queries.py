"""Queries that people kept: lines of JSON in the state folder, only ever added to; a forgotten one is a line that says so."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from threading import Lock
from typing import Final

from auditlib import settings
from auditlib.errors import CacheError

VERSION: Final = "auditlib-queries/1"
FILE: Final = "queries.jsonl"
MOST_NAME: Final = 80
_lock: Final = Lock()

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query under a name, with values for its parameters."""

    name: str
    sql: str
    parameters: Parameters


def saved(person: str) -> list[SavedQuery]:
    """What a person kept, by name. A line that was never finished counts for nothing.

    Raises CacheError where the file cannot be read, or a newer version wrote to it.
    """
    found: dict[str, SavedQuery] = {}
    for line in _lines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if said["format"] != VERSION:
            raise CacheError(f"The saved queries are of a newer version: expected {VERSION}", file=FILE)
        if said["person"] == person:
            found.pop(said["name"], None)
            if said["sql"] is not None:
                found[said["name"]] = SavedQuery(said["name"], said["sql"], tuple((name, value) for name, value in said["parameters"]))
    return sorted(found.values(), key=lambda query: query.name.casefold())


def save(person: str, query: SavedQuery) -> None:
    """Keeps a query for a person; one of the same name is replaced. Raises CacheError where it cannot be written."""
    _add(person, query.name[:MOST_NAME], query.sql, query.parameters)


def forget(person: str, name: str) -> None:
    """Forgets a person's query of a name. Raises CacheError where that cannot be written."""
    _add(person, name, None, ())


def _add(person: str, name: str, sql: str | None, parameters: Parameters) -> None:
    said = {"format": VERSION, "person": person, "name": name, "sql": sql, "parameters": parameters}
    line = json.dumps(said, separators=(",", ":")).encode() + b"\n"
    path = settings.state_folder() / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _lock:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, _ending(descriptor) + line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except OSError as error:
        raise CacheError(f"The query could not be kept: {error.strerror}", file=FILE) from error


def _ending(descriptor: int) -> bytes:
    """What ends a line before ours that was never finished."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def _lines() -> list[str]:
    path = settings.state_folder() / FILE
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise CacheError("The saved queries cannot be read", file=FILE) from error
