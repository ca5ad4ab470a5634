"""The agent as a process where streams are not wanted, or not to be had between it and the service: the list tells."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from config_sync.log import POLL_ENDED, POLL_STARTED
from tests import faults
from tests.faults import Behaviour, Conversation, FaultServer, answer
from tests.program import Home, assert_refused, home_at
from tests.service import write_config
from tests.waiting import eventually

LIST = "/api/v1/service/configs"


def configure(home: Home, watch: str) -> None:
    """One file, nothing but the watch to tell of changes, and times short enough for a test."""
    home.configure(f"""\
        service:
          watch: {watch}
          poll_interval: 1s
          idle_timeout: 300ms
          resync: 7d
          reconnect: {{first: 200ms, max: 500ms}}
        targets: {{app: {{files: [{{path: {home.root}/app.json}}]}}}}
        """)


def through(service: RunningService, *, watch: Behaviour) -> Behaviour:
    """A proxy to the service, but for the streams."""

    def play(conversation: Conversation) -> bool | None:
        request = conversation.request
        if request.target.endswith("/watch"):
            return watch(conversation)
        connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=60)
        try:
            connection.request("GET", request.target, headers=dict(request.headers))
            got = connection.getresponse()
            kept = {name: value for name, value in got.headers.items() if name.lower() in ("etag", "content-type")}
            return answer(got.status, got.read(), **kept)(conversation)
        finally:
            connection.close()

    return play


def headers_only(conversation: Conversation) -> None:
    """A proxy that collects the stream."""
    conversation.send(faults.head(headers={"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}))
    conversation.hold()


def looks(server: FaultServer) -> int:
    """How often the list was asked for."""
    return sum(request.target == LIST for request in server.requests)


def is_polled(home: Home) -> bool:
    conditions = home.target("app").get("conditions", [])
    assert isinstance(conditions, list)
    return any(one["reason"] == "Polled" and one["status"] == "True" for one in conditions)


def text_is(home: Home, text: str) -> Callable[[], bool]:
    return lambda: (home.root / "app.json").read_text() == text


def test_poll_brings_a_change_and_never_opens_a_stream(
    tmp_path: Path, configs: Path, config_service: RunningService
) -> None:
    write_config(configs, "app", '{"v":1}')
    with FaultServer(through(config_service, watch=faults.reset)) as server:
        home = home_at(tmp_path / "h", server.url)
        configure(home, "poll")
        with home.agent() as agent:
            eventually(lambda: is_polled(home), within_s=60)
            write_config(configs, "app", '{"v":2}')
            eventually(text_is(home, '{"v":2}'), within_s=60)
            seen = looks(server)
            eventually(lambda: looks(server) >= seen + 3, within_s=60)
            assert [line["level"] for line in agent.events(POLL_STARTED)] == ["info"]
            assert agent.end() == 0
        assert not [request.target for request in server.requests if request.target.endswith("/watch")]
        unconditional = [one for one in server.requests if one.target == LIST and "if-none-match" not in one.headers]
        assert len(unconditional) <= 1


@pytest.mark.parametrize(
    "watch", [answer(204), answer(404), headers_only], ids=["204", "404-on-watch", "buffering-proxy"]
)
def test_auto_polls_where_no_stream_is_to_be_had(
    watch: Behaviour, tmp_path: Path, configs: Path, config_service: RunningService
) -> None:
    write_config(configs, "app", '{"v":1}')
    with FaultServer(through(config_service, watch=watch)) as server:
        home = home_at(tmp_path / "h", server.url)
        configure(home, "auto")
        with home.agent() as agent:
            eventually(lambda: is_polled(home), within_s=60)
            write_config(configs, "app", '{"v":2}')
            eventually(text_is(home, '{"v":2}'), within_s=60)
            eventually(lambda: "warning" in [line["level"] for line in agent.events(POLL_STARTED)])
            assert agent.end() == 0


def test_a_stream_that_comes_back_ends_the_polling(
    tmp_path: Path, configs: Path, config_service: RunningService
) -> None:
    write_config(configs, "app", '{"v":1}')
    watches = [headers_only]

    def watch(conversation: Conversation) -> bool | None:
        return watches[0](conversation)

    def streaming(conversation: Conversation) -> None:
        conversation.send(faults.head(headers={"Content-Type": "text/event-stream", "Connection": "close"}))
        while not conversation.over.wait(0.05):
            conversation.send(b": still here\n\n")

    with FaultServer(through(config_service, watch=watch)) as server:
        home = home_at(tmp_path / "h", server.url)
        configure(home, "auto")
        with home.agent() as agent:
            eventually(lambda: is_polled(home), within_s=60)
            watches[0] = streaming
            eventually(lambda: agent.events(POLL_ENDED), within_s=60)
            eventually(lambda: not is_polled(home), within_s=60)
            assert agent.end() == 0


@pytest.mark.parametrize(
    ("way", "watch"),
    [("auto", answer(204)), ("auto", answer(404)), ("poll", faults.reset)],
    ids=["204", "404-on-watch", "poll"],
)
def test_the_command_watch_looks_at_the_list_too(
    way: str, watch: Behaviour, tmp_path: Path, configs: Path, config_service: RunningService
) -> None:
    write_config(configs, "app", '{"v":1}')
    with FaultServer(through(config_service, watch=watch)) as server:
        home = home_at(tmp_path / "h", server.url)
        configure(home, way)
        with home.start("--config", str(home.settings), "watch", "app") as watching:
            watching.until_said("watching app: ")
            write_config(configs, "app", '{"v":2}')
            eventually(lambda: watching.out)
            seen = looks(server)
            eventually(lambda: looks(server) >= seen + 3)
            assert watching.out.startswith("app: changed at 20")
            assert watching.out.count("\n") == 1
            assert watching.end(signal.SIGINT) == 0
        assert_refused(home.command("--config", str(home.settings), "watch", "nope"), 5, "nope")
