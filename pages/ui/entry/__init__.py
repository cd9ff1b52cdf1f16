"""The body of the side panel: one event, whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..drawing import register

_COMPONENT: Final = register(Path(__file__).parent)


def entry(
    *,
    event: Mapping[str, Any],
    seal: str,
    key: str = "entry",
    on_pivot_change: Callable[[], None],
    on_step_change: Callable[[], None],
    on_reveal_change: Callable[[], None],
    on_copied_change: Callable[[], None],
) -> None:
    """Draws one event inside the side panel; what a person does arrives in `st.session_state[key]` before the callback runs.

    Trigger `pivot`: `{"parameter", "value", "exclude"}`, the filter a value was chosen for. Trigger `step`: 1 for the
    next entry of the list, -1 for the previous one. Triggers `reveal` and `copied`: as the table's.
    `seal` is what the second way of copying the link adds to it.

    The event: `id`, `position` ("12 of 214", or "" outside the list: no Previous and Next), `has_previous`, `has_next`,
    `actor`, `tag`, `initials`, `machine`, `role`, `email`, `actor_pivot` (optional), `when` and `zone` (the viewer's), `utc`,
    `recorded` (a few words on when it was logged, or ""), `known`, `action` (`label`, `tone`, `glyph`, `help`, `named`), `action_raw`,
    `outcome` (its label), `summary`, `facts`, `changes`, `changes_note`, `related`, `related_note`, `metadata`.
    Of `facts` and `related`: `label`, `lead` (optional, plain words before the value), `value`, `mono`, `copy` (what is
    copied; "" for no button), `pivot` (`[parameter, value]` or None), `note`, `status` ("", "verified", "conflict"),
    `leads` (optional: where the pivot leads, if it is no filter).
    Of `changes`: `field`, `raw_field`, and `before` and `after`, each a list of `{"text", "mark"}`, or None where that side
    was not recorded. `metadata`: as the table's details, with `tree` (a tree can be shown) and `sparse` (a sentence, or "").
    """
    _COMPONENT(
        key=key,
        data={**event, "seal": seal},
        on_pivot_change=on_pivot_change,
        on_step_change=on_step_change,
        on_reveal_change=on_reveal_change,
        on_copied_change=on_copied_change,
    )
