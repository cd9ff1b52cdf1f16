"""Text as people and searches read it: folding, shortening, and characters that cannot be seen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import Final

SHORT_ID: Final = 12
_HEAD, _TAIL = 8, 4

_UNSEEN: Final = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\uffff"
    "\U000e0000-\U000e0fff]"
)


def fold(text: str) -> str:
    """The form in which text is searched: NFC, then lower case, by this function alone.

    Stored strings and needle go through the same function, never through an engine's `lower`, whose
    idea of `İ` or `Σ` differs from engine to engine.
    """
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def short_id(text: str) -> str:
    """An id as the table shows it: whole up to 12 characters, else its first 8, `…` and its last 4."""
    return text if len(text) <= SHORT_ID + 1 else f"{text[:_HEAD]}…{text[-_TAIL:]}"


def visible(text: str) -> str:
    r"""Text with its bidirectional, zero-width and control characters written as `\u202e`.

    A name can then not turn the line around or look like another one (Unicode TR 36, "Bidirectional
    text spoofing"). Line breaks and tabs stay.
    """
    return _UNSEEN.sub(lambda match: _escape(match.group()), text)


def one_line(text: str, limit: int = 300) -> str:
    """Visible text on one line, cut with an ellipsis after `limit` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def html_table(names: Iterable[str], rows: Iterable[Iterable[object]], said: str = "") -> str:
    """A table for a notebook, with a sentence below it; every text in it is visible, on one line, and no markup."""
    head = "".join(f"<th>{escape(one_line(name, 60))}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{_html_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" + (f"<p>{escape(visible(said))}</p>" if said else "")


def _html_cell(value: object) -> str:
    if value is None:
        return "<i>null</i>"
    return escape(one_line(value.isoformat(" ") if isinstance(value, datetime) else str(value), 120))


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
