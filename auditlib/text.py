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

_PICTURE: Final = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_MARK: Final = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_UNSEEN: Final = re.compile(
    "([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200c\u200e\u200f\u2028-\u202f\u205f-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\uffff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    f"|\u200d(?<![{_PICTURE}\ufe0f]\u200d)|\u200d(?![{_PICTURE}])"
    f"|[\ufe0e\ufe0f](?<![{_PICTURE}0-9#*][\ufe0e\ufe0f])"
    f"|{_MARK}(?<={_MARK * 4}))"
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
    text spoofing"). Line breaks and tabs stay, and so do the joiners and selectors inside a picture of several
    characters; of marks that are piled on one letter, those from the fourth on are written out.
    """
    return _UNSEEN.sub(lambda match: _escape(match.group()), text)


def parted(text: str) -> list[str]:
    """The pieces of a text: by turns what can be seen, perhaps nothing, and one character that cannot."""
    return _UNSEEN.split(text)


def one_line(text: str, limit: int = 300) -> str:
    """Visible text on one line, cut with an ellipsis after `limit` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def shown_line(text: str, limit: int = 300) -> str:
    """Visible text as a page shows it: on one line, its line breaks as `↵`, cut with an ellipsis after `limit` characters."""
    return one_line(text.strip().replace("\n", "↵"), limit)


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
