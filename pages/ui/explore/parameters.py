"""The parameters of a query, and the examples of the documentation: text in, names and values out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

_NO_CODE: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1", re.DOTALL)
_NAME: Final = re.compile(r"(?<![\w$])\$([A-Za-z_]\w{0,39})\b")
_EXAMPLE: Final = re.compile(r"^\*\*(.+?)\*\*[^\n]*\n\n```sql\n(.+?)^```", re.MULTILINE | re.DOTALL)
_GIVEN: Final = re.compile(r"^-- (\w+) = (.+)\n", re.MULTILINE)
_DOCUMENT: Final = Path(__file__).resolve().parents[3] / "docs" / "sql.md"


class Example(NamedTuple):
    """A question, the query that answers it, and values for its parameters."""

    title: str
    sql: str
    parameters: tuple[tuple[str, str], ...]


def parameters(sql: str) -> tuple[str, ...]:
    """The names of `$name` in a query, in order, each once; those in texts and comments do not count."""
    return tuple(dict.fromkeys(_NAME.findall(_NO_CODE.sub(" ", sql))))


def examples() -> list[Example]:
    """The questions that `docs/sql.md` answers; none where the document is not there."""
    document = _DOCUMENT.read_text(encoding="utf-8") if _DOCUMENT.is_file() else ""
    return [
        Example(title, _GIVEN.sub("", sql).strip(), tuple((name, value.strip()) for name, value in _GIVEN.findall(sql)))
        for title, sql in _EXAMPLE.findall(document)
    ]
