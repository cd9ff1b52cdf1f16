"""The records of a source: each with its line, its exact bytes and its value, or why it is none.

Three layouts of JSON give the same records: one value per line, arrays, and objects that hold the array
under a wrapper key. A record's bytes are cut from the source by offset, so what is kept is what was
written. Bytes that are not UTF-8 are read as surrogate escapes, which lose nothing.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from json.decoder import JSONDecodeError
from typing import Any, Final, NamedTuple

from auditlib.ingest.scan import DECODER, TEXT_LIMIT, Document, Found, why
from auditlib.ingest.source import CHUNK

RECORD_LIMIT: Final = 64 << 20
"""Length of the longest record that is read; a longer one is rejected, and what follows it is read on."""

_SPACE: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_QUOTED_LINES: Final = 1_000  # a quoted CSV field that runs on for longer is a quote that was never closed

_Line = tuple[int, bytes | None]


class Record(NamedTuple):
    """One record: the line it starts on, its bytes as in the source, its parsed value."""

    line: int
    raw: bytes
    value: Any


class Reject(NamedTuple):
    """One record that is none: the line it starts on, why, and the first TEXT_LIMIT characters of it."""

    line: int
    reason: str
    text: str


def read_json(chunks: Iterable[bytes], wrapper: frozenset[str] = frozenset(), *, limit: int = RECORD_LIMIT) -> Iterator[Record | Reject]:
    """The records of JSON text, whichever layout it has; `wrapper` are keys whose array holds the records."""
    head, chunks = _peeked(chunks)
    if _is_document(head.decode("utf-8", "surrogateescape"), wrapper):
        pieces = codecs.iterdecode(chunks, "utf-8", "surrogateescape")
        return _from_document(Document(pieces, wrapper, limit), 1)
    return _from_lines(chunks, wrapper, limit, 1)


class Block(NamedTuple):
    """Whole lines: the number of the first, and their bytes. A line that is too long has a byte too many, the rest is left out."""

    line: int
    data: bytes


def begins_lines(chunks: Iterable[bytes], wrapper: frozenset[str]) -> tuple[bool, Iterator[bytes]]:
    """Whether text is one JSON value per line, which can be read block by block; and the text."""
    head, chunks = _peeked(chunks)
    is_json = head.lstrip(_SPACE)[:1] == b"{"
    return is_json and not _is_document(head.decode("utf-8", "surrogateescape"), wrapper), chunks


def blocks(chunks: Iterable[bytes], size: int, *, limit: int = RECORD_LIMIT) -> Iterator[Block]:
    """The text cut into blocks of whole lines that have about a size; white space alone is no block."""
    line = 1
    kept: list[bytes] = []
    held = rest = 0  # bytes kept, and those of them behind the last line break
    for chunk in (long[at : at + size] for long in chunks for at in range(0, len(long), size)):
        end = chunk.rfind(b"\n") + 1
        if not end and rest > limit:
            continue
        kept.append(chunk)
        held += len(chunk)
        rest = len(chunk) - end if end else rest + len(chunk)
        if held < size or rest == held:
            continue
        data = b"".join(kept)
        whole = data[: held - rest]
        if not whole.isspace() or whole.strip(_SPACE):
            yield Block(line, whole)
        line += whole.count(b"\n")
        kept = [data[held - rest :]]
        held = rest
    data = b"".join(kept)
    if data.strip(_SPACE):
        yield Block(line, data)


def read_block(block: Block, wrapper: frozenset[str], *, limit: int = RECORD_LIMIT) -> Iterator[Record | Reject]:
    """The records of whole lines."""
    return _from_lines((block.data,), wrapper, limit, block.line)


def read_csv(
    chunks: Iterable[bytes], delimiter: str = ",", columns: tuple[str, ...] = (), *, limit: int = RECORD_LIMIT
) -> Iterator[Record | Reject]:
    """The records of CSV text: a value is a mapping of column name to cell, empty cells left out.

    The first record names the columns unless `columns` does. A quoted field may hold line breaks.
    """
    csv.field_size_limit(limit)
    _, chunks = _peeked(chunks)
    names = columns
    for line, raw in _csv_records(_lines(chunks, limit), limit):
        if raw is None:
            yield Reject(line, _too_long(limit), "")
            continue
        text = raw.decode("utf-8", "surrogateescape")
        try:
            cells = next(csv.reader([text], delimiter=delimiter), [])
        except csv.Error as error:
            yield Reject(line, f"not CSV: {error}", text[:TEXT_LIMIT])
            continue
        if not names:
            names = tuple(cells)
        elif len(cells) != len(names):
            yield Reject(line, f"{len(cells)} fields where the header names {len(names)}", text[:TEXT_LIMIT])
        else:
            yield Record(line, raw, {name: cell for name, cell in zip(names, cells, strict=True) if cell})


def read_either(
    chunks: Iterable[bytes], wrapper: frozenset[str], delimiter: str, *, limit: int = RECORD_LIMIT
) -> Iterator[Record | Reject]:
    """The records of text that is JSON where it begins with a brace or bracket, CSV otherwise."""
    head, chunks = _peeked(chunks)
    if head.lstrip(_SPACE)[:1] in (b"{", b"["):
        return read_json(chunks, wrapper, limit=limit)
    return read_csv(chunks, delimiter, limit=limit)


def _peeked(chunks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The beginning of the text without a byte order mark, and all of it."""
    rest = iter(chunks)
    head = b""
    while len(head) < CHUNK and (chunk := next(rest, None)) is not None:
        head += chunk
    head = head.removeprefix(_BOM)
    return head, chain((head,) if head else (), rest)


