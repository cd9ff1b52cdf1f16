"""The few lines of CSS that native elements need, and the brand."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import streamlit as st

_HERE: Final = Path(__file__).resolve().parent
_CSS: Final = (_HERE / "style.css").read_text(encoding="utf-8")


def apply() -> None:
    """Draws the brand and applies the style to the page."""
    st.logo(str(_HERE / "icon.png"), size="medium")
    st.html(f"<style>{_CSS}</style>")


def tab_counts(counts: tuple[int, ...], incomplete: bool) -> None:
    """Writes the number of matches behind each tab's name."""
    mark = "+" if incomplete else ""
    rules = [
        f'.st-key-tab [role="tab"]:nth-of-type({place})::after {{ content: "{number:,}{mark}"; }}' for place, number in enumerate(counts, 1)
    ]
    st.html(f"<style>{''.join(rules)}</style>")
