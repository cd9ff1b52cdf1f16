"""Child processes of one database: started ahead, each for one person, and killed with all they may have started."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final

import pyarrow as pa

from auditlib.errors import EngineError, QueryError, QueryRefusedError, QueryStoppedError, QueryTimeoutError
from auditlib.sandbox import frames
from auditlib.sandbox.question import Question, SqlResult

START_SECONDS: Final = 30.0
KEPT: Final = 2
"""Children kept after an answer."""

_MOST_QUESTION_BYTES: Final = 4 << 20
_UNREADABLE: Final = "The answer to the query cannot be read"
_ENDED: Final = "The query ended its process, which had reached a limit"
_ROOT: Final = str(Path(__file__).parents[2])
_START: Final = "import sys; sys.path.append(sys.argv.pop(1)); from auditlib.sandbox.child import main; main()"


class Child:
    """One child process, which opens the database of a descriptor."""

    def __init__(self, database: int, *, masked: bool) -> None:
        """Starts it; raises EngineError where that fails."""
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, _ROOT, str(database), "masked" if masked else "plain"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                pass_fds=(database,), env={}, cwd="/", start_new_session=True, bufsize=0,
            )  # fmt: skip
        except OSError as error:
            raise EngineError(f"A process for the query cannot be started: {error.strerror}") from error
        self._killing = threading.Lock()
        self._is_ready = False
        self.person = ""
        """Whose questions it answers."""

    def ask(self, question: Question, stopped: Callable[[], bool]) -> SqlResult:
        """The answer. When this raises anything but a refusal or an error of the query itself, the process is gone.

        Raises QueryRefusedError, QueryError, QueryTimeoutError; QueryStoppedError once `stopped` says so.
        """
        assert self.process.stdin and self.process.stdout
        message = pickle.dumps(question)
        if len(message) > _MOST_QUESTION_BYTES:
            raise QueryRefusedError(f"The query and its parameters have more than {_MOST_QUESTION_BYTES:,} bytes", reason="size")
        receiver = frames.Receiver(self.process.stdout.fileno(), 2 * question.max_bytes + (1 << 20))
        sound = False
        try:
            self._get_ready(receiver, stopped)
            started = monotonic()
            frames.send(self.process.stdin.fileno(), frames.QUESTION, message)
            pieces, said = _answer(receiver, started + question.timeout, stopped)
            if "kind" in said:
                sound = bool(said.get("again"))
                kind = QueryRefusedError if said["kind"] == "QueryRefusedError" else QueryError
                raise kind(str(said.get("sentence")), reason=str(said.get("reason")))
            result = SqlResult(_table(pieces), _limit_reached(said.get("truncated"), question), monotonic() - started)
            sound = bool(said.get("again"))
            return result
        except BrokenPipeError:
            raise QueryError(_ENDED, reason="ended") from None
        except InterruptedError:
            raise QueryStoppedError("The query was stopped") from None
        except TimeoutError:
            raise QueryTimeoutError(f"The query took longer than {question.timeout:g} seconds", seconds=question.timeout) from None
        finally:
            if not sound:
                self.kill()

    def _get_ready(self, receiver: frames.Receiver, stopped: Callable[[], bool]) -> None:
        """Waits until it has opened the database and locked itself."""
        if self._is_ready:
            return
        try:
            frame = receiver.next(monotonic() + START_SECONDS, stopped)
        except TimeoutError:
            raise EngineError(f"A process for the query was not ready after {START_SECONDS:g} seconds") from None
        if frame is None:
            raise EngineError("A process for the query ended before it was ready")
        self._is_ready = True

    @property
    def is_sound(self) -> bool:
        """Whether it can be asked again."""
        return self.process.poll() is None

    def kill(self) -> None:
        """Ends the process and its group, and waits until it is gone; a second time does nothing."""
        with self._killing:
            if self.process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                if stream and not stream.closed:
                    with suppress(OSError):
                        stream.close()


class Pool:
    """Keeps one child ready, and a few that have answered, each for the person it answered."""

    def __init__(self, database: int, *, masked: bool) -> None:
        self._database, self._masked = database, masked
        self._children: list[Child] = []
        self._lock = threading.Lock()
        self._closed = False
        weakref.finalize(self, _kill_all, self._children)

    def take(self, person: str) -> Child:
        """A child that has answered nobody else; raises EngineError where none can be started."""
        with self._lock:
            for gone in [child for child in self._children if not child.is_sound]:
                self._children.remove(gone)
                gone.kill()
            fitting = [child for child in self._children if child.person in ("", person)]
            child = max(fitting, key=lambda child: child.person, default=None)
            if child:
                self._children.remove(child)
        child = child or Child(self._database, masked=self._masked)
        child.person = person
        return child

    def give_back(self, child: Child) -> None:
        """Keeps a child that can be asked again, and sees to it that one is ready for the next person."""
        with self._lock:
            if child.is_sound:
                self._children.append(child)
            used = [each for each in self._children if each.person]
            if len(used) > KEPT:
                self._children.remove(used[0])
                used[0].kill()
        self.refill()

    def refill(self) -> None:
        """Starts a child where none is ready; it gets ready by itself."""
        with self._lock:
            if self._closed:
                _kill_all(self._children)
            elif all(child.person for child in self._children):
                self._children.append(Child(self._database, masked=self._masked))

    def close(self) -> None:
        """Ends those that nobody is asking."""
        with self._lock:
            self._closed = True
            _kill_all(self._children)


def _kill_all(children: list[Child]) -> None:
    while children:
        children.pop().kill()


def _answer(receiver: frames.Receiver, deadline: float, stopped: Callable[[], bool]) -> tuple[bytes, dict[str, Any]]:
    """The Arrow stream of an answer, and what is said of it."""
    pieces: list[bytes] = []
    while frame := receiver.next(deadline, stopped):
        kind, payload = frame
        if kind != frames.ROWS:
            return b"".join(pieces), _said(payload)
        pieces.append(payload)
    raise QueryError(_ENDED, reason="ended")


def _said(payload: bytes) -> dict[str, Any]:
    try:
        said = json.loads(payload)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise QueryError(_UNREADABLE, reason="answer")
    return said


def _table(stream: bytes) -> pa.Table:
    try:
        with pa.ipc.open_stream(stream) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise QueryError(_UNREADABLE, reason="answer") from error
    return table


def _limit_reached(which: object, question: Question) -> str:
    sentences: dict[object, str] = {
        "rows": f"Truncated: only the first {question.max_rows:,} rows are here.",
        "bytes": f"Truncated: only the first rows are here, which fill {question.max_bytes / (1 << 20):,.3g} MiB.",
    }
    return sentences.get(which, "")
