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
from functools import lru_cache
from itertools import chain
from json.decoder import JSONDecodeError
from typing import Any, Final, Literal, NamedTuple

from auditlib.ingest.parse import DECODER, elements, value_of
from auditlib.ingest.scan import TEXT_LIMIT, Document, Found, why
from auditlib.ingest.source import CHUNK

RECORD_LIMIT: Final = 64 << 20
"""Length of the longest record that is read; a longer one is rejected, and what follows it is read on."""

SPACE: Final = b" \t\r\n"
"""The white space of JSON (RFC 8259, section 2)."""
_OPENED: Final = re.compile(rb'[ \t\r\n]*(?:\{[ \t\r\n]*"([A-Za-z0-9_.-]+)"[ \t\r\n]*:[ \t\r\n]*)?\[')
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
        return read_document(chunks, wrapper, limit=limit)
    return _from_lines(_lines(chunks, limit), wrapper, limit)


def read_document(
    chunks: Iterable[bytes], wrapper: frozenset[str], line: int = 1, *, limit: int = RECORD_LIMIT
) -> Iterator[Record | Reject]:
    """The records of JSON documents, the first of which begins on a line."""
    pieces = codecs.iterdecode(chunks, "utf-8", "surrogateescape")
    return _from_document(Document(pieces, wrapper, limit), line)


class Block(NamedTuple):
    """Some records: the line they begin on, and their bytes.

    They are whole lines, of which one that is too long has a byte too many, the rest left out; or, where `is_listed`, the
    elements of an array, as far as can be told without parsing them.
    """

    line: int
    data: bytes
    is_listed: bool = False


def layout(chunks: Iterable[bytes], wrapper: frozenset[str]) -> tuple[Literal["lines", "document"] | None, Iterator[bytes]]:
    """Whether text is JSON objects, one per line, or a JSON document, or neither; and the text."""
    head, chunks = _peeked(chunks)
    first = head.lstrip(SPACE)[:1]
    if first in (b"{", b"[") and _is_document(head.decode("utf-8", "surrogateescape"), wrapper):
        return "document", chunks
    return "lines" if first == b"{" else None, chunks


def blocks(chunks: Iterable[bytes], size: int, *, limit: int = RECORD_LIMIT) -> Iterator[Block]:
    """The text cut into blocks of whole lines that have about a size; white space alone is no block, unless a line may be too long."""
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
        if not whole.isspace() or whole.strip(SPACE) or len(whole) > limit:
            yield Block(line, whole)
        line += whole.count(b"\n")
        kept = [data[held - rest :]]
        held = rest
    data = b"".join(kept)
    if data.strip(SPACE) or len(data) > limit:
        yield Block(line, data)


def read_block(block: Block, wrapper: frozenset[str], *, limit: int = RECORD_LIMIT) -> Iterator[Record | Reject]:
    """The records of whole lines."""
    return _from_lines(enumerate(block.data.split(b"\n"), block.line), wrapper, limit)


def read_csv(
    chunks: Iterable[bytes], delimiter: str = ",", columns: tuple[str, ...] = (), *, limit: int = RECORD_LIMIT
) -> Iterator[Record | Reject]:
    """The records of CSV text: a value is a mapping of column name to cell, empty cells left out.

    The first record names the columns unless `columns` does. A quoted field may hold line breaks.
    """
    csv.field_size_limit(limit)
    _, chunks = _peeked(chunks)
    names = columns
    for line, raw in _csv_records(_lines(chunks, limit), delimiter, limit):
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
    if head.lstrip(SPACE)[:1] in (b"{", b"["):
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


def opening(text: bytes, wrapper: frozenset[str]) -> re.Match[bytes] | None:
    """How a text opens an array, by itself or as the first member of an object under a wrapper key, which is group 1."""
    found = _OPENED.match(text)
    return found if found and (found[1] is None or found[1].decode() in wrapper) else None


