"""Real processes behind a real proxy: what goes through it, what it refuses, and a password that shows nowhere."""

from __future__ import annotations

import base64
import json
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from config_sync.crypto import encrypt
from config_sync.model import EncryptionKey
from tests import faults
from tests.certificates import served
from tests.faults import Conversation, FaultServer, answer, refused_port, stream
from tests.program import Home, assert_refused, home_at
from tests.proxying import ProxyServer
from tests.service import KEY
from tests.waiting import eventually

PASSWORD = "hunter2-canary"
ENCODED = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
NAME = "config.test"
"""A name that only the proxy knows."""


def serves(conversation: Conversation) -> bool | None:
    if conversation.request.target.endswith("/watch"):
        event = json.dumps({"config_name": "app", "version": 1})
        return stream(f"data: {event}\n\n".encode(), then=faults.half_open)(conversation)
    return answer(200, encrypt(b'{"n": 1}', EncryptionKey(KEY), os.urandom(12)))(conversation)


@dataclass(frozen=True)
class World:
    home: Home
    tls: ssl.SSLContext

    def configure(self, proxy: str, *, scheme: str = "https") -> None:
        self.home.configure(f"""\
            service:
              host: {scheme}://{NAME}
              ca_file: {self.home.root}/ca.pem
              allow_insecure: true
              proxy: {proxy}
              reconnect: {{first: 100ms, max: 1s}}
            targets: {{app: {{files: [{{path: {self.home.root}/app.json}}]}}}}
            """)


@pytest.fixture
def world(tmp_path: Path) -> World:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return World(home_at(tmp_path, "https://unused.example"), served(authority.issue_cert(NAME)))


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_the_agent_fetches_and_follows_through_the_proxy_and_its_password_shows_nowhere(
    world: World, scheme: str
) -> None:
    tls, port = (world.tls, 443) if scheme == "https" else (None, 80)
    with FaultServer(serves, tls=tls) as server, ProxyServer({f"{NAME}:{port}": server.port}) as between:
        world.configure(between.url(f"ann:{PASSWORD}"), scheme=scheme)
        with world.home.agent() as agent:
            eventually(lambda: any(one.target.endswith("/watch") for one in server.requests), within_s=60)
            eventually(lambda: _connected(world.home), within_s=60)
            assert (world.home.root / "app.json").read_bytes() == b'{"n": 1}'
            seen = world.home.ask("status").stdout + str(world.home.status()) + world.home.ask("check").stderr
            between.status = 407
            between.routes.clear()
            server.break_off()
            eventually(lambda: "ProxyAuthRequired" in str(world.home.status()), within_s=60)
            seen += str(world.home.status())
        seen += agent.out + agent.err
    assert {one.method for one in between.asked} == {"CONNECT" if scheme == "https" else "GET"}
    assert all(one.headers["proxy-authorization"] == f"Basic {ENCODED}" for one in between.asked)
    assert "x-service-token" not in (between.asked[0].headers if scheme == "https" else {})
    for secret in (PASSWORD, ENCODED):
        assert secret not in seen


def _connected(home: Home) -> bool:
    conditions = home.target("app").get("conditions", [])
    assert isinstance(conditions, list)
    return any(one["type"] == "Connected" and one["status"] == "True" for one in conditions)


@pytest.mark.parametrize(
    ("status", "reason", "says", "hint"),
    [
        (407, "ProxyAuthRequired", "wants to know who asks", "service.proxy"),
        (403, "ProxyRefused", "does not allow it", "proxy's rules"),
        (502, "ProxyFailed", "it cannot reach it", "as the proxy sees it"),
    ],
    ids=["407", "403", "502"],
)
def test_what_a_proxy_answers_has_its_own_reason(world: World, status: int, reason: str, says: str, hint: str) -> None:
    with ProxyServer(status=status) as between:
        world.configure(between.url(f"ann:{PASSWORD}"))
        done = world.home.once("--fresh")
    assert_refused(done, 6, f"the proxy http://127.0.0.1:{between.port}", says, hint)
    _assert_reason(world.home, reason)
    assert PASSWORD not in done.stderr


@pytest.mark.parametrize(("status", "reason"), [(407, "ProxyAuthRequired"), (502, "ProxyFailed")], ids=["407", "502"])
def test_what_a_forwarding_proxy_answers_is_told_as_its(world: World, status: int, reason: str) -> None:
    with ProxyServer(status=status) as between:
        world.configure(between.url(), scheme="http")
        assert_refused(world.home.once("--fresh"), 6, f"through the proxy http://127.0.0.1:{between.port}")
    _assert_reason(world.home, reason)


def test_a_proxy_that_is_not_there_is_not_taken_for_the_service(world: World) -> None:
    with refused_port() as port:
        world.configure(f"http://ann:{PASSWORD}@127.0.0.1:{port}")
        done = world.home.once("--fresh")
    assert_refused(done, 6, f"the proxy http://127.0.0.1:{port}: connecting: Connection refused", "service.proxy")
    _assert_reason(world.home, "ProxyUnreachable")
    assert PASSWORD not in done.stderr


def _assert_reason(home: Home, reason: str) -> None:
    error = home.target("app")["error"]
    assert isinstance(error, dict)
    assert error["reason"] == reason


def test_the_proxy_of_the_environment_is_used_where_the_settings_say_so(world: World) -> None:
    with FaultServer(serves, tls=world.tls) as server, ProxyServer({f"{NAME}:443": server.port}) as between:
        world.configure("env")
        environment = {"HTTPS_PROXY": between.url(f"ann:{PASSWORD}"), "NO_PROXY": "other.example"}
        assert world.home.once(env=environment).returncode == 0
        assert len(between.asked) == 1
        excepted = world.home.once("--fresh", env={**environment, "NO_PROXY": f".{NAME}"})
        assert excepted.returncode == 6, "nobody else knows the name"
        assert len(between.asked) == 1
        refused = world.home.once(env={"HTTPS_PROXY": f"socks5://ann:{PASSWORD}@127.0.0.1:1"})
        assert_refused_settings(refused.stderr, "$HTTPS_PROXY: SOCKS proxies are not supported")
        assert refused.returncode == 3


def assert_refused_settings(told: str, words: str) -> None:
    assert words in told
    assert PASSWORD not in told
