"""TLS as real processes meet it: each refusal with its reason; a client certificate that is replaced while they run."""

from __future__ import annotations

import datetime
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from config_sync.crypto import encrypt
from config_sync.model import EncryptionKey
from tests import faults
from tests.certificates import Mounted, encrypted, mutual, served
from tests.faults import Conversation, FaultServer, answer, stream
from tests.program import Home, assert_refused, files_in, home_at
from tests.service import KEY
from tests.waiting import eventually

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def sealed(plaintext: bytes = b'{"n": 1}') -> bytes:
    return encrypt(plaintext, EncryptionKey(KEY), os.urandom(12))


@dataclass(frozen=True)
class World:
    """A private CA, one for the certificates of clients, and a home that trusts the first."""

    authority: trustme.CA
    clients: trustme.CA
    home: Home

    @property
    def mounted(self) -> Mounted:
        return Mounted(self.home.root / "pair")

    def configure(self, *, service: str = "", client_cert: bool = False) -> None:
        pair = f"client_cert: {{cert_file: {self.mounted.cert_file}, key_file: {self.mounted.key_file}}}"
        self.home.configure(f"""\
            service:
              ca_file: {self.home.root}/ca.pem
              reconnect: {{first: 100ms, max: 1s}}
              {pair if client_cert else ""}
              {service}
            targets: {{app: {{files: [{{path: {self.home.root}/app.json}}]}}}}
            """)

    def at(self, url: str) -> dict[str, str]:
        return {"CONFIG_SERVICE_HOST": url}


