"""The whole agent as a process against servers that stop, restart, break off and change their mind."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from config_sync.crypto import encrypt
from config_sync.log import STREAM_CONNECTED, STREAM_LOST
from config_sync.model import EncryptionKey
from tests import faults
from tests.faults import Conversation, FaultServer, answer, head, stream
from tests.program import Home, Started, home_at
from tests.service import KEY, write_config
from tests.system.network.serving import service_process
from tests.system.network.surroundings import (
    NAME,
    condition,
    file_of,
    is_connected,
    lasting_port,
    number_in,
    publishes,
    settings_of,
    until_number,
    until_published,
)
from tests.waiting import eventually

IDLE_S = 3.0
COMMENT = b": still here\n\n"


@contextlib.contextmanager
def settled_agent(home: Home) -> Iterator[Started]:
    """An agent with the first version on disk, its consumer told, its stream open; TERM at the end, answered by 0."""
    with home.agent() as agent:
        until_number(home, 1)
        until_published(home, 1)
        eventually(lambda: is_connected(home), within_s=60)
        yield agent
        assert agent.end() == 0
        assert "Traceback" not in agent.err


def quiet_s(agent: Started) -> float:
    """For how long no stream was opened or lost, in seconds."""
    last = [*agent.events(STREAM_CONNECTED), *agent.events(STREAM_LOST)]
    newest = max(datetime.fromisoformat(str(line["timestamp"])).timestamp() for line in last)
    return time.time() - newest


# ---- real services


def test_a_stopped_service_is_left_after_the_idle_timeout_and_its_change_arrives_when_it_goes_on(
    tmp_path: Path, configs: Path
) -> None:
    write_config(configs, NAME, {"n": 1})
    port = lasting_port()
    home = home_at(tmp_path / "h", f"http://127.0.0.1:{port}")
    home.configure(settings_of(home, idle_timeout=f"{IDLE_S}s"))
    with service_process(configs, port=port) as service, settled_agent(home) as agent:
        connects = len(agent.events(STREAM_CONNECTED))
        service.send_signal(signal.SIGSTOP)
        write_config(configs, NAME, {"n": 2})
        # The kernel still accepts for it: a connection, and then no answer.
        eventually(lambda: condition(home, "Connected").get("status") == "False", within_s=60)
        assert not is_connected(home)
        assert number_in(home) == 1
        assert home.command("health", "ready").returncode == 0
        service.send_signal(signal.SIGCONT)
        until_number(home, 2)
        eventually(lambda: is_connected(home), within_s=60)
        until_published(home, 2)
        assert len(agent.events(STREAM_CONNECTED)) >= connects


def test_a_comment_every_second_keeps_a_stream_up_beyond_its_idle_timeout(tmp_path: Path, configs: Path) -> None:
    write_config(configs, NAME, {"n": 1})
    port = lasting_port()
    home = home_at(tmp_path / "h", f"http://127.0.0.1:{port}")
    home.configure(settings_of(home, idle_timeout=f"{IDLE_S}s"))
    with service_process(configs, port=port), settled_agent(home) as agent:
        eventually(lambda: quiet_s(agent) > 2.5 * IDLE_S, every_s=0.2, within_s=180)


def test_without_comments_a_stream_is_opened_anew_which_is_no_outage(tmp_path: Path, configs: Path) -> None:
    write_config(configs, NAME, {"n": 1})
    port = lasting_port()
    home = home_at(tmp_path / "h", f"http://127.0.0.1:{port}")
    home.configure(settings_of(home, idle_timeout="1s"))
    with service_process(configs, port=port, keep_alive_s=3600), settled_agent(home) as agent:
        eventually(lambda: len(agent.events(STREAM_LOST)) >= 3, within_s=60)
        assert {line["level"] for line in agent.events(STREAM_LOST) if line["reason"] == "StreamSilent"} == {"debug"}
        write_config(configs, NAME, {"n": 2})
        until_number(home, 2)
        until_published(home, 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["ends_streams", "is_killed"])
def test_a_service_that_restarts_under_open_streams_is_found_again(
    tmp_path: Path, configs: Path, number: signal.Signals
) -> None:
    write_config(configs, NAME, {"n": 1})
    port = lasting_port()
    home = home_at(tmp_path / "h", f"http://127.0.0.1:{port}")
    home.configure(settings_of(home))
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(service_process(configs, port=port))
        stack.enter_context(settled_agent(home))
        first.send_signal(number)
        first.wait(60)
        eventually(lambda: not is_connected(home), within_s=60)
        write_config(configs, NAME, {"n": 2})
        assert number_in(home) == 1
        with service_process(configs, port=port):
            until_number(home, 2)
            eventually(lambda: is_connected(home), within_s=60)
            write_config(configs, NAME, {"n": 3})
            until_number(home, 3)
            until_published(home, 3)


# ---- servers that do wrong


class Changing:
    """One config, the tokens that are good, and what its streams do after their first comment."""

    def __init__(self, *tokens: str) -> None:
        self.number = 1
        self.tokens = tokens
        self.then: faults.Behaviour = faults.half_open
        self.watches = 0

    def __call__(self, conversation: Conversation) -> bool | None:
        request = conversation.request
        if request.headers.get("x-service-token") not in self.tokens:
            conversation.send(head(401, {"Content-Length": "0"}))
            return True
        if request.target.endswith("/watch"):
            self.watches += 1
            return stream(COMMENT, then=lambda talk: self.then(talk))(conversation)
        sealed = encrypt(json.dumps({"n": self.number}).encode(), EncryptionKey(KEY), self.number.to_bytes(12, "big"))
        return answer(200, sealed, Content_Type="application/octet-stream")(conversation)


def talking(conversation: Conversation) -> None:
    """A comment now and then, until either side is gone."""
    while not conversation.over.wait(0.3):
        conversation.send(b"%x\r\n%b\r\n" % (len(COMMENT), COMMENT))


def test_streams_that_are_reset_in_their_life_lose_nothing_and_write_nothing_twice(tmp_path: Path) -> None:
    config = Changing("one")
    config.then = faults.reset
    with FaultServer(config) as server:
        home = home_at(tmp_path / "h", server.url, token="one")
        home.configure(settings_of(home))
        with home.agent():
            for number in range(1, 5):
                config.number = number
                until_number(home, number)
                until_published(home, number)
            inode, watches = file_of(home).stat().st_ino, config.watches
            eventually(lambda: config.watches >= watches + 3, within_s=60)
            assert file_of(home).stat().st_ino == inode
            assert publishes(home) == 4
            config.then = talking
            eventually(lambda: is_connected(home), within_s=60)


def test_a_token_that_is_rotated_under_a_stream_is_read_anew_and_the_file_stays_meanwhile(tmp_path: Path) -> None:
    config = Changing("one")
    config.then = talking
    token = tmp_path / "token"
    token.write_text("one\n")
    with FaultServer(config) as server:
        home = home_at(tmp_path / "h", server.url)
        # An hour until it would be tried by itself: it is the new file that must do it.
        home.configure(
            settings_of(home, token=f"{{file: {token}}}", reconnect="{first: 300ms, max: 1h}", idle_timeout="60s")
        )
        with settled_agent(home):
            config.tokens = ("two",)
            config.then = faults.reset
            server.break_off()
            eventually(lambda: condition(home, "Connected").get("reason") == "Unauthorized", within_s=60)
            assert number_in(home) == 1
            config.number, config.then = 2, talking
            (tmp_path / "token.new").write_text("two\n")
            (tmp_path / "token.new").replace(token)
            until_number(home, 2)
            eventually(lambda: is_connected(home), within_s=60)
            until_published(home, 2)
