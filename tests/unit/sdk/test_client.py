"""Both clients against the embedded service, on connections of their own and on a given one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config_sync import (
    AsyncConfigClient,
    AsyncOptions,
    ConfigClient,
    ConfigClientError,
    ConnectionError,  # noqa: A004
    ForbiddenError,
    Format,
    GetOptions,
    NotFoundError,
    Options,
    Snapshot,
)
from config_sync.devserver.server import RunningService
from tests.faults import FaultServer, answer, stream
from tests.service import KEY, TOKEN, serving, write_config
from tests.unit.sdk.asking import NO_CAS, SHAPES, ask, gives, sealed
from tests.waiting import eventually

RAW = b'{\n "port": 8080, "ratio": 1.10 }\n'

shapes = pytest.mark.parametrize("shape", SHAPES)


@pytest.fixture
def service(configs: Path) -> Iterator[RunningService]:
    """One config, in two environments."""
    write_config(configs, "app", RAW)
    write_config(configs, "app", {"port": 80}, environment="production")
    with serving(configs) as running:
        yield running


@shapes
def test_everything_can_be_read(shape: str, service: RunningService, configs: Path) -> None:
    assert ask(shape, service.url) == {"port": 8080, "ratio": 1.1}
    assert ask(shape, service.url, "get_bytes") == RAW
    assert ask(shape, service.url, "get_formatted") == b"port: 8080\nratio: 1.10\n"
    assert ask(shape, service.url, opts=GetOptions(environment="production")) == {"port": 80}
    listed = ask(shape, service.url, "list")
    assert isinstance(listed, list)
    assert [one.name for one in listed] == ["app"]
    write_config(configs, "app", {"port": 9})
    eventually(lambda: ask(shape, service.url) == {"port": 9})
    assert ask(shape, service.url, "get_bytes", opts=GetOptions(version=1)) == RAW
    with pytest.raises(NotFoundError):
        ask(shape, service.url, opts=GetOptions(version=99))


@shapes
def test_a_list_of_none_is_empty(shape: str) -> None:
    with FaultServer(answer(200, b"null", Content_Type="application/json")) as server:
        assert ask(shape, server.url, "list") == []


def test_from_env_reads_the_three_variables(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    with ConfigClient.from_env() as client:
        assert client.get("app", dict)["port"] == 8080

    async def story() -> dict[str, object]:
        async with AsyncConfigClient.from_env() as client:
            return await client.get("app", dict)

    assert asyncio.run(story())["port"] == 8080


def test_a_class_made_of_the_client_comes_from_env_too(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mine(ConfigClient):
        pass

    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    with Mine.from_env() as client:
        assert isinstance(client, Mine)


def test_one_client_serves_many_threads(service: RunningService) -> None:
    found: list[object] = []
    with ConfigClient(Options(service.url, TOKEN, KEY)) as client:
        threads = [threading.Thread(target=lambda: found.append(client.get("app", dict))) for _ in range(50)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert found == [{"port": 8080, "ratio": 1.1}] * 50


def test_connections_are_kept_between_calls() -> None:
    with FaultServer(gives({"a": 1})) as server, ConfigClient(Options(server.url, TOKEN, KEY)) as client:
        for _ in range(10):
            client.get("app", dict)
    assert server.connections == 1


def test_a_base_path_is_kept() -> None:
    with FaultServer(gives({"a": 1})) as server:
        ask("sync", server.url + "/prefix/")
    assert server.requests[0].target == "/prefix/api/v1/service/configs/app"


class Given:
    """A transport of a test's own, as programs write them."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.endswith("/watch"):
            data = b'data: {"config_name":"app","version":1,"changed_by":1,"timestamp":"2026-01-01T00:00:00Z"}\n\n'
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=data)
        return httpx.Response(200, content=sealed({"port": 1}))


def test_a_given_client_carries_everything_streams_too_and_stays_open() -> None:
    given = Given()
    with httpx.Client(transport=httpx.MockTransport(given), headers={"X-Mine": "1"}) as http:
        client = ConfigClient(Options("https://config.example.com", TOKEN, KEY, http, retry_delay=0))
        assert client.get("app", dict) == {"port": 1}
        snapshot: Snapshot[dict[str, object]] = Snapshot()
        thread = threading.Thread(target=client.watch_and_decode, args=("app", dict, snapshot))
        thread.start()
        assert snapshot.wait_for_change(5, since=0)
        client.close()
        thread.join(60)
        assert not http.is_closed
    assert {one.url.path.rpartition("/")[2] for one in given.requests} == {"app", "watch"}
    assert {one.headers["x-mine"] for one in given.requests} == {"1"}
    assert {one.headers["x-service-token"] for one in given.requests} == {TOKEN}


