"""The schema beside the desk: the one table there is, its columns, and the functions that say what the page says."""

from __future__ import annotations

from html import escape
from typing import Final

import pyarrow as pa
import streamlit as st

from auditlib.sandbox.allowed import OWN
from auditlib.schema import SCHEMA

_JSON: Final = ("related", "changes", "metadata")


def schema(events: int) -> None:
    """Draws the table `events`, which has so many rows."""
    columns = "".join(f"<li><code>{escape(field.name)}</code><span>{_kind(field)}</span></li>" for field in SCHEMA)
    functions = "".join(f"<li><code>{escape(name)}()</code></li>" for name in OWN)
    st.html(
        f'<div class="schema"><p>Table</p><ul><li><b>events</b><span>{events:,} rows</span></li>{columns}</ul>'
        f"<p>Functions of this record</p><ul>{functions}</ul></div>"
    )


def _kind(field: pa.Field) -> str:
    if pa.types.is_timestamp(field.type):
        return "timestamptz"
    return "bigint" if pa.types.is_integer(field.type) else "json text" if field.name in _JSON else "text"
