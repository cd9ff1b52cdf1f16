"""The door of every connection: what a WebSocket is told by who may not read, signing out, and the way back from signing in."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import DecodeError
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.state.common import GENERATED_ELEMENT_ID_PREFIX
from streamlit.runtime.state.session_state import STREAMLIT_INTERNAL_KEY_PREFIX

from auditlib.access.principal import may_read
from auditlib.access.signed_out import sign_out
from pages import arrival, downloads
from pages.sign_in import Visitor, visitor_of

SIGN_OUT: Final = "/auth/logout"
_TAKEN: Final = frozenset({"rerun_script", "stop_script", "app_heartbeat"})
"""The messages that pages need; Streamlit would also clear caches, upload files and install things on request."""
_WIDGETS: Final = (GENERATED_ELEMENT_ID_PREFIX, STREAMLIT_INTERNAL_KEY_PREFIX)
"""How the ids of widgets begin, and of what components trigger."""


class Door:
    """ASGI middleware inside the gate: asks at each message of a WebSocket whether its person may read.

    Of who may not, every message asks for the page anew, with no widget, component or fragment used: no callback runs, and
    the router answers. Whoever visits Streamlit's own sign-out ends their sign-in everywhere.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._app(scope, _asked(receive, visitor_of(HTTPConnection(scope))), send)
            await run_in_threadpool(downloads.withdraw_abandoned)
            return
        if scope["type"] == "http":
            connection = HTTPConnection(scope)
            if response := arrival.way_back(connection):
                await response(scope, receive, send)
                return
            if scope["path"].endswith(SIGN_OUT) and (ended := visitor_of(connection).sign_in):
                await run_in_threadpool(sign_out, ended)
        await self._app(scope, receive, send)


def _asked(receive: Receive, who: Visitor) -> Receive:
    async def asked() -> Message:
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            sent = message.get("bytes")
            if sent is None:
                return {"type": "websocket.disconnect", "code": 1003}
            taken = admitted(sent, may_read=await run_in_threadpool(lambda: may_read(who())))
            if taken is not None:
                return {"type": "websocket.receive", "bytes": taken}

    return asked


def admitted(sent: bytes, *, may_read: bool) -> bytes | None:
    """What of a message is let in, or None for nothing; what is no message is left to Streamlit, which closes such a connection.

    Values of what is no widget are left out: Streamlit would take them for the page's own state, and fail to find them there.
    """
    message = BackMsg()
    try:
        message.ParseFromString(sent)
    except DecodeError:
        return sent
    kind = message.WhichOneof("type")
    if kind not in _TAKEN:
        return None
    if kind != "rerun_script":
        return sent
    if not may_read:
        for used in ("widget_states", "fragment_id", "is_auto_rerun"):
            message.rerun_script.ClearField(used)
    widgets = message.rerun_script.widget_states.widgets
    known = [each for each in widgets if each.id.startswith(_WIDGETS)]
    if len(known) < len(widgets):
        del widgets[:]
        widgets.extend(known)
    elif may_read:
        return sent
    taken: bytes = message.SerializeToString()
    return taken
