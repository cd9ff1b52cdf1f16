"""An S3 server on this machine, a line to it that can be disturbed, and buckets to look into and to tamper with.

The server is moto's: a stand-in that speaks S3 and checks neither credentials nor signatures; those are refused by the line.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from pyarrow import fs

KEY, SECRET = "AKIATESTTESTTESTTEST", "verySecretVerySecretVerySecret"
REGION = "eu-west-1"

Rule = Callable[[str, str], str | None]
"""What happens to a request, by method and path: `reset`, `hang`, `short`, `cut`, `flip`, a status, or `STATUS CODE`; None lets it pass."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class ObjectServer:
    """A moto server in a process of its own; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder

    def __enter__(self) -> ObjectServer:
        with (self._folder / "moto.log").open("wb") as log:
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert self._process.poll() is None and time.monotonic() < deadline, (self._folder / "moto.log").read_text()
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


class Line:
    """A line to a server, on which `rule` may disturb a request; `asked` are the requests it has seen. A context manager."""

    def __init__(self, port: int) -> None:
        self.rule: Rule = lambda method, path: None
        self.asked: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, port))
        self._server.daemon_threads = True
        self.port = self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Line:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def cut(self) -> None:
        """Nothing gets through any more."""
        self.rule = lambda method, path: "reset"

    def mend(self) -> None:
        """Everything gets through."""
        self.rule = lambda method, path: None

    def count(self, method: str, part: str) -> int:
        """How many requests of a method had something in their path."""
        return sum(each == method and part in path for each, path in self.asked)


def once(result: str, method: str, part: str, times: int = 1) -> Rule:
    """A rule that disturbs the first requests of a method with something in their path."""
    left = [times]

    def rule(asked: str, path: str) -> str | None:
        if left[0] and asked == method and part in path:
            left[0] -= 1
            return result
        return None

    return rule


def always(result: str, method: str = "", part: str = "") -> Rule:
    """A rule that disturbs every request of a method with something in its path."""
    return lambda asked, path: result if method in ("", asked) and part in path else None


class Bucket:
    """A bucket of the server, behind the line's back."""

    def __init__(self, port: int, name: str) -> None:
        self._fs = fs.S3FileSystem(
            access_key=KEY, secret_key=SECRET, region="us-east-1", endpoint_override=f"http://127.0.0.1:{port}", allow_bucket_creation=True
        )
        self.name = name
        self._fs.create_dir(name)

    def put(self, key: str, raw: bytes) -> None:
        with self._fs.open_output_stream(f"{self.name}/{key}") as stream:
            stream.write(raw)

    def get(self, key: str) -> bytes:
        with self._fs.open_input_stream(f"{self.name}/{key}") as stream:
            raw: bytes = stream.read()
        return raw

    def delete(self, key: str) -> None:
        self._fs.delete_file(f"{self.name}/{key}")

    def listed(self) -> list[str]:
        found = self._fs.get_file_info(fs.FileSelector(self.name, recursive=True))
        return sorted(info.path.partition("/")[2] for info in found if info.type == fs.FileType.File)

    def all(self) -> dict[str, bytes]:
        return {key: self.get(key) for key in self.listed()}


_MESSAGE: Final = f"the key {KEY} with {SECRET} is not welcome"


def _handler(line: Line, port: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self._body()
            path = unquote(self.path)
            line.asked.append((self.command, path))
            what = line.rule(self.command, path)
            if what == "reset":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            elif what == "hang":
                self.close_connection = True
                time.sleep(4)
            elif what and what[0].isdigit():
                status, _, code = what.partition(" ")
                error = f"<Error><Code>{code or 'InternalError'}</Code><Message>{_MESSAGE}</Message></Error>".encode()
                self._send(int(status), [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else error)
            else:
                self._forward(body, what)

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            raw = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return raw

        def _forward(self, body: bytes, what: str | None) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("transfer-encoding", "expect")}
            headers["Content-Length"] = str(len(body))
            server = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                server.request(self.command, self.path, body, headers)
                answer = server.getresponse()
                raw = answer.read()
            finally:
                server.close()
            kept = [
                (name, value)
                for name, value in answer.getheaders()
                if name.lower() not in ("transfer-encoding", "connection", "server", "date")
            ]
            if self.command != "HEAD":
                kept = [(name, value) for name, value in kept if name.lower() != "content-length"]
            if what == "short":  # the server says how long it is, and the line breaks half-way
                self.close_connection = True
                self._send(answer.status, [*kept, ("Content-Length", str(len(raw)))], raw[: len(raw) // 2])
                self.connection.shutdown(socket.SHUT_RDWR)
            elif what == "cut":  # something between says that half of it is all
                self._send(answer.status, kept, raw[: len(raw) // 2])
            elif what == "flip":
                self._send(answer.status, kept, bytes([raw[0] ^ 1]) + raw[1:])
            else:
                self._send(answer.status, kept, raw)

        def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if all(name.lower() != "content-length" for name, _ in headers):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass

    return Handler
