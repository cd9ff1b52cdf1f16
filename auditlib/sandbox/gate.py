"""The gate: which statements are answered at all, decided on the tree that DuckDB's own parser makes of them.

A statement passes where it is one SELECT, names no table but `events` and what it defines itself, and calls no
function that is not listed in `allowed`. Everything else is refused with one sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from auditlib.errors import QueryError, QueryRefusedError
from auditlib.sandbox.allowed import SCALAR, TABLE
from auditlib.sandbox.messages import plain, without_paths
from auditlib.text import one_line

TABLE_NAME: Final = "events"
LONGEST_TEXT: Final = 64 << 10
DEEPEST: Final = 200

Node = dict[str, Any]

_REFERENCES: Final = frozenset(
    {"BASE_TABLE", "COLUMN_DATA", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SHOW_REF", "SUBQUERY", "TABLE_FUNCTION"}
)
_QUERIES: Final = frozenset({"CTE_NODE", "RECURSIVE_CTE_NODE", "SELECT_NODE", "SET_OPERATION_NODE"})
_SHOWN: Final = frozenset({"DESCRIBE", "SUMMARY"})
_LITERAL: Final = re.compile(
    r"""'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|--[^\n]*|/\*.*?(?:\*/|\Z)|(\$(?:[^\W\d]\w*)?\$).*?(?:\1|\Z)""", re.DOTALL
)
"""Strings, quoted names and comments; one that is never closed reaches to the end, so that each character is looked at once."""
_EXPLAIN: Final = re.compile(r"\s*EXPLAIN\s+(?=(SELECT|WITH|FROM|VALUES|TABLE)\b)", re.IGNORECASE)


def check_text(text: str) -> None:
    """What can be said of a query before any parser sees it.

    Raises QueryRefusedError where it is empty, longer than 64 KiB in UTF-8, holds NUL or half a surrogate pair, or is nested
    deeper than 200 brackets.
    """
    if not text.strip():
        raise QueryRefusedError("There is no query: expected one SELECT statement", reason="empty")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise QueryRefusedError("The query holds half a surrogate pair, which is no character", reason="characters") from None
    if size > LONGEST_TEXT:
        raise QueryRefusedError(f"The query has {size:,} bytes: expected at most {LONGEST_TEXT:,}", reason="size", size=size)
    if "\x00" in text:
        raise QueryRefusedError("The query holds a NUL character", reason="characters")
    depth = deepest = 0
    for character in _LITERAL.sub(" ", text):
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise QueryRefusedError(f"The query is nested {deepest:,} brackets deep: expected at most {DEEPEST}", reason="depth")


def without_explain(text: str) -> tuple[str, bool]:
    """The statement, and whether its plan is asked for in place of its answer; `EXPLAIN` with anything behind it stays, and is refused."""
    found = _EXPLAIN.match(text)
    return (text[found.end() :], True) if found else (text, False)


def check_statement(text: str, serialize: Callable[[str], str]) -> None:
    """Refuses what is not one harmless SELECT; `serialize` gives the JSON of `json_serialize_sql`.

    Raises QueryRefusedError with a `reason`, and QueryError for what is no SQL at all.
    """
    try:
        answer = json.loads(serialize(text))
    except RecursionError:
        raise QueryRefusedError("The query is nested too deeply", reason="depth") from None
    if answer["error"]:
        message = str(answer["error_message"])
        if answer["error_type"] != "not implemented":
            raise QueryError(f"The query cannot be read: {plain(message)}", reason="syntax")
        hint = " (for PIVOT write SELECT … FROM (PIVOT … ON … IN (…) USING …))" if text.lstrip()[:5].upper() == "PIVOT" else ""
        raise QueryRefusedError(f"Only a SELECT statement is answered{hint}", reason="statement")
    statements = answer["statements"]
    if len(statements) != 1:
        found = "none" if not statements else f"{len(statements)}"
        raise QueryRefusedError(f"Expected one SELECT statement, found {found}", reason="statements")
    try:
        _walk(statements[0], frozenset({TABLE_NAME}))
    except RecursionError:
        raise QueryRefusedError("The query is nested too deeply", reason="depth") from None


def _walk(value: Any, tables: frozenset[str]) -> None:
    """Checks a part of the tree where these tables can be seen."""
    if isinstance(value, list):
        for each in value:
            _walk(each, tables)
    elif isinstance(value, dict):
        if "cte_map" in value:
            tables = _defined(value, tables)
        _check(value, tables)
        for key, each in value.items():
            if key == "function" and value.get("type") == "TABLE_FUNCTION":
                _check_function(each, TABLE)
                _walk(list(each.values()), tables)
            elif key == "right" and value.get("type") == "RECURSIVE_CTE_NODE":
                _walk(each, tables | {_folded(value["cte_name"])})  # only there its name means what it defines
            elif key != "cte_map":
                _walk(each, tables)


def _defined(node: Node, tables: frozenset[str]) -> frozenset[str]:
    """The tables that can be seen below a node: with those of its own WITH, each of which sees the earlier ones."""
    for entry in node["cte_map"]["map"]:
        _walk(entry["value"], tables)
        tables = tables | {_folded(entry["key"])}
    return tables


def _check(node: Node, tables: frozenset[str]) -> None:
    kind = node.get("type")
    if "function_name" in node:
        _check_function(node, SCALAR)
    elif "modifiers" in node and kind not in _QUERIES:
        raise QueryRefusedError("Only a SELECT statement is answered", reason="statement")
    elif "sample" in node and "modifiers" not in node:
        _check_reference(node, tables)


def _check_reference(node: Node, tables: frozenset[str]) -> None:
    kind = str(node["type"])
    if kind not in _REFERENCES:
        raise QueryRefusedError(f"A query cannot read from {one_line(kind, 40)}", reason="table")
    if kind == "SHOW_REF" and not (node.get("show_type") in _SHOWN and node.get("query")):
        raise QueryRefusedError("The catalogue cannot be listed: DESCRIBE events shows the columns", reason="catalog")
    if kind == "BASE_TABLE":
        path = _path(node)
        if len(path) > 1 or _folded(path[0]) not in tables:
            name = one_line(without_paths(".".join(path)), 80)
            raise QueryRefusedError(f"There is no table {name}: expected {TABLE_NAME}, or one that the query defines", reason="table")
        if node.get("at_clause"):
            raise QueryRefusedError("The events have no other version: leave out AT", reason="table")


def _check_function(node: Node, allowed: frozenset[str]) -> None:
    path = _path(node)
    if len(path) > 1 or _folded(path[0]).replace(" ", "_") not in allowed:
        name = one_line(without_paths(".".join(path)), 60)
        raise QueryRefusedError(f"The function {name} cannot be called here", reason="function", function=name)


def _path(node: Node) -> list[str]:
    return [str(part) for part in node["qualified_name"]["path"]]


def _folded(name: str) -> str:
    """A name as DuckDB compares names: the letters of ASCII without case, every other one as it is."""
    return str(name).encode().lower().decode()
