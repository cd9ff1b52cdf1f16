"""Who asks the engine: one browser session, for as long as the run of its script is wanted."""

from __future__ import annotations

from contextlib import AbstractContextManager

from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

from auditlib.engine.turns import asking


def asking_as_session() -> AbstractContextManager[None]:
    """What is asked in the block is given up once the session wants another run, or its browser is gone."""
    context = get_script_run_ctx()
    requests = context.script_requests if context else None

    def is_waiting() -> bool:
        return requests is None or requests._state is ScriptRequestType.CONTINUE

    return asking(context.session_id if context else "", is_waiting)
