"""Children: processes that do one piece of work with limits, and end with it or with whoever started them."""

from __future__ import annotations

import errno
import gc
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from types import TracebackType
from typing import Final, Self

from auditlib.processes import import_path

_CONTENT, _SYSTEM = 3, 4
_ALLOCATING: Final = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
}
"""Arrow and numpy share one heap, which keeps what they free: the kernel then clears half as many pages for them (glibc, mallopt(3))."""

Heard = Callable[[str], None]
"""Called with each line that a child writes, as it comes."""


class Children:
    """Runs modules as processes; those that still run when the block ends are killed."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    def kill(self) -> None:
        """Ends all that run; none can be started afterwards."""
        with self._lock:
            self._over = True
            for process in self._running:
                process.kill()

    def run(self, module: str, arguments: Sequence[str], *, pass_fds: Sequence[int] = (), heard: Heard | None = None) -> str:
        """Runs a module to its end; what it says is wrong with its input, or an empty text.

        Raises OSError where the system refused the child something (its disk, as a rule), or the child cannot be started.
        """
        environment = os.environ | _ALLOCATING | {"PYTHONPATH": import_path()}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            pass_fds=pass_fds, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with process:
            with self._lock:
                self._running.add(process)
                if self._over:
                    process.kill()
            assert process.stdout is not None
            line = ""
            for line in process.stdout:
                if heard:
                    heard(line.strip())
        with self._lock:
            self._running.discard(process)
        if process.returncode == _SYSTEM:
            raise OSError(int(line), os.strerror(int(line)))
        if process.returncode == _CONTENT:
            return line.strip()
        return "reading it took more memory or time than is allowed" if process.returncode else ""


def work(job: Callable[[], str], *, memory: int, seconds: int) -> None:
    """Does a child's job and exits: with what is wrong with its input, which the job returns, as the last line.

    `memory` bounds its own memory in bytes (mapped files do not count), `seconds` its processor time.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each mapped array of each part counts as an open file
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.meta_path.insert(0, _WithoutPandas())
    gc.disable()  # what a job makes holds no circles, and there is much of it to go through
    try:
        problem = job()
    except OSError as error:
        print(error.errno or errno.EIO)
        sys.exit(_SYSTEM)
    if problem:
        print(problem)
    sys.exit(_CONTENT if problem else 0)


class _WithoutPandas(MetaPathFinder):
    """Hides pandas, which pyarrow imports, a third of a second, as soon as it makes an array of anything."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=fullname)


def _end_with_parent() -> None:
    """Waits for the end of the input, which is the end of the parent."""
    os.read(0, 1)
    os._exit(1)
