"""Documents cut into blocks, so that they can be read by several processes: `[…]`, or `{"Records": […]}` with nothing else in it.

A cut is guessed: before text that begins as the first record did, behind a comma. Whether it was right is known when the
block before it is parsed: it is when that is a list of values and no more. Where it was not, all that is left is read in
one go by the reader of documents, which also knows what to make of broken text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from auditlib.ingest.parse import elements, value_of
from auditlib.ingest.reader import SPACE, Block, Record, Reject, closing, opening, read_document

_BEGINNING: Final = re.compile(rb'[ \t\r\n]*(\{[ \t\r\n]*"[^"\\]+"[ \t\r\n]*:)')
_BETWEEN: Final = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\Z")
_LONGEST_GAP: Final = 256
_GUESSES: Final = 64
_BLOCKS_HELD: Final = 8


class GivenBackError(Exception):
    """A block that is no list of whole values; what it holds is for the reader of documents."""


class Listed:
    """A document to be cut; `blocks` is walked through once, and what it leaves is for `rest` unless all of it `is_cut`."""

    def __init__(self, chunks: Iterator[bytes], wrapper: frozenset[str], size: int) -> None:
        """Takes the text in chunks, the first of which tells of which kind it is, and the size that blocks should have."""
        self.is_cut = False
        self._chunks = chunks
        self._wrapper = wrapper
        self._size = size
        self._opening = b""
        self._line = 1
        self._left = b""

    def blocks(self) -> Iterator[Block]:
        """The blocks, none where the document is of another kind."""
        self._left = next(self._chunks, b"")
        opened = opening(self._left, self._wrapper)
        begins = opened and _BEGINNING.match(self._left, opened.end())
        if not opened or not begins:
            return
        self._opening = b'{"%b":[' % opened[1] if opened[1] else b"["
        self._line += opened[0].count(b"\n")
        self._left = self._left[opened.end() :]
        while chunk := next(self._chunks, b""):
            if len(self._left) > _BLOCKS_HELD * self._size:
                self._chunks = chain((chunk,), self._chunks)
                return
            self._left += chunk
            if len(self._left) >= self._size and (end := _end(self._left, begins[1])):
                yield self._block(end)
        closed = closing(self._left, opened)
        if closed is not None:
            self.is_cut = True
            yield self._block(closed)

    def rest(self, given_back: Iterable[Block] = ()) -> Iterator[Record | Reject]:
        """The records of blocks that were given back, all that were not read, and of what follows them."""
        blocks = iter(given_back)
        first = next(blocks, Block(self._line, b"", True))
        return read_document(self._text(chain((first,), blocks)), self._wrapper, first.line)

    def _text(self, blocks: Iterable[Block]) -> Iterator[bytes]:
        yield self._opening
        for block in blocks:
            yield block.data
        yield self._left
        yield from self._chunks

    def _block(self, end: int) -> Block:
        block = Block(self._line, self._left[:end], True)
        self._line += block.data.count(b"\n")
        self._left = self._left[end:]
        return block


def read_listed(block: Block) -> Iterator[Record]:
    """The records of a block of a document; raises GivenBackError, at any of them, where it is no list of whole values."""
    pieces = elements(block.data.rstrip(SPACE).removesuffix(b","))
    if pieces is None:
        raise GivenBackError
    line, at = block.line, 0
    for raw in pieces:
        start = block.data.index(raw, at)
        line += block.data.count(b"\n", at, start)
        at = start
        try:
            value = value_of(raw)
        except (ValueError, RecursionError):
            raise GivenBackError from None
        yield Record(line, raw, value)


def _end(text: bytes, beginning: bytes) -> int:
    """Where the last record begins, as far as can be told from here; 0 where none does."""
    at = len(text)
    for _ in range(_GUESSES):
        at = text.rfind(beginning, 0, at)
        if at <= 0:
            return 0
        if _BETWEEN.search(text, max(0, at - _LONGEST_GAP), at):
            return at
    return 0
