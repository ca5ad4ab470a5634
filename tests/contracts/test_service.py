"""One suite for every `Service`: the fake and the real client give the same answers and the same errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from config_sync.client import Endpoint, HttpService, Service
from config_sync.credentials import default_token
from config_sync.crypto import decrypt
from config_sync.errors import NotFound, ServiceUnavailable, Stopped
from config_sync.model import ConfigName, ConfigRef, EncryptionKey
from config_sync.stop import Stop
from tests.fakes import KEY, FakeService, unavailable
from tests.service import TOKEN, serving, write_config
from tests.waiting import eventually

APP = ConfigRef(ConfigName("app"))
OTHER = ConfigRef(ConfigName("other"))


class Side(Protocol):
    """A service, and the hand behind it."""

    service: Service

    def put(self, name: str, content: object) -> None:
        """Change a config; returns when it can be read."""
        ...

    def go_away(self) -> None:
        """Nobody answers any more."""
        ...


class FakeSide:
    def __init__(self) -> None:
        self.fake = FakeService()
        self.service: Service = self.fake

    def put(self, name: str, content: object) -> None:
        self.fake.put(name, content)

    def go_away(self) -> None:
        self.fake.outage = unavailable()


class RealSide:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server = serving(folder, key=KEY.raw.hex())
        token = default_token({"CONFIG_SERVICE_TOKEN": TOKEN})
        self.service: Service = HttpService(Endpoint(self.server.url, token), request_timeout_s=60)

    def put(self, name: str, content: object) -> None:
        write_config(self._folder, name, content)
        wanted = content if isinstance(content, bytes) else json.dumps(content).encode()
        ref = ConfigRef(ConfigName(name))

        def is_served() -> bool:
            """The change was seen."""
            try:
                return opened(self.service, ref) == wanted
            except NotFound:
                return False

        eventually(is_served)

    def go_away(self) -> None:
        self.server.stop()


@pytest.fixture(params=["fake", "real"])
def side(request: pytest.FixtureRequest, configs: Path) -> Iterator[Side]:
    if request.param == "fake":
        yield FakeSide()
        return
    real = RealSide(configs)
    try:
        yield real
    finally:
        real.service.close()
        real.server.stop()


def opened(service: Service, ref: ConfigRef, key: EncryptionKey = KEY) -> bytes:
    """The plaintext of an answer."""
    return decrypt(service.fetch(ref, Stop()).ciphertext, [key]).plaintext


def test_an_answer_decrypts_to_what_was_put_with_a_fresh_nonce_each_time(side: Side) -> None:
    side.put("app", {"port": 1, "name": "é"})
    first, second = side.service.fetch(APP, Stop()), side.service.fetch(APP, Stop())
    assert json.loads(decrypt(first.ciphertext, [KEY]).plaintext) == {"port": 1, "name": "é"}
    assert first.ref == APP
    assert first.version == second.version == 1


def test_a_change_is_the_next_version_and_the_old_one_can_be_pinned(side: Side) -> None:
    side.put("app", {"v": 1})
    side.put("app", {"v": 2})
    newest = side.service.fetch(APP, Stop())
    assert newest.version == 2
    assert json.loads(opened(side.service, APP)) == {"v": 2}
    pinned = ConfigRef(ConfigName("app"), version=1)
    assert side.service.fetch(pinned, Stop()).version == 1
    assert json.loads(opened(side.service, pinned)) == {"v": 1}


@pytest.mark.parametrize(
    "ref", [OTHER, ConfigRef(ConfigName("app"), version=99)], ids=["unknown_name", "unknown_version"]
)
def test_what_is_not_there_is_not_found_and_says_what_it_was(side: Side, ref: ConfigRef) -> None:
    side.put("app", {"v": 1})
    with pytest.raises(NotFound) as caught:
        side.service.fetch(ref, Stop())
    assert str(ref.name) in caught.value.message


def test_a_404_tells_whether_the_list_has_the_config_all_the_same(side: Side) -> None:
    side.put("app", {"v": 1})
    side.service.fetch(APP, Stop())
    for ref, is_listed in ((ConfigRef(ConfigName("app"), version=99), True), (OTHER, False)):
        with pytest.raises(NotFound) as caught:
            side.service.fetch(ref, Stop())
        assert caught.value.is_listed is is_listed


def test_a_formatted_config_is_the_plaintext(side: Side) -> None:
    side.put("app", {"v": 1})
    assert json.loads(side.service.get_formatted(ConfigName("app"), "json", Stop())) == {"v": 1}
    with pytest.raises(NotFound):
        side.service.get_formatted(ConfigName("other"), "json", Stop())


def test_the_list_names_every_config(side: Side) -> None:
    assert side.service.list(Stop()) == ()
    side.put("app", {"v": 1})
    side.put("other", {"v": 1})
    assert sorted(info.name for info in side.service.list(Stop())) == ["app", "other"]


def test_a_config_that_was_forgotten_is_given_whole_again(side: Side) -> None:
    side.put("app", {"v": 1})
    opened(side.service, APP)
    side.service.forget(APP)
    side.service.forget(OTHER)
    assert json.loads(opened(side.service, APP)) == {"v": 1}


def test_after_a_stop_nothing_is_asked(side: Side) -> None:
    side.put("app", {"v": 1})
    stop = Stop()
    stop.set()
    for call in (
        lambda: side.service.fetch(APP, stop),
        lambda: side.service.list(stop),
        lambda: side.service.get_formatted(APP.name, "json", stop),
    ):
        with pytest.raises(Stopped):
            call()


def test_where_nobody_answers_it_is_unavailable(side: Side) -> None:
    side.put("app", {"v": 1})
    side.go_away()
    with pytest.raises(ServiceUnavailable) as caught:
        side.service.fetch(APP, Stop())
    assert caught.value.transient
