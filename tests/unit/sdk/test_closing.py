"""`close` ends everything, wherever it waits, within 100 ms; and a closed client says so."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from config_sync import (
    AsyncConfigClient,
    AsyncOptions,
    ConfigChangeEvent,
    ConfigClient,
    ConfigClientError,
    Options,
    Snapshot,
)
from tests import faults
from tests.faults import FaultServer, answer, stream
from tests.service import KEY, TOKEN
from tests.unit.sdk.asking import NO_CAS, SHAPES, gives
from tests.unit.sdk.watches import Watching, event, service
from tests.waiting import eventually

shapes = pytest.mark.parametrize("shape", SHAPES)

QUIET = stream(b": hello\n\n", then=faults.half_open)


@shapes
@pytest.mark.parametrize(
    ("behaviour", "requests"),
    [(QUIET, 1), (faults.half_open, 1), (faults.drip_headers(), 1), (answer(503, Retry_After="60"), 1)],
    ids=["silent", "no-head", "dripping-head", "waiting-to-reconnect"],
)
def test_a_watch_ends_at_once(shape: str, behaviour: faults.Behaviour, requests: int) -> None:
    with FaultServer(behaviour) as server, Watching(shape, server.url) as watching:
        eventually(lambda: len(server.requests) == requests)
        threading.Event().wait(0.1)
        assert watching.close() < 5
        eventually(lambda: server.open_connections == 0)


@shapes
def test_a_watch_that_fetches_ends_at_once(shape: str) -> None:
    with FaultServer(service(config=faults.half_open, watch=QUIET)) as server:
        with Watching(shape, server.url, dict) as watching:
            eventually(lambda: len(server.requests) == 2)
            assert watching.close() < 5
        eventually(lambda: server.open_connections == 0)


@shapes
def test_a_watch_that_connects_ends_at_once(shape: str) -> None:
    with faults.unanswering_port() as port, Watching(shape, f"http://127.0.0.1:{port}") as watching:
        threading.Event().wait(0.3)
        assert watching.close() < 5


def test_a_hundred_silent_watches_end_at_once() -> None:
    with FaultServer(QUIET) as server:
        client = ConfigClient(Options(server.url, TOKEN, KEY))
        threads = [threading.Thread(target=client.watch, args=("app", print)) for _ in range(100)]
        for one in threads:
            one.start()
        eventually(lambda: len(server.requests) == 100)
        began = time.monotonic()
        client.close()
        for one in threads:
            one.join(60)
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("is_given", [False, True], ids=["own", "given"])
def test_a_call_in_another_thread_ends_at_once(is_given: bool) -> None:
    raised: list[BaseException] = []
    given = httpx.Client(verify=NO_CAS) if is_given else None

    def get() -> None:
        try:
            client.get("app", dict)
        except ConfigClientError as error:
            raised.append(error)

    with FaultServer(faults.half_open) as server:
        client = ConfigClient(Options(server.url, TOKEN, KEY, given))
        thread = threading.Thread(target=get)
        thread.start()
        eventually(lambda: server.requests)
        began = time.monotonic()
        client.close()
        thread.join(60)
        assert time.monotonic() - began < 5
        eventually(lambda: server.open_connections == 0)
    assert [str(one) for one in raised] == ["the client is closed"]
    if given is not None:
        assert not given.is_closed
        given.close()


def test_a_call_that_waits_to_try_again_ends_at_once() -> None:
    with FaultServer(answer(503, Retry_After="20")) as server:
        client = ConfigClient(Options(server.url, TOKEN, KEY))
        threading.Timer(0.2, client.close).start()
        began = time.monotonic()
        with pytest.raises(ConfigClientError, match="closed"):
            client.get("app", dict)
        assert time.monotonic() - began < 10


def test_a_closed_client_says_so_and_its_watches_return() -> None:
    client = ConfigClient(Options("http://127.0.0.1:1", TOKEN, KEY))
    client.close()
    client.close()
    calls: tuple[Callable[[], object], ...] = (
        lambda: client.get("app", dict),
        lambda: client.get_bytes("app"),
        client.list,
    )
    for call in calls:
        with pytest.raises(ConfigClientError, match="the client is closed"):
            call()
    client.watch("app", print)
    snapshot: Snapshot[dict[str, object]] = Snapshot()
    client.watch_and_decode("app", dict, snapshot)


def test_a_closed_async_client_says_so_and_its_watches_return() -> None:
    async def story() -> None:
        client = AsyncConfigClient(AsyncOptions("http://127.0.0.1:1", TOKEN, KEY))
        await client.close()
        await client.close()
        with pytest.raises(ConfigClientError, match="the client is closed"):
            await client.get("app", dict)
        await client.watch("app", print)

    asyncio.run(story())


def test_closing_ends_async_calls_of_other_tasks() -> None:
    async def story(url: str) -> None:
        client = AsyncConfigClient(AsyncOptions(url, TOKEN, KEY))
        call = asyncio.create_task(client.get("app", dict))
        await asyncio.to_thread(eventually, lambda: server.requests)
        await client.close()
        with pytest.raises(ConfigClientError, match="the client is closed"):
            await call

    with FaultServer(faults.half_open) as server:
        asyncio.run(story(server.url))
        eventually(lambda: server.open_connections == 0)


def test_a_cancelled_async_call_leaves_the_client_whole() -> None:
    async def story(url: str) -> object:
        async with AsyncConfigClient(AsyncOptions(url, TOKEN, KEY)) as client:
            for _ in range(50):
                call = asyncio.create_task(client.get("app", dict))
                await asyncio.sleep(0.002)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            server.behaviour = gives({"port": 1})
            found = await asyncio.gather(*(client.get("app", dict) for _ in range(20)))
            return found[0]

    with FaultServer(faults.half_open) as server:
        assert asyncio.run(story(server.url)) == {"port": 1}


def test_cancelling_an_async_watch_ends_it() -> None:
    async def story(url: str) -> None:
        async with AsyncConfigClient(AsyncOptions(url, TOKEN, KEY)) as client:
            task = asyncio.create_task(client.watch("app", print))
            await asyncio.to_thread(eventually, lambda: server.requests)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with FaultServer(QUIET) as server:
        asyncio.run(story(server.url))
        eventually(lambda: server.open_connections == 0)


def test_a_watch_callback_may_close_its_client() -> None:
    with FaultServer(stream(event(), then=faults.half_open)) as server:
        client = ConfigClient(Options(server.url, TOKEN, KEY))
        client.watch("app", lambda _: client.close())


def test_an_async_watch_callback_may_close_its_client() -> None:
    async def story(url: str) -> None:
        client = AsyncConfigClient(AsyncOptions(url, TOKEN, KEY))

        async def leave(_: ConfigChangeEvent) -> None:
            await client.close()

        async with asyncio.timeout(5):
            await asyncio.gather(client.watch("app", leave), client.watch("app", lambda _: None))

    with FaultServer(stream(event(), then=faults.half_open)) as server:
        asyncio.run(story(server.url))
        eventually(lambda: server.open_connections == 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_forked_process_has_connections_and_a_stop_of_its_own() -> None:
    with FaultServer(gives({"port": 1})) as server:
        client = ConfigClient(Options(server.url, TOKEN, KEY))
        assert client.get_raw("app") == {"port": 1}
        if (child := os.fork()) == 0:
            code = 1
            try:
                code = 0 if client.get_raw("app") == {"port": 1} else 2
                client.close()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.get_raw("app") == {"port": 1}
        assert len({one.connection for one in server.requests}) == 2
        client.close()
