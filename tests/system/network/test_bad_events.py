"""The whole agent as a process against streams that tell of changes too early, too much, or not in the protocol."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.crypto import encrypt
from config_sync.model import EncryptionKey
from tests.faults import Conversation, FaultServer, answer, head
from tests.program import Home, home_at
from tests.service import KEY
from tests.system.network.surroundings import is_connected, publishes, settings_of, until_number, until_published
from tests.waiting import eventually

LONG_S = 120.0
COMMENT = b": still here\n\n"


class Telling:
    """A service of one config. Its streams say what `say` is given; its reads may be behind what they say."""

    def __init__(self) -> None:
        self.number = 1
        self.stale_reads = 0
        """So many reads more give the number before."""
        self.reads = 0
        self._said: list[bytes] = []
        self._news = threading.Condition()

    def say(self, data: bytes) -> None:
        """To the stream that is open now, or to the next."""
        with self._news:
            self._said.append(data)
            self._news.notify_all()

    def __call__(self, conversation: Conversation) -> bool | None:
        if conversation.request.target.endswith("/watch"):
            self._stream(conversation)
            return None
        self.reads += 1
        number = self.number
        if self.stale_reads:
            self.stale_reads -= 1
            number -= 1
        sealed = encrypt(json.dumps({"n": number}).encode(), EncryptionKey(KEY), self.reads.to_bytes(12, "big"))
        return answer(200, sealed, Content_Type="application/octet-stream", X_Config_Version=str(number))(conversation)

    def _stream(self, conversation: Conversation) -> None:
        said = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", "Connection": "close"}
        conversation.send(head(headers=said))
        while not conversation.over.is_set():
            with self._news:
                self._news.wait_for(lambda: self._said, timeout=0.3)
                data = self._said.pop(0) if self._said else COMMENT
            conversation.send(b"%x\r\n%b\r\n" % (len(data), data))


def event(number: int) -> bytes:
    """As the protocol has it."""
    said = {"config_name": "app", "version": number, "changed_by": 7, "timestamp": "2026-03-01T10:00:00Z"}
    return b"event: config_changed\ndata: %b\n\n" % json.dumps(said).encode()


@contextlib.contextmanager
def telling_agent(directory: Path) -> Iterator[tuple[Telling, Home]]:
    """A service and an agent that follows it, with the first number on disk, its stream open; no resync will help."""
    service = Telling()
    with FaultServer(service) as server:
        home = home_at(directory / "h", server.url)
        # Silence must not compare either: it is the events that bring what comes.
        home.configure(settings_of(home, idle_timeout="1h", reconnect="{first: 1h, max: 1h}"))
        with home.agent() as agent:
            until_number(home, 1, within_s=LONG_S)
            until_published(home, 1, within_s=LONG_S)
            eventually(lambda: is_connected(home), within_s=LONG_S)
            yield service, home
            assert agent.end() == 0
            assert "Traceback" not in agent.err


def test_reads_that_are_behind_the_event_are_made_again_until_the_change_can_be_read(tmp_path: Path) -> None:
    with telling_agent(tmp_path) as (service, home):
        service.number, service.stale_reads = 2, 3
        service.say(event(2))
        until_number(home, 2, within_s=LONG_S)
        until_published(home, 2, within_s=LONG_S)
        assert service.stale_reads == 0


@pytest.mark.parametrize(
    "data",
    [
        b"data: " + b"x" * 2 * 1024**2 + b"\n\n",
        b'data: {"config_name": "app", "version": 2, "more": "' + b"x" * 2 * 1024**2 + b'"}\n\n',
        b"".join(b"data: %d\n" % number for number in range(200_000)) + b"\n",
        b"data: {not json\n\n",
        b"data: \xff\xfe\x00\x80\n\n",
        b'data: {"config_name": "another", "version": 9}\n\n',
        b'data: {"config_name": "app", "version": -1, "changed_by": [], "timestamp": {}}\n\n',
        b"data: " + b"[" * 50_000 + b"\n\n",
        b"event: \x00\xff\nid: \x00\nretry: 99999999999999999999\ndata\n\n",
    ],
    ids=["2-mib", "2-mib-json", "2-mib-lines", "no-json", "no-utf-8", "another", "wrong-types", "deep", "odd-fields"],
)
def test_an_event_that_says_nothing_of_use_brings_the_change_all_the_same(tmp_path: Path, data: bytes) -> None:
    with telling_agent(tmp_path) as (service, home):
        service.number = 2
        service.say(data)
        until_number(home, 2, within_s=LONG_S)
        until_published(home, 2, within_s=LONG_S)
        # The stream is the same one, and goes on.
        service.number = 3
        service.say(event(3))
        until_number(home, 3, within_s=LONG_S)
        until_published(home, 3, within_s=LONG_S)
        assert publishes(home) == 3
