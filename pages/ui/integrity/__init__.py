"""The record at a glance: figures, the chain, a calendar of its days, and the table of snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..drawing import register

_COMPONENT: Final = register(Path(__file__).parent)


def integrity(*, record: Mapping[str, Any], key: str = "integrity", on_day_change: Callable[[], None]) -> None:
    """Draws what `payload.record` gives; what a person does arrives in `st.session_state[key]` before the callback runs.

    Trigger `day`: a day of the calendar that was chosen, `YYYY-MM-DD`.
    """
    _COMPONENT(key=key, data=dict(record), on_day_change=on_day_change)
