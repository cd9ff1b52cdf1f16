"""The launcher: `streamlit run app.py` serves the Audit Logs app."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from pages.door import Door  # noqa: E402
from pages.frames import Frames  # noqa: E402
from pages.server import Gate, report_error, routes  # noqa: E402

app = st.App(
    ROOT / "pages" / "router.py",
    routes=routes(),
    middleware=[Middleware(Gate), Middleware(Door), Middleware(Frames)],
    on_script_error=report_error,
)
