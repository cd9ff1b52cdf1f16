"""A visitor: speaks to the app over a websocket of its own, as a browser does, and draws nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final, Self

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

PATIENCE_SECONDS: Final = 120.0
ZONE: Final = "Europe/Berlin"
_SOUND: Final = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_EARLY_FOR_RERUN)


@dataclass(slots=True)
class Run:
    """What one run of a page brought.

    Attributes:
        seconds: from asking to the end of the run.
        texts: what it wrote, a paragraph each.
        faults: errors it showed, and whether the run did not end well.
    """

    seconds: float = 0.0
    texts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def note(self, told: ForwardMsg) -> None:
        """Takes in one message of the server."""
        if told.WhichOneof("type") == "script_finished" and told.script_finished not in _SOUND:
            self.faults.append(ForwardMsg.ScriptFinishedStatus.Name(told.script_finished))
        if told.WhichOneof("type") != "delta" or told.delta.WhichOneof("type") != "new_element":
            return
        element = told.delta.new_element
        match element.WhichOneof("type"):
            case "exception":
                self.faults.append(element.exception.message)
            case "alert" if element.alert.format == Alert.ERROR:
                self.faults.append(element.alert.body)
            case "markdown":
                self.texts.append(element.markdown.body)
            case "text":
                self.texts.append(element.text.body)


class Visitor:
    """One browser session; a context manager that connects and leaves.

    It raises OSError or WebSocketException where the server does not take it, TimeoutError where a run does not end.
    """

    def __init__(self, port: int) -> None:
        address = f"localhost:{port}"
        self._connection = connect(
            f"ws://{address}/_stcore/stream",
            origin=Origin(f"http://{address}"),
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
            open_timeout=PATIENCE_SECONDS,
        )

    def __enter__(self) -> Self:
        self._socket = self._connection.__enter__()
        return self

    def __exit__(self, *how: Any) -> None:
        self._connection.__exit__(*how)

    def ask(self, query: str = "", page: str = "audit") -> None:
        """Asks for a run of a page at a link's query string."""
        asked = BackMsg()
        asked.rerun_script.query_string = query
        asked.rerun_script.page_name = page
        asked.rerun_script.context_info.timezone = ZONE
        self._socket.send(asked.SerializeToString())

    def run(self, query: str = "", page: str = "audit") -> Run:
        """Asks for a page, and waits until its run is over, with those that it asks for itself."""
        start, run = time.perf_counter(), Run()
        self.ask(query, page)
        while True:
            raw = self._socket.recv(timeout=PATIENCE_SECONDS)
            told = ForwardMsg.FromString(raw if isinstance(raw, bytes) else raw.encode())
            run.note(told)
            if told.WhichOneof("type") == "script_finished" and told.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                run.seconds = time.perf_counter() - start
                return run
