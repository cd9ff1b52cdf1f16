"""The drawing code the components share, and the one way a component is registered.

A component is a folder with `<name>.html`, `<name>.css` and `<name>.js`; the shared sources of this
folder stand before its own. There is no build step and nothing is fetched from elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

_HERE: Final = Path(__file__).parent
_SCRIPTS: Final = ("dom.js", "json.js", "metadata.js")
_STYLES: Final = ("base.css",)


def script(folder: Path) -> str:
    """The JavaScript of the component in `folder`, the shared functions first: one module, as the browser gets it."""
    return _joined(*(_HERE / name for name in _SCRIPTS), folder / f"{folder.name}.js")


def style(folder: Path) -> str:
    """The CSS of the component in `folder`, the shared tokens and parts first."""
    return _joined(*(_HERE / name for name in _STYLES), folder / f"{folder.name}.css")


def register(folder: Path) -> ComponentRenderer:
    """The mount function of the component in `folder`; call it once per component, at module level.

    Raises OSError when one of the three source files is not there.
    """
    return st.components.v2.component(
        f"audit_{folder.name}",
        html=_joined(folder / f"{folder.name}.html"),
        css=style(folder),
        js=script(folder),
    )


def _joined(*files: Path) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
