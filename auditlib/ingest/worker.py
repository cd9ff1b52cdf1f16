"""Worker processes: blocks of lines mapped to parts on every core, given back in the order of the blocks.

Parent and worker exchange messages over the worker's standard input and output: the format first, then a block
and back its parts. A message is a pickle and the buffers it refers to (PEP 574), so that columns are not copied into
it; before them stand their lengths, and before these the length of that list (each 8 bytes, little endian). A worker
ends when its input does, also when the parent was killed.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib.abc import MetaPathFinder
from queue import SimpleQueue
from typing import IO, Any, Final

from auditlib.errors import IngestError
from auditlib.ingest.catalogue import Format
from auditlib.ingest.part import Part, parts_of
from auditlib.ingest.reader import Block
from auditlib.processes import import_path

_LENGTH: Final = 8
_MOST: Final = 8


def cores() -> int:
    """How many cores this process may use, at most 8; further workers would only wait for the one reader."""
    return min(_MOST, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class Workers:
    """Some worker processes for one format, and a thread for each that talks to it; a context manager that ends them all."""

    def __init__(self, format: Format, count: int) -> None:
        """Starts the processes; raises IngestError where that fails."""
        environment = os.environ | {"PYTHONPATH": import_path()}
        self.processes: list[subprocess.Popen[bytes]] = []
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._ahead = 2 * count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="ingest")
        try:
            for _ in range(count):
                process = subprocess.Popen(
                    [sys.executable, "-P", "-c", "from auditlib.ingest.worker import main; main()"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
                )  # fmt: skip
                self.processes.append(process)
                _send(process.stdin, format)
                self._idle.put(process)
        except OSError as error:
            self.close()
            raise IngestError(f"A worker of the import cannot be started: {error.strerror or error}.") from None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every worker, also one that is at work."""
        for process in self.processes:
            process.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for process in self.processes:
            for stream in (process.stdin, process.stdout):
                with suppress(OSError):
                    stream and stream.close()
            process.wait()

    def parts(self, blocks: Iterable[Block]) -> Iterator[list[Part] | None]:
        """What `parts_of` gives for each block, in their order; raises IngestError where a worker ends before its work does."""
        pending: deque[Future[list[Part] | None]] = deque()
        for block in blocks:
            pending.append(self._threads.submit(self._asked, block))
            if len(pending) >= self._ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    def _asked(self, block: Block) -> list[Part] | None:
        process = self._idle.get()
        try:
            _send(process.stdin, block)
            answer: tuple[list[Part] | None] | None = _received(process.stdout)
        except OSError:
            answer = None
        finally:
            self._idle.put(process)
        if answer is None:
            raise IngestError("A worker of the import ended before its work was done; nothing is published.", worker=process.pid)
        return answer[0]


def _send(stream: IO[bytes] | None, message: Any) -> None:
    assert stream is not None
    apart: list[pickle.PickleBuffer] = []
    pieces: list[Any] = [pickle.dumps(message, pickle.HIGHEST_PROTOCOL, buffer_callback=apart.append)]
    pieces += (piece.raw() for piece in apart)
    lengths = struct.pack(f"<{len(pieces)}Q", *map(len, pieces))
    for piece in (len(lengths).to_bytes(_LENGTH, "little"), lengths, *pieces):
        stream.write(piece)
    stream.flush()


def _received(stream: IO[bytes] | None) -> Any:
    """The next message, None where the other side ended."""
    assert stream is not None
    size = int.from_bytes(stream.read(_LENGTH), "little")
    lengths = stream.read(size)
    if not size or len(lengths) < size:
        return None
    wanted = struct.unpack(f"<{size // _LENGTH}Q", lengths)
    message, *apart = map(stream.read, wanted)
    is_whole = len(message) + sum(map(len, apart)) == sum(wanted)
    return pickle.loads(message, buffers=apart) if is_whole else None


class _WithoutPandas(MetaPathFinder):
    """Says that pandas is not there: pyarrow would load it with its first array, for nothing, in every worker."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def main() -> None:
    """Answers blocks with their parts until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.meta_path.insert(0, _WithoutPandas())
    gc.set_threshold(100_000)  # events are trees: looking for cycles among them is time lost
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    format: Format = _received(questions)
    with suppress(BrokenPipeError):
        while (block := _received(questions)) is not None:
            _send(answers, (parts_of(format, block),))
