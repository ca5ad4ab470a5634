"""Credentials that rotate under a running agent: token files, key files, and which key is still needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.crypto import encrypt
from config_sync.model import EncryptionKey
from tests import faults
from tests.faults import Conversation, FaultServer, answer, stream
from tests.program import Home, Started, home_at
from tests.waiting import eventually

OLD, NEW = "0123456789abcdef" * 4, "fedcba9876543210" * 4


class Service:
    """Takes one token, encrypts with one key; both can be changed."""

    def __init__(self) -> None:
        self.token = "token-0"
        self.key = OLD
        self.content = b'{"n": 1}'

    def __call__(self, conversation: Conversation) -> bool | None:
        if conversation.request.headers["x-service-token"] != self.token:
            return answer(401)(conversation)
        if conversation.request.target.endswith("/watch"):
            return stream(b": hi\n\n", then=faults.half_open)(conversation)
        return answer(200, encrypt(self.content, EncryptionKey(self.key), os.urandom(12)))(conversation)


class Mount:
    """A directory as Kubernetes mounts a secret: files by ``..data``, switched by one rename."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._number = 0

    def show(self, **files: str) -> None:
        self._number += 1
        generation = self.directory / f"..{self._number}"
        generation.mkdir(parents=True)
        for name, text in files.items():
            (generation / name).write_text(text)
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to(f"..data/{name}")
        (self.directory / "..data_tmp").symlink_to(generation.name)
        (self.directory / "..data_tmp").replace(self.directory / "..data")


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def server(service: Service) -> Iterator[FaultServer]:
    with FaultServer(service) as running:
        yield running


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    return Mount(tmp_path / "secrets")


@pytest.fixture
def home(tmp_path: Path, server: FaultServer, mount: Mount) -> Home:
    made = home_at(tmp_path, server.url)
    made.configure(f"""\
        service:
          token: {{file: {mount.directory}/token}}
          key: {{file: {mount.directory}/key}}
          reconnect: {{first: 100ms, max: 1s}}
        targets: {{app: {{files: [{{path: {tmp_path}/app.json}}]}}}}
        """)
    return made


def condition(home: Home, kind: str) -> dict[str, object]:
    conditions = home.target("app").get("conditions", [])
    assert isinstance(conditions, list)
    return next((one for one in conditions if one["type"] == kind), {})


def _until_written(path: Path, content: bytes) -> None:
    eventually(lambda: path.read_bytes() == content, within_s=60)


def test_a_token_file_that_is_switched_three_times_is_used_by_the_next_request(
    home: Home, service: Service, mount: Mount, server: FaultServer
) -> None:
    mount.show(token="token-0\n", key=OLD)
    with home.agent() as agent:
        for number in (1, 2, 3):
            # The service takes the new token before we have it: what comes meanwhile is refused.
            service.token = f"token-{number}"
            service.content = f'{{"n": {number + 1}}}'.encode()
            assert home.ask("sync", "--wait").returncode == 4
            mount.show(token=f"token-{number}\n", key=OLD)
            _until_written(home.root / "app.json", service.content)
        assert "token-" not in agent.out + agent.err
    assert "token-" not in str(home.status())


def test_both_sides_of_a_key_rotation_are_decrypted_and_the_key_in_use_is_told(
    home: Home, service: Service, mount: Mount
) -> None:
    old, new = EncryptionKey(OLD).fingerprint, EncryptionKey(NEW).fingerprint
    mount.show(token="token-0", key=f"{OLD}\n")
    with home.agent() as agent:
        eventually(lambda: condition(home, "Decrypted").get("reason") == "NewestKey", within_s=60)

        mount.show(token="token-0", key=f"{NEW}\n{OLD}\n")
        eventually(lambda: condition(home, "Decrypted").get("reason") == "OlderKey", within_s=60)
        said = str(condition(home, "Decrypted")["message"])
        assert old in said
        assert new in said
        assert "number 2 of 2" in said

        service.key, service.content = NEW, b'{"n": 2}'
        assert home.ask("sync", "--wait").returncode == 0
        assert (home.root / "app.json").read_bytes() == b'{"n": 2}'
        eventually(lambda: condition(home, "Decrypted").get("reason") == "NewestKey", within_s=60)
        _until_told(agent, before=old, now=new)

        mount.show(token="token-0", key=f"{NEW}\n")
        assert home.ask("sync", "--wait").returncode == 0  # from here on no pass has the old key
        service.key, service.content = OLD, b'{"n": 3}'
        eventually(lambda: home.ask("sync", "--wait").returncode == 7, within_s=60)
        eventually(lambda: condition(home, "Decrypted").get("status") == "False", within_s=60)
        assert (home.root / "app.json").read_bytes() == b'{"n": 2}'
        seen = agent.out + agent.err + str(home.status()) + home.ask("status").stdout
    for secret in (OLD, NEW, "token-0"):
        assert secret not in seen


def _until_told(agent: Started, *, before: str, now: str) -> None:
    def told() -> bool:
        return any(
            (line["level"], line["before"], line["key"], line["number"]) == ("info", before, now, 1)
            for line in agent.events("key.served")
        )

    eventually(told, within_s=60)
