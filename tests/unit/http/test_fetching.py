"""One request under every fault a server can show; over real loopback sockets."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator

import pytest

from config_sync.errors import ServiceUnavailable, SyncError, UnexpectedResponse
from config_sync.http.fetching import Fetcher, Response
from config_sync.http.tls import Tls
from config_sync.stop import Stop
from tests import faults
from tests.faults import FaultServer, answer
from tests.waiting import eventually

CANARY = "SECRET-CANARY"


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    made = Fetcher(Tls(), connect_timeout_s=1.5)
    yield made
    made.close()


def get(
    fetcher: Fetcher,
    url: str,
    *,
    timeout_s: float = 5.0,
    max_bytes: int = 1000,
    headers: dict[str, str] | None = None,
) -> Response:
    return fetcher.get(url, headers or {}, timeout_s=timeout_s, max_bytes=max_bytes, stop=Stop())


def test_an_answer_is_given_with_status_headers_and_body(fetcher: Fetcher) -> None:
    with FaultServer(answer(200, b"hello", ETag='"1"', X_Config_Version="7")) as server:
        response = get(fetcher, server.url + "/a?b=c", headers={"X-Service-Token": "t"})
    assert (response.status, response.body) == (200, b"hello")
    assert response.headers["etag"] == '"1"'
    assert response.headers["x-config-version"] == "7"
    assert server.requests[0].target == "/a?b=c"
    assert server.requests[0].headers["x-service-token"] == "t"


def test_a_connection_is_kept_for_the_next_request(fetcher: Fetcher) -> None:
    with FaultServer(answer(200, b"hello")) as server:
        for _ in range(5):
            get(fetcher, server.url)
    assert (len(server.requests), server.connections) == (5, 1)


@pytest.mark.parametrize("status", [304, 204], ids=["not-modified", "no-content"])
def test_an_answer_without_a_body_keeps_the_connection(fetcher: Fetcher, status: int) -> None:
    with FaultServer(answer(status)) as server:
        assert [get(fetcher, server.url).status for _ in range(3)] == [status] * 3
    assert server.connections == 1


def test_a_kept_connection_that_the_server_closed_is_replaced_unnoticed(fetcher: Fetcher) -> None:
    answers = [answer(200, b"1"), faults.hang_up, answer(200, b"2")]
    with FaultServer(faults.in_turn(*answers)) as server:
        assert get(fetcher, server.url).body == b"1"
        assert get(fetcher, server.url).body == b"2"  # asked on the kept connection first, which ends without a word
    assert [request.connection for request in server.requests] == [0, 0, 1]


def test_a_new_connection_that_is_closed_without_an_answer_is_not_tried_again(fetcher: Fetcher) -> None:
    with FaultServer(faults.hang_up) as server:
        with pytest.raises(ServiceUnavailable, match="broke off"):
            get(fetcher, server.url)
    assert len(server.requests) == 1


def test_the_body_of_a_refusal_is_not_read(fetcher: Fetcher) -> None:
    def refuse(conversation: faults.Conversation) -> None:
        conversation.send(faults.head(500, {"Content-Length": "10000"}))
        conversation.drip(b"a" * 10_000, every_s=0.05)

    with FaultServer(refuse) as server:
        response = get(fetcher, server.url, timeout_s=30)
        eventually(lambda: server.open_connections == 0)
    assert (response.status, response.body) == (500, b"")


@pytest.mark.parametrize(
    "behaviour",
    [
        faults.half_open,
        faults.drip_headers(),
        faults.drip_body(declared=900),
        faults.stream(b"a", then=faults.half_open),
    ],
    ids=["silence", "dripping-headers", "dripping-body", "chunks-then-silence"],
)
def test_the_deadline_ends_whatever_does_not_end_itself(fetcher: Fetcher, behaviour: faults.Behaviour) -> None:
    with FaultServer(behaviour) as server:
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable, match=r"not done within 0\.25 s"):
            get(fetcher, server.url, timeout_s=0.25)
        took_s = time.monotonic() - began
        eventually(lambda: server.open_connections == 0)
    assert 0.25 <= took_s < 30


def test_the_deadline_ends_an_endless_body_below_the_size_cap(fetcher: Fetcher) -> None:
    with FaultServer(faults.endless) as server:
        with pytest.raises(ServiceUnavailable, match=r"not done within 0\.2 s"):
            get(fetcher, server.url, timeout_s=0.2, max_bytes=1 << 40)


@pytest.mark.parametrize(
    "behaviour",
    [faults.endless, answer(200, b"a" * 1001), faults.truncate(b"", declared=1001)],
    ids=["endless", "one-byte-over", "declared-over"],
)
def test_a_body_over_the_cap_is_refused_while_it_is_read(fetcher: Fetcher, behaviour: faults.Behaviour) -> None:
    with FaultServer(behaviour) as server:
        with pytest.raises(UnexpectedResponse, match=r"1000|1001") as caught:
            get(fetcher, server.url, max_bytes=1000)
        eventually(lambda: server.open_connections == 0)
    assert caught.value.hint is not None
    assert "service.max_size" in caught.value.hint


def test_a_body_of_exactly_the_cap_is_taken(fetcher: Fetcher) -> None:
    with FaultServer(answer(200, b"a" * 1000)) as server:
        assert len(get(fetcher, server.url, max_bytes=1000).body) == 1000


@pytest.mark.parametrize(
    ("behaviour", "error", "says"),
    [
        (faults.reset, ServiceUnavailable, "Connection reset by peer"),
        (faults.hang_up, ServiceUnavailable, "broke off"),
        (faults.truncate(b"abc", declared=10), ServiceUnavailable, "reading the body: the answer broke off"),
        (faults.garbage, UnexpectedResponse, "is not HTTP"),
        (answer(200, b"\x1f\x8b", Content_Encoding="gzip"), UnexpectedResponse, "Content-Encoding"),
    ],
    ids=["reset", "hung-up", "truncated", "garbage", "gzip"],
)
def test_a_broken_answer_is_an_error_of_its_class(
    fetcher: Fetcher, behaviour: faults.Behaviour, error: type[SyncError], says: str
) -> None:
    with FaultServer(behaviour) as server:
        with pytest.raises(error, match=says) as caught:
            get(fetcher, server.url)
    assert f"http://127.0.0.1:{server.port}" in caught.value.message
    assert CANARY not in caught.value.message


def test_a_refused_connect_says_so_and_where(fetcher: Fetcher) -> None:
    with faults.refused_port() as port:
        with pytest.raises(ServiceUnavailable, match=rf"127\.0\.0\.1:{port}: connecting: Connection refused") as caught:
            get(fetcher, f"http://127.0.0.1:{port}")
    assert isinstance(caught.value.__cause__, OSError)


def test_a_connect_that_hangs_ends_at_its_own_limit(fetcher: Fetcher) -> None:
    with faults.unanswering_port() as port:
        with pytest.raises(ServiceUnavailable, match=r"connecting: not done within 1\.5 s"):
            get(fetcher, f"http://127.0.0.1:{port}", timeout_s=30)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70], ids=["unknown", "not-a-name"])
def test_a_name_that_does_not_resolve_is_named(fetcher: Fetcher, host: str) -> None:
    with pytest.raises(ServiceUnavailable, match=host) as caught:
        get(fetcher, f"http://{host}:1")
    assert caught.value.hint is not None
    assert "service.host" in caught.value.hint


def test_a_name_with_an_address_that_refuses_is_reached_by_its_other_one(fetcher: Fetcher) -> None:
    with FaultServer(answer(200, b"hello")) as server:
        # Where ::1 comes first for localhost, nobody listens there.
        assert get(fetcher, f"http://localhost:{server.port}").body == b"hello"


def test_a_redirect_is_handed_back_and_not_followed(fetcher: Fetcher) -> None:
    with FaultServer(answer(200)) as elsewhere, FaultServer(answer(302, Location=elsewhere.url + "/x")) as server:
        response = get(fetcher, server.url, headers={"X-Service-Token": CANARY})
    assert response.status == 302
    assert elsewhere.connections == 0


def test_a_proxy_of_the_environment_is_not_used(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(answer(200)) as proxy, FaultServer(answer(200, b"direct")) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert get(fetcher, server.url).body == b"direct"
    assert proxy.connections == 0


def test_nothing_of_a_request_reaches_a_log_at_debug(fetcher: Fetcher, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with FaultServer(answer(200, CANARY.encode(), X_Canary=CANARY)) as server:
        response = get(fetcher, server.url, headers={"X-Service-Token": CANARY})
    assert response.body == CANARY.encode()
    assert caplog.text == ""


def test_a_response_does_not_show_its_body() -> None:
    assert CANARY not in repr(Response(200, {}, CANARY.encode()))


def test_a_closed_fetcher_leaves_no_connection_and_no_descriptor(fetcher: Fetcher) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with FaultServer(answer(200, b"hello")) as server:
        for _ in range(3):
            get(fetcher, server.url)
        fetcher.close()
        eventually(lambda: server.open_connections == 0)
    assert len(os.listdir("/proc/self/fd")) <= before  # fewer: the collector may close what earlier tests left
