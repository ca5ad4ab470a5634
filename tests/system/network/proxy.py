"""A real nginx as a reverse proxy with TLS, its configuration changed as a test goes."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.lanes import SBIN
from tests.system.network.surroundings import lasting_port
from tests.waiting import eventually

_CONFIGURATION = """\
{user}
daemon off;
pid {root}/nginx.pid;
error_log {root}/error.log info;
worker_processes 1;
events {{}}
http {{
  log_format asked '$status $request_uri';
  access_log {root}/access.log asked;
  client_body_temp_path {root}/temp-body;
  proxy_temp_path {root}/temp-proxy;
  fastcgi_temp_path {root}/temp-fastcgi;
  uwsgi_temp_path {root}/temp-uwsgi;
  scgi_temp_path {root}/temp-scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {root}/server.pem;
    ssl_certificate_key {root}/server.key;
    location / {{
      {location}
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """What stays over restarts: where it listens, its certificate, its logs."""

    root: Path
    port: int

    @property
    def url(self) -> str:
        """By the name that the certificate has."""
        return f"https://localhost:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The CA that issued the certificate."""
        return self.root / "ca.pem"

    def asked(self, path: str, *, status: int | None = None) -> int:
        """Answers that ended so far, to requests whose path ends so. A stream is noted when it is over."""
        try:
            lines = (self.root / "access.log").read_text().splitlines()
        except FileNotFoundError:
            return 0
        return sum(line.endswith(path) and (status is None or line.startswith(f"{status} ")) for line in lines)

    @contextlib.contextmanager
    def running(self, location: str) -> Iterator[subprocess.Popen[bytes]]:
        """Nginx in the foreground with that text as its only location, once it accepts; ended fast on leaving."""
        user = "user root;" if os.geteuid() == 0 else ""  # its temporary files lie where only we may enter
        text = _CONFIGURATION.format(root=self.root, port=self.port, user=user, location=location)
        (self.root / "nginx.conf").write_text(text)
        (self.root / "nginx.pid").unlink(missing_ok=True)
        environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:{SBIN}"}
        words = ["nginx", "-c", f"{self.root}/nginx.conf"]
        with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as process:
            try:
                eventually(lambda: self._accepts() or process.poll() is not None, within_s=60)
                assert process.poll() is None, (self.root / "error.log").read_text()
                yield process
            finally:
                process.terminate()
                process.wait(60)

    def _accepts(self) -> bool:
        """The pid is written after the listening sockets are open."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return bool(int((self.root / "nginx.pid").read_text()))
        return False


def proxy_at(root: Path) -> Proxy:
    """A proxy under `root`, with a CA of its own and a certificate for ``localhost``."""
    root.mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(root / "ca.pem")
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(root / "server.key")
    issued.cert_chain_pems[0].write_to_path(root / "server.pem")
    return Proxy(root, lasting_port())
