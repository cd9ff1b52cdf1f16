"""The table of events: rows, badges, metadata opened in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..drawing import register

_COMPONENT: Final = register(Path(__file__).parent)


def event_table(
    *,
    rows: Sequence[Mapping[str, Any]],
    details: Mapping[str, Mapping[str, Any]],
    open_ids: Sequence[str],
    current: str,
    zone: str,
    key: str = "events",
    on_open_change: Callable[[], None],
    on_row_change: Callable[[], None],
    on_reveal_change: Callable[[], None],
    on_copied_change: Callable[[], None],
) -> None:
    """Draws one page of events; what a person does arrives in `st.session_state[key]` before the callback runs.

    State `open`: ids of the rows whose metadata is open. Trigger `row`: id of the row that was chosen. Trigger `reveal`:
    `{"id", "show"}`, whose secrets to show or to hide again. Trigger `copied`: a list of `[mark, id]`, one for each press of
    Copy in the last seconds; a mark comes again with later ones.
    `open_ids` is what is shown as open, `current` the id shown in the side panel ("" for none: the row
    gets the focus back), `zone` the header's name of the zone `day` and `time` are written in.

    A row: `id`, `day` and `time` (text in the viewer's zone), `known` (False: there is no usable time),
    `utc` (ISO 8601, shown on hover), `age` (optional, beside it), `actor`, `initials`, `machine`,
    `tag` (what tells the actor from others of the same look, or ""), `action` (`label`, `tone`, `glyph`, `help`, `named`),
    `type`, `resource_id`, `short`, `details`, `conflict`.
    Details, for open rows: `text` (as recorded), `pretty` (shown and copied), `lines`, `bytes`, `note`,
    `secrets` (how many values are secret), `revealed` (they are shown), `preview` (both texts are only the first part), `url`
    (where Download finds the recorded bytes, "" for none), `file_name`, `source`. An open row without them shows
    as loading; an empty `text` shows `note` alone.
    """
    _COMPONENT(
        key=key,
        data={
            "rows": [dict(row) for row in rows],
            "details": {event_id: dict(found) for event_id, found in details.items()},
            "open": list(open_ids),
            "current": current,
            "zone": zone,
        },
        default={"open": list(open_ids)},
        on_open_change=on_open_change,
        on_row_change=on_row_change,
        on_reveal_change=on_reveal_change,
        on_copied_change=on_copied_change,
    )
