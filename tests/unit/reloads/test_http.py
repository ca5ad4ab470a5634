"""A consumer that is told by HTTP: what it is asked, and every way in which it does not answer."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from config_sync.errors import ReloadFailed, Stopped
from config_sync.model import ReloadResult, Secret
from config_sync.reloads import HttpReload
from config_sync.stop import Stop
from tests.certificates import served
from tests.faults import refused_port
from tests.unit.reloads.consumers import order
from tests.unit.reloads.servers import answering, speaking

LONG_S = 300.0
"""Never reached, however busy the machine is."""


def failure_of(reload: HttpReload) -> ReloadFailed:
    with pytest.raises(ReloadFailed) as caught:
        reload.run(order(), Stop())
    assert caught.value.hint
    return caught.value


def test_it_is_asked_once_with_an_empty_body_and_the_headers_given() -> None:
    with answering(204) as server:
        reload = HttpReload(f"{server.url}/-/reload?now=1", headers={"Authorization": Secret("Bearer t0ken")})
        assert reload.run(order(), Stop()) is ReloadResult.RELOADED
    assert server.lines == ["POST /-/reload?now=1"]
    (headers,) = server.headers
    assert (headers["authorization"], headers["content-length"]) == ("Bearer t0ken", "0")
    assert headers["host"] == server.url.removeprefix("http://")


def test_another_method_has_no_body_to_speak_of() -> None:
    with answering(200) as server:
        assert HttpReload(f"{server.url}/r", "GET").run(order(), Stop()) is ReloadResult.RELOADED
    assert server.lines == ["GET /r"]
    assert "content-length" not in server.headers[0]


@pytest.mark.parametrize(
    ("status", "expect", "is_success"),
    [
        pytest.param(200, (), True, id="200"),
        pytest.param(202, (), True, id="202"),
        pytest.param(302, (), False, id="redirect"),
        pytest.param(500, (), False, id="500"),
        pytest.param(200, (202,), False, id="not-the-expected"),
        pytest.param(409, (200, 409), True, id="expected"),
    ],
)
def test_the_status_decides(status: int, expect: tuple[int, ...], is_success: bool) -> None:
    with answering(status, headers={"Location": "/elsewhere"}) as server:
        reload = HttpReload(server.url + "/", expect=expect)
        if is_success:
            assert reload.run(order(), Stop()) is ReloadResult.RELOADED
        else:
            error = failure_of(reload)
            assert error.reason == "HttpStatus"
            assert f"was answered with {status}" in error.message
    assert server.lines == ["POST /"], "no redirect is followed, nothing is asked twice"


def test_neither_path_nor_query_nor_headers_nor_the_answer_are_shown() -> None:
    with answering(500, body=b"the-answer", headers={"X-Answer": "the-answer"}) as server:
        url = f"{server.url}/hook/t0ken?key=t0ken"
        error = failure_of(HttpReload(url, headers={"Authorization": Secret("t0ken")}))
    assert error.message == f"POST to {server.url} was answered with 500 Internal Server Error"
    assert "t0ken" not in f"{error} {error.hint}"
    assert "answer" not in f"{error.hint}"


def test_a_body_without_end_is_cut_off_and_no_failure() -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with speaking(talk) as url:
        assert HttpReload(url, timeout_s=LONG_S).run(order(), Stop()) is ReloadResult.RELOADED


def _no_word(connection: socket.socket) -> None:
    connection.recv(1)  # until the other side gives up


def _says(*pieces: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return talk


def _half_and_wait(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    connection.recv(1)


@pytest.mark.parametrize(
    ("talk", "timeout_s", "reason", "says"),
    [
        pytest.param(_no_word, 0.3, "HttpTimedOut", "not done within 0.3 s", id="silent"),
        pytest.param(_half_and_wait, 1.5, "HttpTimedOut", "reading the answer", id="half-an-answer-and-silent"),
        pytest.param(_says(), LONG_S, "HttpUnreachable", "the answer broke off", id="hangs-up"),
        pytest.param(
            _says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
            LONG_S,
            "HttpUnreachable",
            "the answer broke off",
            id="half-an-answer",
        ),
        pytest.param(
            _says(b"SSH-2.0-OpenSSH\r\n\r\n" * 9), LONG_S, "HttpInvalid", "does not speak HTTP", id="another-protocol"
        ),
    ],
)
def test_no_answer_has_its_own_reason(
    talk: Callable[[socket.socket], None], timeout_s: float, reason: str, says: str
) -> None:
    with speaking(talk) as url:
        error = failure_of(HttpReload(url, timeout_s=timeout_s))
    assert error.reason == reason
    assert error.message.startswith(f"POST to {url}: ")
    assert says in error.message


def test_nobody_listening_is_refused_and_an_unknown_name_is_unreachable() -> None:
    with refused_port() as port:
        refused = failure_of(HttpReload(f"http://127.0.0.1:{port}/", timeout_s=LONG_S))
    assert (refused.reason, "Connection refused" in refused.message) == ("HttpRefused", True)
    assert failure_of(HttpReload("http://nobody.invalid/", timeout_s=LONG_S)).reason == "HttpUnreachable"


def test_a_certificate_that_nobody_vouches_for_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = served(authority.issue_cert("127.0.0.1"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def call() -> ReloadResult:
        with answering(200) as server, socket.create_server(("127.0.0.1", 0)) as front:
            port = server.url.rpartition(":")[2]
            thread = threading.Thread(target=_relay_tls, args=(front, context, int(port)))
            thread.start()
            try:
                url = f"https://127.0.0.1:{front.getsockname()[1]}/"
                return HttpReload(url, timeout_s=LONG_S).run(order(), Stop())
            finally:
                thread.join()

    with pytest.raises(ReloadFailed) as caught:
        call()
    assert caught.value.reason == "HttpTlsFailed"
    assert "certificate" in (caught.value.message + str(caught.value.hint)).lower()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert call() is ReloadResult.RELOADED


def _relay_tls(front: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """One TLS connection in, one request and its answer through."""
    front.settimeout(120)
    plain, _ = front.accept()
    plain.settimeout(120)
    try:
        with context.wrap_socket(plain, server_side=True) as inside:
            request = inside.recv(65536)
            with socket.create_connection(("127.0.0.1", port), timeout=120) as behind:
                behind.sendall(request)
                while piece := behind.recv(65536):
                    inside.sendall(piece)
    except OSError:
        plain.close()


def test_plain_http_is_no_tls() -> None:
    with answering(200) as server:
        error = failure_of(HttpReload(server.url.replace("http:", "https:") + "/", timeout_s=LONG_S))
    assert error.reason == "HttpTlsFailed"


def test_a_stop_ends_a_call_under_way_and_before_it_nothing_is_asked() -> None:
    stop = Stop()

    def talk(connection: socket.socket) -> None:
        stop.set()
        connection.recv(1)

    with speaking(talk) as url, pytest.raises(Stopped):
        HttpReload(url, timeout_s=LONG_S).run(order(), stop)
    with answering(200) as server:
        with pytest.raises(Stopped):
            HttpReload(server.url).run(order(), stop)
        assert server.lines == []
