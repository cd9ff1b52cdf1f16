"""The chips: one per active filter, each with its X, and Clear all."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from auditlib.lookalikes import tags
from auditlib.view import FILTERS, Chip
from pages.ui import session, text


def chips(active: Sequence[Chip]) -> None:
    """Draws the chips; the container is always there, also when it is empty, so that nothing below it moves identity."""
    with st.container(horizontal=True, key="chips", gap="small", vertical_alignment="center"):
        for place, (chip, said) in enumerate(words(active).items()):
            st.button(
                said,
                key="chip_incomplete" if chip.incomplete else f"chip_{place}_{chip.parameter}",
                icon=":material/close:",
                icon_position="right",
                help=f"Remove the filter {chip.label}",
                on_click=session.drop,
                args=(chip.parameter, chip.value),
            )
        if active:
            st.button("Clear all", key="clear_all", type="tertiary", on_click=session.clear_all)


def words(active: Sequence[Chip]) -> dict[Chip, str]:
    """Each chip as a label in Markdown; people who could be taken for one another are told apart."""
    told_apart = tags(_person(chip) for chip in active if _is_person(chip))
    said = {}
    for chip in active:
        name = chip.label if chip.incomplete else f":gray[{chip.label}]"
        tag = told_apart.get(_person(chip)) if _is_person(chip) else None
        said[chip] = f"{name} {text.label(chip.text)}" + (f" :gray[{text.label(tag)}]" if tag else "")
    return said


def _is_person(chip: Chip) -> bool:
    return chip.parameter in FILTERS and FILTERS[chip.parameter].person


def _person(chip: Chip) -> tuple[str, str]:
    """Id and name of the person a chip stands for, asked for or excluded."""
    if chip.value.startswith("!"):
        return chip.value[1:], chip.text.removeprefix("not ")
    return chip.value, chip.text
