"""nginx as `deploy/nginx.conf` sets it up, in front of a server of the app on this machine."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

import pytest
from browser.serving import free_port
from waiting import soon

ROOT = Path(__file__).resolve().parents[1]
NAME = "audit.elsewhere.test"
"""The host's public name, which browsers of the tests find on this machine."""

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_MAIN = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/main.error.log crit;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/audit-logs.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers in lower case as often as they came, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for each, value in self.headers if each == name]


class Proxy:
    """nginx in front of a port; a context manager. Skips the test where nginx or openssl is missing."""

    def __init__(self, folder: Path) -> None:
        nginx, openssl = (shutil.which(name, path=_PATH) for name in ("nginx", "openssl"))
        if not nginx or not openssl:
            pytest.skip("nginx or openssl is not on this machine; on Debian: apt-get install nginx openssl")
        self._nginx, self._openssl = nginx, openssl
        self.folder, self.certificate = folder, folder / "fullchain.pem"
        self.tls, self.plain = free_port(), free_port()
        self.base = f"https://{NAME}:{self.tls}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, app: int) -> Self:
        """Starts it in front of a port of this machine."""
        self.app = app
        self.folder.mkdir(parents=True, exist_ok=True)
        self._certify()
        (self.folder / "audit-logs.conf").write_text(self._configured(app), encoding="utf-8")
        (self.folder / "nginx.conf").write_text(_MAIN.format(folder=self.folder), encoding="utf-8")
        command = [self._nginx, "-p", str(self.folder), "-e", str(self.folder / "start.log"), "-c", str(self.folder / "nginx.conf")]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert soon(self._listens), self.logged()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()

    def ask(
        self, target: str, headers: Mapping[str, str] = MappingProxyType({}), *, method: str = "GET", body: bytes = b"", sni: str = NAME
    ) -> Answer:
        """The answer to one request over TLS; `sni` is the name that the certificate is asked for."""
        with self.connected(sni) as channel:
            connection = http.client.HTTPConnection(NAME, self.tls)
            connection.sock = channel
            connection.request(method, target, body or None, {"Host": f"{NAME}:{self.tls}", **headers})
            answer = connection.getresponse()
            return Answer(answer.status, tuple((name.lower(), value) for name, value in answer.getheaders()), answer.read())

    def connected(self, sni: str = NAME) -> ssl.SSLSocket:
        """A connection over TLS, its certificate checked."""
        return self.trusting().wrap_socket(socket.create_connection(("127.0.0.1", self.tls), 20), server_hostname=sni)

    def trusting(self) -> ssl.SSLContext:
        """What trusts the proxy's certificate and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def logged(self) -> str:
        """All that nginx has written to its logs."""
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(self.folder.glob("*.log")))

    def _configured(self, app: int) -> str:
        """The delivered file with what an operator puts in its place, and ports that a test may use."""
        text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        for written, own in {
            "audit.example.com": NAME,
            "listen 443 ssl": f"listen 127.0.0.1:{self.tls} ssl",
            "listen 80 ": f"listen 127.0.0.1:{self.plain} ",
            "/etc/ssl/audit-logs": str(self.folder),
            "/var/log/nginx": str(self.folder),
            "127.0.0.1:8501": f"127.0.0.1:{app}",
            "Host $host;": f"Host $host:{self.tls};",
            "client_header_timeout 10s": "client_header_timeout 1s",
        }.items():
            assert written in text, written
            text = text.replace(written, own)
        return text

    def _certify(self) -> None:
        command = [self._openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        command += ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
        command += ["-keyout", str(self.folder / "key.pem"), "-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True)

    def _listens(self) -> bool:
        assert self._process and self._process.poll() is None, self.logged()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.tls)) == 0