def closing(text: bytes, opened: re.Match[bytes]) -> int | None:
    """Where the array that a text opened ends, provided that nothing but the object around it ends behind it."""
    text = text.rstrip(SPACE)
    if opened[1] is not None:
        text = text[:-1].rstrip(SPACE) if text.endswith(b"}") else b""
    return len(text) - 1 if text.endswith(b"]") else None


def _from_document(document: Document, first_line: int) -> Iterator[Record | Reject]:
    for item in document.records():
        line = item.line + first_line - 1
        if isinstance(item, Found):
            yield Record(line, item.text.encode("utf-8", "surrogateescape"), item.value)
        else:
            yield Reject(line, item.reason, item.text)


def _from_lines(lines: Iterable[_Line], wrapper: frozenset[str], limit: int) -> Iterator[Record | Reject]:
    for number, line in lines:
        if line is None or len(line) > limit:
            yield Reject(number, _too_long(limit), "")
            continue
        raw = line.strip(SPACE)
        if not raw:
            continue
        try:
            value = value_of(raw)
        except (ValueError, RecursionError) as error:
            yield Reject(number, why(error), raw.decode("utf-8", "surrogateescape")[:TEXT_LIMIT])
            continue
        if type(value) is list or (wrapper and type(value) is dict and any(type(value.get(key)) is list for key in wrapper)):
            yield from _unrolled(raw, value, wrapper, limit, number)
        else:
            yield Record(number, raw, value)


def _unrolled(raw: bytes, value: Any, wrapper: frozenset[str], limit: int, number: int) -> Iterator[Record | Reject]:
    """The records of a line that holds several."""
    opened = opening(raw, wrapper)
    end = closing(raw, opened) if opened else None
    if opened and end is not None and (pieces := elements(raw[opened.end() : end])) is not None:
        values = value[opened[1].decode()] if opened[1] else value
        for piece, each in zip(pieces, values, strict=True):
            yield Record(number, piece, each)
    else:
        yield from _from_document(Document([raw.decode("utf-8", "surrogateescape")], wrapper, limit), number)


def _too_long(limit: int) -> str:
    return f"longer than {limit} bytes"


def _lines(chunks: Iterable[bytes], limit: int) -> Iterator[_Line]:
    """Each line with its number, from 1; None for one longer than the limit."""
    kept: list[bytes] = []
    number, size = 1, 0
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


def _csv_records(lines: Iterator[_Line], delimiter: str, limit: int) -> Iterator[_Line]:
    """Each CSV record with the line it starts on: lines joined until their quotes close, blank ones left out."""
    ahead: deque[_Line] = deque()
    fields, rest = _fields(delimiter)

    def following() -> _Line | None:
        return ahead.popleft() if ahead else next(lines, None)

    while first := following():
        number, line = first
        if line is None:
            yield first
            continue
        if not line.strip(SPACE):
            continue
        parts = [line]
        looked_at: list[_Line] = []
        size, is_open = len(line), b'"' in line and not fields.fullmatch(line)
        while is_open and size <= limit and len(looked_at) < _QUOTED_LINES and (another := following()):
            looked_at.append(another)
            if another[1] is None:
                break
            parts.append(another[1])
            size += len(another[1]) + 1
            is_open = not rest.fullmatch(another[1])
        if is_open:
            ahead.extendleft(reversed(looked_at))
            parts = [line]
        yield number, b"\n".join(parts).removesuffix(b"\r")


@lru_cache
def _fields(delimiter: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Whole fields, and the end of a quoted one with whole fields behind it; a quote inside a field that is not quoted means nothing."""
    sign = re.escape(delimiter.encode())
    other = b"[^%b]" % sign if delimiter.isascii() else b"(?:(?!%b).)" % sign
    quoted = b'(?:[^"]|"")*+"%b*+' % other
    fields = b'(?:"%b|(?!")%b*+)' % (quoted, other)
    whole, end = (re.compile(b"%b(?:%b%b)*+" % (first, sign, fields), re.DOTALL) for first in (fields, quoted))
    return whole, end
