"""The overview above the table: events over time, and counts by value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..drawing import register

_COMPONENT: Final = register(Path(__file__).parent)


def overview(data: Mapping[str, Any], *, key: str, on_use: Callable[[], None]) -> None:
    """Draws the overview; what a person does arrives in `st.session_state[key]` before `on_use` runs.

    `data` is what `pages.ui.activity.payload` gives. Triggers: `fold`; `range` with the numbers of the `first` and the
    `last` bar and the `edges` they were drawn with; `compare`; `previous`; `by`, the key of what is to be counted; `expand`;
    `facet` with a `value` and what to `do` with it: `show`, `hide` or `drop`.
    """
    _COMPONENT(
        key=key,
        data=dict(data),
        on_fold_change=on_use,
        on_range_change=on_use,
        on_compare_change=on_use,
        on_previous_change=on_use,
        on_by_change=on_use,
        on_expand_change=on_use,
        on_facet_change=on_use,
    )
