"""Spark: a standalone master, workers and Spark Connect, each a process of its own on loopback, for tests and measurements."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HOME: Final = Path(sys.prefix) / "spark" / "pyspark"
"""Where `make` puts the package of PyPI that holds Spark itself."""
START_SECONDS: Final = 300.0


class NoSpark(Exception):
    """Spark or Java is not installed; the message says what is missing."""


@dataclass(slots=True)
class Cluster:
    """A running cluster: the URL of its Spark Connect, and its workers' processes."""

    url: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def kill_worker(self) -> None:
        """Kills a worker and its executors, as a machine that fails would."""
        worker = self.workers.pop()
        for child in _children(worker.pid):
            os.kill(child, 9)
        worker.kill()
        worker.wait()


@contextmanager
def cluster(folder: Path, *, workers: int = 2, cores: int = 1, memory: str = "2g") -> Iterator[Cluster]:
    """A cluster that keeps its files in a folder, and is gone afterwards.

    Raises NoSpark where Spark or Java is missing, TimeoutError where it does not start within five minutes.
    """
    if not (HOME / "jars").is_dir():
        raise NoSpark("Spark is not installed: run `make test-lake` once, which installs it")
    if shutil.which("java") is None:
        raise NoSpark("Java is not installed (Debian: apt-get install default-jre-headless)")
    folder.mkdir(parents=True, exist_ok=True)
    master, connect = _free_port(), _free_port()
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": connect, "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.executor.memory": memory,
        "spark.driver.memory": "2g", "spark.sql.session.timeZone": "UTC", "spark.sql.warehouse.dir": folder / "warehouse",
        "spark.local.dir": folder / "local", "spark.sql.shuffle.partitions": workers * cores * 2,
    }  # fmt: skip
    url = f"spark://127.0.0.1:{master}"
    with ExitStack() as stack:

        def start(name: str, *arguments: object) -> subprocess.Popen[bytes]:
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            command = ["bash", str(HOME / "bin" / "spark-class"), *map(str, arguments)]
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=_environment(folder), cwd=folder)
            stack.callback(_stop, process)
            return process

        start("master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", master, "--webui-port", 0)
        _await(master, "its master")
        found = Cluster(f"sc://127.0.0.1:{connect}")
        for number in range(workers):
            place = ("--cores", cores, "--memory", memory, "--work-dir", folder / f"work-{number}")
            found.workers.append(
                start(f"worker-{number}", "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", 0, *place, url)
            )
        options = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        service = "org.apache.spark.sql.connect.service.SparkConnectServer"
        start("connect", "org.apache.spark.deploy.SparkSubmit", "--class", service, "--master", url, *options, "spark-internal")
        _await(connect, "Spark Connect")
        yield found


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "SPARK_HOME": str(HOME), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder / "local"), "TZ": "UTC"}


def _stop(process: subprocess.Popen[bytes]) -> None:
    for child in _children(process.pid):
        os.kill(child, 9)
    process.kill()
    process.wait()


def _children(process: int) -> list[int]:
    """The processes that a process started, those below them first."""
    try:
        tasks = list(Path(f"/proc/{process}/task").glob("*/children"))
        below = [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:
        return []
    return [each for child in below for each in (*_children(child), child)]


def _await(port: int, what: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"Spark did not start: {what} does not listen")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
