"""Through a real proxy: fetches and streams, by CONNECT and in absolute form; and each thing that it can do wrong."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config_sync.errors import ProxyRefused, ServiceError, ServiceUnavailable, TlsFailed, UnexpectedResponse
from config_sync.http.fetching import Fetcher
from config_sync.http.proxy import Proxy, parse_proxy
from config_sync.http.streaming import open_stream
from config_sync.http.tls import Tls
from config_sync.stop import Stop
from tests import faults
from tests.faults import FaultServer, answer, refused_port, stream
from tests.proxying import ProxyServer

HELLO = b": hello\n\n"
PASSWORD = "hunter2"
AUTHORIZATION = "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode()


def fetched(url: str, proxy: Proxy, tls: Tls) -> bytes:
    fetcher = Fetcher(tls, proxy=proxy)
    try:
        headers = {"X-Service-Token": "SECRET-TOKEN"}
        found = fetcher.get(url, headers, timeout_s=10, max_bytes=100, stop=Stop())
        assert found.status == 200, found.status
        return found.body
    finally:
        fetcher.close()


def streamed(url: str, proxy: Proxy, tls: Tls) -> bytes:
    async def read() -> bytes:
        headers = {"X-Service-Token": "SECRET-TOKEN"}
        async with open_stream(url, headers, tls=tls, connect_timeout_s=10, idle_timeout_s=10, proxy=proxy) as opened:
            assert opened.status == 200, opened.status
            return await anext(opened.chunks())

    return asyncio.run(read())


Way = Callable[[str, Proxy, Tls], bytes]
ways = pytest.mark.parametrize("way", [fetched, streamed], ids=["fetch", "stream"])


def says_hello() -> faults.Behaviour:
    return stream(HELLO, then=faults.half_open)


def closing() -> faults.Behaviour:
    """A whole answer for both ways: an event stream that ends."""
    return stream(HELLO)


@ways
def test_https_goes_through_a_tunnel_in_which_the_proxy_sees_nothing(
    way: Way, ca_file: Path, good_tls: ssl.SSLContext
) -> None:
    tls = Tls(str(ca_file))
    with FaultServer(closing(), tls=good_tls) as server, ProxyServer({"localhost:8443": server.port}) as between:
        body = way("https://localhost:8443/a", parse_proxy(between.url(f"ann:{PASSWORD}")), tls)
    assert body.startswith(HELLO)
    (asked,) = between.asked
    assert (asked.method, asked.target) == ("CONNECT", "localhost:8443")
    assert asked.headers["proxy-authorization"] == AUTHORIZATION
    assert "x-service-token" not in asked.headers
    assert "proxy-authorization" not in server.requests[0].headers
    assert server.requests[0].headers["x-service-token"] == "SECRET-TOKEN"


@ways
def test_http_goes_in_absolute_form(way: Way) -> None:
    with FaultServer(closing()) as server, ProxyServer({"config.test:80": server.port}) as between:
        body = way("http://config.test/a?b=c", parse_proxy(between.url(f"ann:{PASSWORD}")), Tls())
    assert body.startswith(HELLO)
    (asked,) = between.asked
    assert (asked.method, asked.target) == ("GET", "http://config.test/a?b=c")
    assert asked.headers["proxy-authorization"] == AUTHORIZATION
    assert asked.headers["host"] == "config.test"
    assert "proxy-authorization" not in server.requests[0].headers


@ways
@pytest.mark.parametrize(
    ("status", "error", "reason", "says"),
    [
        (407, ProxyRefused, "ProxyAuthRequired", "wants to know who asks"),
        (403, ProxyRefused, "ProxyRefused", "does not allow it"),
        (502, ServiceUnavailable, "ProxyFailed", "cannot reach it"),
        (503, ServiceUnavailable, "ProxyFailed", "cannot reach it"),
    ],
    ids=["407", "403", "502", "503"],
)
def test_what_the_proxy_answers_to_a_connect_is_told_of_the_proxy(
    way: Way, status: int, error: type[ServiceError], reason: str, says: str, ca_file: Path
) -> None:
    with ProxyServer(status=status) as between:
        with pytest.raises(error, match=says) as caught:
            way("https://config.test", parse_proxy(between.url(f"ann:{PASSWORD}")), Tls(str(ca_file)))
    told = f"{caught.value.message} {caught.value.hint}"
    assert caught.value.reason == reason
    assert f"the proxy http://127.0.0.1:{between.port} answers {status}" in told
    assert "https://config.test" in told
    for secret in (PASSWORD, AUTHORIZATION, "SECRET"):
        assert secret not in told


@ways
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_told_apart_from_the_service(way: Way, scheme: str, ca_file: Path) -> None:
    with refused_port() as port:
        with pytest.raises(ServiceUnavailable, match=rf"the proxy http://127\.0\.0\.1:{port}: .*refused") as caught:
            way(f"{scheme}://config.test", Proxy("127.0.0.1", port), Tls(str(ca_file)))
    assert caught.value.reason == "ProxyUnreachable"
    assert "service.proxy" in str(caught.value.hint)


@ways
def test_what_is_no_proxy_is_told(way: Way, ca_file: Path) -> None:
    with FaultServer(faults.half_open, greeting=b"220 SECRET-CANARY mail ESMTP\r\n\r\n") as other:
        with pytest.raises(UnexpectedResponse, match=r"the answer of the proxy .* is not HTTP") as caught:
            way("https://config.test", Proxy("127.0.0.1", other.port), Tls(str(ca_file)))
    assert caught.value.reason == "ProxyNotHttp"
    assert "CANARY" not in f"{caught.value.message} {caught.value.hint}"


@ways
def test_a_proxy_that_hangs_up_is_named(way: Way, ca_file: Path) -> None:
    with ProxyServer(raw=b"") as between:
        with pytest.raises(ServiceUnavailable, match=r"the proxy http://127.*: the answer broke off") as caught:
            way("https://config.test", parse_proxy(between.url()), Tls(str(ca_file)))
    assert caught.value.reason == "ProxyUnreachable"


def test_a_proxy_that_never_answers_ends_at_the_deadline(ca_file: Path) -> None:
    with FaultServer(faults.half_open) as silent:
        fetcher = Fetcher(Tls(str(ca_file)), connect_timeout_s=30, proxy=Proxy("127.0.0.1", silent.port))
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable, match=r"the proxy .*: waiting for its word: not done within 1\.5 s"):
            fetcher.get("https://config.test", {}, timeout_s=1.5, max_bytes=1, stop=Stop())
        assert time.monotonic() - began < 30
        fetcher.close()


@ways
def test_a_certificate_that_does_not_hold_is_the_servers_and_not_the_proxys(
    way: Way, ca_file: Path, expired_tls: ssl.SSLContext
) -> None:
    with FaultServer(closing(), tls=expired_tls) as server, ProxyServer({"localhost:443": server.port}) as between:
        with pytest.raises(TlsFailed, match="the certificate of https://localhost is refused") as caught:
            way("https://localhost", parse_proxy(between.url()), Tls(str(ca_file)))
    assert caught.value.reason == "CertificateExpired"
    assert server.requests == []


def test_connections_through_a_proxy_are_kept_for_the_next_fetch(ca_file: Path, good_tls: ssl.SSLContext) -> None:
    with FaultServer(answer(200, b"hi"), tls=good_tls) as server:
        with ProxyServer({"localhost:443": server.port}) as between:
            fetcher = Fetcher(Tls(str(ca_file)), proxy=parse_proxy(between.url()))
            for _ in range(3):
                fetcher.get("https://localhost", {}, timeout_s=10, max_bytes=10, stop=Stop())
            fetcher.close()
    assert len(between.asked) == 1


def test_a_stream_through_a_proxy_notices_a_cut_link(ca_file: Path, good_tls: ssl.SSLContext) -> None:
    """The system's keep-alive, which httpcore does not set with a proxy: looked at on the live socket."""
    seen: list[int] = []

    async def look(url: str, proxy: Proxy) -> None:
        async with open_stream(
            url, {}, tls=Tls(str(ca_file)), connect_timeout_s=10, idle_timeout_s=10, proxy=proxy
        ) as opened:
            assert opened._sock is not None
            seen.append(opened._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
            seen.append(opened._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))

    with FaultServer(says_hello(), tls=good_tls) as server, ProxyServer({"localhost:443": server.port}) as between:
        asyncio.run(look("https://localhost", parse_proxy(between.url())))
    assert seen == [1, 30]


@ways
def test_no_password_of_a_proxy_reaches_a_log_at_debug(
    way: Way, ca_file: Path, good_tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with FaultServer(closing(), tls=good_tls) as server, ProxyServer({"localhost:443": server.port}) as between:
        way("https://localhost", parse_proxy(between.url(f"ann:{PASSWORD}")), Tls(str(ca_file)))
    for secret in (PASSWORD, AUTHORIZATION, "SECRET-TOKEN"):
        assert secret not in caplog.text