def test_a_given_async_client_carries_everything_and_stays_open() -> None:
    given = Given()

    async def story() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(given)) as http:
            options = AsyncOptions("https://config.example.com", TOKEN, KEY, http, retry_delay=0)
            snapshot: Snapshot[dict[str, object]] = Snapshot()
            async with AsyncConfigClient(options) as client:
                assert await client.get("app", dict) == {"port": 1}
                watching = asyncio.create_task(client.watch_and_decode("app", dict, snapshot))
                assert await asyncio.to_thread(snapshot.wait_for_change, 5, since=0)
            await watching
            assert not http.is_closed

    asyncio.run(story())
    assert {one.url.path.rpartition("/")[2] for one in given.requests} == {"app", "watch"}


@pytest.mark.parametrize(
    ("transport_error", "message"),
    [
        (httpx.ConnectTimeout("SECRET-CANARY"), "connecting"),
        (httpx.PoolTimeout("SECRET-CANARY"), "waiting for the answer"),
        (httpx.ProxyError("SECRET-CANARY"), "waiting for the answer"),
        (ValueError("SECRET-CANARY"), "the given http_client raised ValueError"),
        (httpx.InvalidURL("SECRET-CANARY"), "the given http_client raised InvalidURL"),
    ],
    ids=["connect", "pool", "proxy", "bug", "url"],
)
def test_whatever_a_given_client_raises_is_ours(transport_error: Exception, message: str) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise transport_error

    with httpx.Client(transport=httpx.MockTransport(broken)) as http:
        with pytest.raises(ConfigClientError, match=message) as caught:
            ask("sync-given", "https://config.example.com", client=http)
    assert "SECRET-CANARY" not in str(caught.value)
    is_network = isinstance(transport_error, httpx.TransportError)
    assert type(caught.value) is (ConnectionError if is_network else ConfigClientError)


def test_a_given_client_that_is_closed_already() -> None:
    http = httpx.Client(verify=NO_CAS)
    http.close()
    with pytest.raises(ConfigClientError, match="the given http_client raised RuntimeError"):
        ask("sync-given", "https://config.example.com", client=http)


def test_a_hook_that_raises_for_status_is_heard_by_its_status() -> None:
    def judge(response: httpx.Response) -> None:
        response.raise_for_status()

    with FaultServer(answer(403)) as server, httpx.Client(verify=NO_CAS, event_hooks={"response": [judge]}) as http:
        with pytest.raises(ForbiddenError):
            ask("sync-given", server.url, client=http)


def test_a_hook_that_reads_the_answer_leaves_it_readable() -> None:
    def read(response: httpx.Response) -> None:
        response.read()

    with FaultServer(gives({"a": 1})) as server, httpx.Client(verify=NO_CAS, event_hooks={"response": [read]}) as http:
        assert ask("sync-given", server.url, client=http) == {"a": 1}


def test_a_given_client_works_for_its_owner_after_a_watch_was_closed() -> None:
    with FaultServer(stream(b": hi\n\n", then=lambda one: one.hold())) as server, httpx.Client(verify=NO_CAS) as http:
        client = ConfigClient(Options(server.url, TOKEN, KEY, http))
        thread = threading.Thread(target=client.watch, args=("app", print))
        thread.start()
        eventually(lambda: server.requests)
        client.close()
        thread.join(60)
        eventually(lambda: server.open_connections == 0)
        server.behaviour = answer(200, b"still here")
        assert http.get(server.url).text == "still here"


def test_formatted_text_comes_in_the_words_of_the_service(service: RunningService) -> None:
    with ConfigClient(Options(service.url, TOKEN, KEY)) as client:
        assert client.get_formatted("app", Format.JSON) == RAW
        assert client.get_formatted("app", Format.ENV) == b"PORT='8080'\nRATIO='1.10'\n"
