"""A client of the page's websocket: it runs pages of a server by their links, many on one connection, and reads what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

PATIENCE_SECONDS = 60


class Stream:
    """One connection, and with it one session; get one from `stream_to`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def send(self, raw: bytes) -> None:
        """Sends the bytes of a message as they are."""
        self._socket.send(raw)

    def run(self, page: str, pairs: list[tuple[str, str]], asked: BackMsg | None = None) -> list[bytes]:
        """Runs a page at a link, as a browser does that comes to it; gives every message until the run has ended, as bytes.

        `asked` is a message that asks for more than that, such as a fragment.
        """
        asked = asked or BackMsg()
        asked.rerun_script.query_string = urlencode(pairs, errors="surrogatepass")
        asked.rerun_script.page_name = page
        asked.rerun_script.context_info.timezone = "Europe/Berlin"
        self.send(asked.SerializeToString())
        received: list[bytes] = []
        while True:
            raw = self._socket.recv(PATIENCE_SECONDS)
            assert isinstance(raw, bytes)
            received.append(raw)
            message = ForwardMsg.FromString(raw)
            if message.WhichOneof("type") == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return received


@contextmanager
def stream_to(port: int, **headers: str) -> Iterator[Stream]:
    """A connection to the server on a port of this machine, with headers of its handshake, as long as the block lasts."""
    with connect(
        f"ws://localhost:{port}/_stcore/stream", subprotocols=[Subprotocol("streamlit")], additional_headers=headers, max_size=None
    ) as socket:
        yield Stream(socket)


def link_of(received: list[bytes]) -> str | None:
    """The query string that a run wrote into the address, the last one; None where it wrote none."""
    messages = map(ForwardMsg.FromString, received)
    written = [message.page_info_changed.query_string for message in messages if message.WhichOneof("type") == "page_info_changed"]
    return written[-1] if written else None
