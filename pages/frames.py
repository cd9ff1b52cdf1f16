"""What goes over the websocket: nothing of where on the machine the app lies."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

_ROOT: Final = str(Path(__file__).resolve().parents[1]).encode()


class Frames:
    """ASGI middleware that takes the path of the script out of the message in which Streamlit tells it to every browser.

    That message comes first at each run (`new_session`); the browser shows the path to developers alone and needs none. No
    other message is touched: text of the record that names the same folder stays as it was recorded.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_without_path(message: Message) -> None:
            raw = message.get("bytes")
            if message["type"] == "websocket.send" and raw and _ROOT in raw:
                message = {**message, "bytes": without_path(raw)}
            await send(message)

        await self._app(scope, receive, send_without_path if scope["type"] == "websocket" else send)


def without_path(raw: bytes) -> bytes:
    """A message to the browser, of the script's path only the name."""
    said = ForwardMsg.FromString(raw)
    if said.WhichOneof("type") != "new_session":
        return raw
    said.new_session.main_script_path = Path(said.new_session.main_script_path).name
    shortened: bytes = said.SerializeToString()
    return shortened