@pytest.fixture
def world(tmp_path: Path) -> World:
    authority = trustme.CA()
    home = home_at(tmp_path, "https://localhost:1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return World(authority, trustme.CA(), home)


REFUSALS: dict[str, tuple[Callable[[World], ssl.SSLContext | None], str, str, str]] = {
    "wrong-host": (
        lambda world: served(world.authority.issue_cert("elsewhere.example")),
        "WrongHost",
        "Hostname mismatch",
        "service.host",
    ),
    "expired": (
        lambda world: served(world.authority.issue_cert("localhost", not_before=NOW - 9 * DAY, not_after=NOW - DAY)),
        "CertificateExpired",
        "certificate has expired",
        "clock says",
    ),
    "not-yet-valid": (
        lambda world: served(world.authority.issue_cert("localhost", not_before=NOW + DAY, not_after=NOW + 9 * DAY)),
        "CertificateNotYetValid",
        "not yet valid",
        "clock says",
    ),
    "unknown-ca": (
        lambda _: served(trustme.CA().issue_cert("localhost")),
        "UnknownCa",
        "the certificate of https://localhost",
        "service.ca_file",
    ),
    "client-cert-required": (
        lambda world: mutual(world.authority, world.clients),
        "ClientCertRequired",
        "asks for a client certificate",
        "service.client_cert",
    ),
    "client-cert-required-by-tls-1.2": (
        lambda world: mutual(world.authority, world.clients, version=ssl.TLSVersion.TLSv1_2),
        "HandshakeFailed",
        "the TLS handshake with https://localhost",
        "service.client_cert",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_each_refusal_of_tls_has_its_reason_and_no_token_is_sent(world: World, name: str) -> None:
    make, reason, says, hint = REFUSALS[name]
    world.configure()
    with FaultServer(answer(200, sealed()), tls=make(world)) as server:
        done = world.home.once(env=world.at(server.url))
    assert_refused(done, 6, says, hint)
    error = world.home.target("app")["error"]
    assert isinstance(error, dict)
    assert error["reason"] == reason
    assert server.requests == []
    assert not (world.home.root / "app.json").exists()


def test_a_port_without_tls_is_told(world: World) -> None:
    world.configure()
    with FaultServer(faults.half_open, greeting=b"220 mail.example ESMTP\r\n") as server:
        done = world.home.once(env=world.at(f"https://localhost:{server.port}"))
    assert_refused(done, 6, "the TLS handshake", "http://")


# ---- mutual TLS


class Records:
    """Answers fetches and watches, and remembers the certificate of who asked, by its serial number."""

    def __init__(self) -> None:
        self.fetches: list[str] = []
        self.watches: list[str] = []

    def __call__(self, conversation: Conversation) -> bool | None:
        assert isinstance(conversation.sock, ssl.SSLSocket)
        shown = conversation.sock.getpeercert()
        serial = str((shown or {}).get("serialNumber"))
        if conversation.request.target.endswith("/watch"):
            self.watches.append(serial)
            return stream(b": hi\n\n", then=faults.half_open)(conversation)
        self.fetches.append(serial)
        return answer(200, sealed())(conversation)


def _until_new(serials: list[str], known: set[str]) -> None:
    """Somebody asked with a certificate that was not seen before."""
    eventually(lambda: set(serials) - known, within_s=60)


def test_a_pair_that_is_replaced_is_used_at_once_by_fetches_and_streams_without_a_restart(world: World) -> None:
    world.mounted.put(world.clients.issue_cert("agent.example"), number=1)
    world.configure(client_cert=True)
    seen = Records()
    with FaultServer(seen, tls=mutual(world.authority, world.clients)) as server:
        with world.home.agent(env=world.at(server.url)) as agent:
            eventually(lambda: seen.watches, within_s=60)
            for number in (2, 3):
                before = {*seen.fetches, *seen.watches}
                world.mounted.put(world.clients.issue_cert("agent.example"), number=number)
                _until_new(seen.fetches, before)
                _until_new(seen.watches, before)
            eventually(lambda: len(agent.events("tls.renewed")) == 2, within_s=60)
            assert agent.events("service.warned") == []
            files = files_in(world.home.root / "pair")

            wrong = world.clients.issue_cert("agent.example")
            world.mounted.put(wrong, number=4)  # with the key of another
            (world.mounted.directory / "..4" / "tls.key").write_bytes(trustme.CA().private_key_pem.bytes())
            assert files_in(world.home.root / "pair") != files
            eventually(lambda: agent.events("service.warned"), within_s=60)
            assert "stays in use" in str(agent.events("service.warned")[-1]["reason"])
            assert world.home.ask("sync", "--wait").returncode == 0
            assert world.home.target("app")["state"] == "synced"
            assert not agent.ended()


def test_a_certificate_that_the_server_refuses_is_told_apart(world: World) -> None:
    world.mounted.put(trustme.CA().issue_cert("agent.example"), number=1)
    world.configure(client_cert=True)
    with FaultServer(answer(200, sealed()), tls=mutual(world.authority, world.clients)) as server:
        assert_refused(world.home.once(env=world.at(server.url)), 6, "refuses our client certificate")
        world.mounted.put(world.clients.issue_cert("agent.example"), number=2)
        assert world.home.once(env=world.at(server.url)).returncode == 0


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_a_password(world: World) -> None:
    pair = world.clients.issue_cert("agent.example")
    world.mounted.put(pair, number=1)
    (world.mounted.directory / "..1" / "tls.key").write_bytes(encrypted(pair))
    world.configure(client_cert=True)
    assert_refused(world.home.once(), 3, "is encrypted", "openssl pkey")
    checked = world.home.ask("check")
    assert checked.returncode == 3
    assert "error: service.client_cert: the key in" in checked.stderr
    assert "openssl pkey" in checked.stderr


def test_check_looks_at_the_pair_and_the_ca(world: World) -> None:
    world.configure(client_cert=True)
    missing = world.home.ask("check")
    assert missing.returncode == 0, "it may be put there by the pod"
    assert "warning: service.client_cert: cert_file" in missing.stderr
    pair = world.clients.issue_cert("agent.example")
    world.mounted.put(pair, number=1)
    assert "client_cert" not in world.home.ask("check").stderr
    world.mounted.key_file.chmod(0o644)
    assert "every user of this machine can read the private key" in world.home.ask("check").stderr
    (world.mounted.directory / "..1" / "tls.key").write_bytes(trustme.CA().issue_cert("x").private_key_pem.bytes())
    mismatched = world.home.ask("check")
    assert mismatched.returncode == 3
    assert "does not belong to the certificate" in mismatched.stderr
    (world.home.root / "ca.pem").write_text("none")
    assert "error: service.ca_file" in world.home.ask("check").stderr


def test_a_key_log_is_warned_about(world: World) -> None:
    world.configure()
    tls = served(world.authority.issue_cert("localhost"))
    with FaultServer(answer(200, sealed()), tls=tls) as server:
        done = world.home.once(env={**world.at(server.url), "SSLKEYLOGFILE": str(world.home.root / "keys")})
    assert done.returncode == 0
    assert "SSLKEYLOGFILE is set" in done.stderr
