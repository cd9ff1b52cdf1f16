"""Who asks the engine: one browser session, for as long as the run of its script is wanted, and when its page is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

from auditlib.engine.turns import asking
from pages.drawing import Place

_place: Final = Place()
_is_drawing: Final[ContextVar[bool]] = ContextVar("is_drawing", default=False)


@contextmanager
def asking_as_session() -> Iterator[None]:
    """Lets the block draw its page, or a part of it, when it is its turn; within such a block it is that already.

    What it asks is given up once the session wants another run, or its browser is gone.
    """
    if _is_drawing.get():
        yield
        return
    context = get_script_run_ctx()
    requests = context.script_requests if context else None

    def is_waiting() -> bool:
        return requests is None or requests._state is ScriptRequestType.CONTINUE

    with _place.held() as aside, asking(context.session_id if context else "", is_waiting, aside):
        token = _is_drawing.set(True)
        try:
            yield
        finally:
            _is_drawing.reset(token)
