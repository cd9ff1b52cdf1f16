"""The desk's own functions: what the page's filters mean, callable in SQL, and the masking of secrets.

They run the same Python functions as the page, on the distinct values of what DuckDB hands over, so that an answer in
SQL and the page cannot differ in them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType

from auditlib.engine.addresses import Network, is_inside, networks_of
from auditlib.metadata import masked
from auditlib.schema import COLUMNS
from auditlib.text import fold
from auditlib.vocabulary import resource_label

RECORDED: Final = "recorded"
"""The table of the derived database; queries see it through the view `events`."""

MASKED_COLUMNS: Final = ("changes", "metadata")

_TEXT: Final = pa.string()

_SUSPICIOUS: Final = (
    r"(?i)passw|passphrase|pwd|secret|token|passcode|authorization|cookie|credential|api[-_]?key|private[-_]?key|access[-_]?key"
    r"|signature|hashed|otp|\\u"
)
"""Found in every text that holds a secret-looking key, whatever way it is spelled: only those are looked into."""

_MACROS: Final = (
    "fold(x) AS CASE WHEN strlen(x) = length(x) THEN lower(x) ELSE _fold(x) END",
    "resource_label(x) AS _resource_label(x)",
    "in_network(x, network) AS coalesce(_in_network(x, network), false)",
    """changed_fields(x) AS CASE WHEN json_valid(x) THEN list_transform(
        list_filter(json_extract(x, '$[*].field'), lambda f: json_type(f) = 'VARCHAR'), lambda f: json_extract_string(f, '$')) END""",
    """related_ids(x) AS list_transform(
        list_filter(map_entries(try_cast(try_cast(x AS JSON) AS MAP(VARCHAR, JSON))),
            lambda e: json_type(e.value) IN ('VARCHAR', 'UBIGINT', 'BIGINT')),
        lambda e: e.key || ':' || json_extract_string(e.value, '$'))""",
)


def teach(connection: duckdb.DuckDBPyConnection, *, hide_secrets: bool) -> None:
    """Defines the desk's functions, and the view `events`; with `hide_secrets` values under secret-looking keys are dots in it."""
    for name, function in (("_fold", fold), ("_resource_label", resource_label), ("_mask", _mask)):
        connection.create_function(name, _on_distinct(function), ["VARCHAR"], "VARCHAR", type=PythonUDFType.ARROW)
    connection.create_function("_in_network", _in_network, ["VARCHAR", "VARCHAR"], "BOOLEAN", type=PythonUDFType.ARROW)
    for macro in _MACROS:
        connection.execute(f"CREATE TEMP MACRO {macro}")
    hidden = MASKED_COLUMNS if hide_secrets else ()
    columns = ", ".join(f"{_HIDDEN.format(name=name)} AS {name}" if name in hidden else name for name in COLUMNS)
    connection.execute(f"CREATE TEMP VIEW events AS SELECT {columns} FROM {RECORDED}")


_HIDDEN: Final = f"CASE WHEN regexp_matches({{name}}, '{_SUSPICIOUS}') THEN _mask({{name}}) ELSE {{name}} END"


def _mask(text: str) -> str:
    return masked(text)[0]


def _on_distinct(function: Callable[[str], Any], answer: pa.DataType = _TEXT) -> Callable[[Any], pa.Array]:
    """A function of texts as one of Arrow arrays, called once for each distinct text."""

    def of_arrays(texts: Any) -> pa.Array:
        encoded = _encoded(texts)
        return pa.array([function(text) for text in encoded.dictionary.to_pylist()], answer).take(encoded.indices)

    return of_arrays


def _in_network(texts: Any, networks: Any) -> pa.Array:
    names = networks.unique().to_pylist()
    if len(names) == 1 and names[0] is not None:
        return _on_distinct(lambda text: _is_in(text, names[0]), pa.bool_())(texts)
    pairs = zip(texts.to_pylist(), networks.to_pylist(), strict=True)
    return pa.array((None if None in pair else _is_in(*pair) for pair in pairs), pa.bool_())


@lru_cache(maxsize=100_000)
def _is_in(text: str, network: str) -> bool:
    return text == network or is_inside(text, _networks(network))


@lru_cache(maxsize=1_000)
def _networks(text: str) -> list[Network]:
    return networks_of([text])


def _encoded(texts: Any) -> pa.DictionaryArray:
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    encoded = whole.dictionary_encode()
    return encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