def _is_document(head: str, wrapper: frozenset[str]) -> bool:
    """Whether text is JSON documents rather than lines: it opens an array, or an object that runs over several lines."""
    text = head.lstrip()
    if text.startswith("["):
        return True
    first, _, rest = text.partition("\n")
    if not text.startswith("{") or _is_object(first):
        return False
    if wrapper:
        opened = rf'"(?:{"|".join(map(re.escape, sorted(wrapper)))})"\s*:\s*\['
        if re.match(rf"\{{\s*{opened}", text) or re.search(rf"{opened}\s*$", first):
            return True
    return _goes_on(first) and not _is_object(rest.lstrip().partition("\n")[0])


def _goes_on(line: str) -> bool:
    """Whether a line is the beginning of a JSON value that the next line may continue."""
    try:
        DECODER.decode(line)
    except JSONDecodeError as error:
        return error.pos >= len(line.rstrip()) or len(line) >= CHUNK // 2
    except (ValueError, RecursionError):
        return False
    return False


def _is_object(line: str) -> bool:
    try:
        return type(DECODER.decode(line)) is dict
    except RecursionError:
        return True
    except ValueError:
        return False


def _from_document(document: Document, first_line: int) -> Iterator[Record | Reject]:
    for item in document.records():
        line = item.line + first_line - 1
        if isinstance(item, Found):
            yield Record(line, item.text.encode("utf-8", "surrogateescape"), item.value)
        else:
            yield Reject(line, item.reason, item.text)


def _from_lines(chunks: Iterable[bytes], wrapper: frozenset[str], limit: int, first_line: int) -> Iterator[Record | Reject]:
    decode = DECODER.raw_decode
    for number, line in _lines(chunks, limit, first_line):
        if line is None:
            yield Reject(number, _too_long(limit), "")
            continue
        raw = line.strip(_SPACE)
        if not raw:
            continue
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("utf-8", "surrogateescape")
        try:
            value, end = decode(text, 0)
        except (ValueError, RecursionError) as error:
            yield Reject(number, why(error), text[:TEXT_LIMIT])
            continue
        if end != len(text):
            yield Reject(number, "not JSON: more text after the value", text[:TEXT_LIMIT])
        elif type(value) is list or (wrapper and type(value) is dict and any(type(value.get(key)) is list for key in wrapper)):
            yield from _from_document(Document([text], wrapper, limit), number)
        else:
            yield Record(number, raw, value)


def _too_long(limit: int) -> str:
    return f"longer than {limit} bytes"


def _lines(chunks: Iterable[bytes], limit: int, number: int = 1) -> Iterator[_Line]:
    """Each line with its number; None for one longer than the limit."""
    kept: list[bytes] = []
    size = 0
    for chunk in chunks:
        first, *lines = chunk.split(b"\n")
        size += len(first)
        if size <= limit:
            kept.append(first)
        if not lines:
            continue
        yield number, b"".join(kept) if size <= limit else None
        last = lines.pop()
        for line in lines:
            number += 1
            yield number, line if len(line) <= limit else None
        number += 1
        size = len(last)
        kept = [last] if size <= limit else []
    if size:
        yield number, b"".join(kept) if size <= limit else None


def _csv_records(lines: Iterator[_Line], limit: int) -> Iterator[_Line]:
    """Each CSV record with the line it starts on: lines joined until their quotes close, blank ones left out."""
    ahead: deque[_Line] = deque()

    def following() -> _Line | None:
        return ahead.popleft() if ahead else next(lines, None)

    while first := following():
        number, line = first
        if line is None:
            yield first
            continue
        if not line.strip(_SPACE):
            continue
        parts = [line]
        looked_at: list[_Line] = []
        size, is_open = len(line), line.count(b'"') % 2
        while is_open and size <= limit and len(looked_at) < _QUOTED_LINES and (another := following()):
            looked_at.append(another)
            if another[1] is None:
                break
            parts.append(another[1])
            size += len(another[1]) + 1
            is_open ^= another[1].count(b'"') % 2
        if is_open:
            ahead.extendleft(reversed(looked_at))
            parts = [line]
        yield number, b"\n".join(parts).removesuffix(b"\r")
