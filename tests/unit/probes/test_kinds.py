"""Each kind of probe against a real listener, server or program: well, not well, hanging, stopped."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from config_sync.errors import ProbeFailed, Stopped
from config_sync.model import AbsolutePath, Probe, ReloadOrder
from config_sync.probes import PROBES, CommandProbe, HttpProbe, TcpProbe
from config_sync.stop import Stop

ORDER = ReloadOrder("app", (AbsolutePath("/etc/app.conf"),), (), "Outdated", version=7)


@contextlib.contextmanager
def listening(*, accepts: bool = True) -> Iterator[int]:
    """A port that takes connections, and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))  # held either way: nobody else can come to listen there
        if accepts:
            server.listen()
        port: int = server.getsockname()[1]
        yield port


@contextlib.contextmanager
def answering(status: int, body: bytes = b"") -> Iterator[str]:
    """An HTTP server with this answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/healthz"
        finally:
            server.shutdown()
            thread.join()


def look(probe: Probe, *, timeout_s: float = 30.0, stop: Stop | None = None) -> str:
    """Empty where it is well, else what is told."""
    try:
        probe.look(ORDER, stop or Stop(), timeout_s=timeout_s)
    except ProbeFailed as error:
        return error.message if error.hint else "no hint"
    return ""


def test_every_kind_says_its_word_and_what_it_looks_at() -> None:
    for key, kind in PROBES.items():
        assert (kind.key, kind.fields[0].key) == (key, key)
        assert kind.doc.endswith(".")
    assert TcpProbe("::1", 80).describe() == "a connection to [::1]:80"
    secretive = HttpProbe("http://localhost/t0k3n?key=s3cret")
    assert "t0k3n" not in secretive.describe() + repr(secretive)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tcp_is_well_where_somebody_listens(host: str) -> None:
    with listening() as port:
        assert look(TcpProbe(host, port)) == ""


def test_tcp_is_not_well_where_nobody_does() -> None:
    with listening(accepts=False) as port:
        assert "Connection refused" in look(TcpProbe("127.0.0.1", port))


@pytest.mark.parametrize(("status", "is_well"), [(200, True), (204, True), (302, False), (404, False), (503, False)])
def test_http_wants_2xx(status: int, is_well: bool) -> None:
    with answering(status) as url:
        told = look(HttpProbe(url))
    assert (told == "") is is_well
    assert is_well or str(status) in told


def test_http_takes_a_large_answer_and_tells_a_refusal_without_the_path() -> None:
    with answering(200, b"x" * 3_000_000) as url:
        assert look(HttpProbe(url)) == ""
    with listening(accepts=False) as port:
        told = look(HttpProbe(f"http://127.0.0.1:{port}/healthz"))
    assert "Connection refused" in told
    assert "healthz" not in told


@pytest.mark.parametrize("make", [lambda port: HttpProbe(f"http://127.0.0.1:{port}/")], ids=["http"])
def test_a_consumer_that_takes_the_connection_and_never_answers_is_not_well(make: Callable[[int], Probe]) -> None:
    with listening() as port:
        assert "not done within 0.3 s" in look(make(port), timeout_s=0.3)


def test_a_stop_ends_a_look_at_once() -> None:
    stop = Stop()
    with listening() as port, contextlib.ExitStack() as held:
        timer = threading.Timer(0.2, stop.set)
        timer.start()
        held.callback(timer.join)
        with pytest.raises(Stopped):
            HttpProbe(f"http://127.0.0.1:{port}/").look(ORDER, stop, timeout_s=3600)
    for probe in (TcpProbe("127.0.0.1", 1), HttpProbe("http://127.0.0.1:1/"), CommandProbe(("true",))):
        with pytest.raises(Stopped):
            probe.look(ORDER, stop, timeout_s=3600)


def test_command_gets_the_paths_and_the_story_and_its_code_says_it() -> None:
    words = '[ "$1" = /etc/app.conf ] && [ "$CONFIG_SYNC_TARGET $CONFIG_SYNC_VERSION" = "app 7" ]'
    assert look(CommandProbe(("sh", "-c", words, "sh", "{file}"))) == ""
    assert "exited with 3" in look(CommandProbe(("sh", "-c", "exit 3")))
    assert "could not be started" in look(CommandProbe(("/no/such/program",)))
    assert "timeout" in look(CommandProbe(("sleep", "3600")), timeout_s=0.3)
