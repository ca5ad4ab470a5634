"""Mutual TLS: what a server says of our certificate, and a pair of files that is replaced while we run."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from config_sync.errors import CredentialError, ServiceError, TlsFailed
from config_sync.http.client_pair import ClientPair
from config_sync.http.failures import StreamRenewed
from config_sync.http.fetching import Fetcher
from config_sync.http.streaming import open_stream
from config_sync.http.tls import Tls
from config_sync.stop import Stop
from tests import faults
from tests.certificates import Mounted, encrypted, mutual, served
from tests.faults import FaultServer, answer, stream

TOKEN = {"X-Service-Token": "SECRET-CANARY"}


@pytest.fixture(scope="session")
def clients() -> trustme.CA:
    """Who issues the certificates of clients."""
    return trustme.CA()


def written(directory: Path, pair: trustme.LeafCert) -> ClientPair:
    """The pair in two files, replaced whole."""
    for name, content in (("c.pem", pair.cert_chain_pems[0].bytes()), ("k.pem", pair.private_key_pem.bytes())):
        (directory / f"{name}.new").write_bytes(content)
        (directory / f"{name}.new").chmod(0o600)
        (directory / f"{name}.new").replace(directory / name)
    return ClientPair(str(directory / "c.pem"), str(directory / "k.pem"))


def fetched(tls: Tls, url: str) -> bytes:
    fetcher = Fetcher(tls)
    try:
        return fetcher.get(url, TOKEN, timeout_s=10, max_bytes=100, stop=Stop()).body
    finally:
        fetcher.close()


def streamed(tls: Tls, url: str) -> bytes:
    async def read() -> bytes:
        async with open_stream(url, TOKEN, tls=tls, connect_timeout_s=10, idle_timeout_s=10) as opened:
            return await anext(opened.chunks())

    return asyncio.run(read())


ways = pytest.mark.parametrize("way", [fetched, streamed], ids=["fetch", "stream"])
versions = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
Way = Callable[[Tls, str], bytes]


@ways
@versions
def test_a_server_that_wants_a_certificate_gets_ours(
    way: Way, version: ssl.TLSVersion, tmp_path: Path, authority: trustme.CA, clients: trustme.CA, ca_file: Path
) -> None:
    pair = written(tmp_path, clients.issue_cert("agent.example"))
    with FaultServer(stream(b": hi\n\n"), tls=mutual(authority, clients, version=version)) as server:
        assert way(Tls(str(ca_file), client_pair=pair), server.url).startswith(b": hi")


@ways
@versions
def test_a_server_that_misses_one_is_told_with_the_setting(
    way: Way, version: ssl.TLSVersion, authority: trustme.CA, clients: trustme.CA, ca_file: Path
) -> None:
    with FaultServer(answer(200, b"hi"), tls=mutual(authority, clients, version=version)) as server:
        with pytest.raises(ServiceError) as caught:
            way(Tls(str(ca_file)), server.url)
    assert "service.client_cert" in str(caught.value.hint)
    # TLS 1.2 has no alert of its own for it (RFC 5246 7.2.2): handshake_failure may mean anything.
    expected = "ClientCertRequired" if version is ssl.TLSVersion.TLSv1_3 else "HandshakeFailed"
    assert caught.value.reason in (expected, *_lost(way, version))
    assert server.requests == []


@ways
@versions
def test_a_server_that_refuses_ours_is_told_apart(
    way: Way, version: ssl.TLSVersion, tmp_path: Path, authority: trustme.CA, clients: trustme.CA, ca_file: Path
) -> None:
    pair = written(tmp_path, trustme.CA().issue_cert("agent.example"))
    with FaultServer(answer(200, b"hi"), tls=mutual(authority, clients, version=version)) as server:
        with pytest.raises(ServiceError) as caught:
            way(Tls(str(ca_file), client_pair=pair), server.url)
    assert "service.client_cert" in str(caught.value.hint)
    assert caught.value.reason in ("ClientCertRejected", *_lost(way, version))
    assert server.requests == []


def _lost(way: Way, version: ssl.TLSVersion) -> tuple[str, ...]:
    """With TLS 1.3 the server's word comes after our handshake; asyncio loses it where our request crosses it."""
    return ("ConnectionReset", "HungUp") if way is streamed and version is ssl.TLSVersion.TLSv1_3 else ()


class World:
    """A server that takes the certificates of `first` to begin with, and a fetcher that keeps its connections."""

    def __init__(self, directory: Path, ca_file: Path, first: trustme.CA) -> None:
        self.mounted = Mounted(directory / "mounted")
        self.mounted.put(first.issue_cert("agent.example"), number=1)
        self.pair = ClientPair(str(self.mounted.cert_file), str(self.mounted.key_file))
        self.warned: list[str] = []
        self.noted: list[str] = []
        self.tls = Tls(str(ca_file), client_pair=self.pair, warn=self.warned.append, note=self.noted.append)
        self.fetcher = Fetcher(self.tls)

    def get(self, url: str) -> bytes:
        return self.fetcher.get(url, TOKEN, timeout_s=10, max_bytes=100, stop=Stop()).body


def test_a_pair_that_is_switched_is_used_by_the_next_fetch_also_on_a_kept_connection(
    tmp_path: Path, authority: trustme.CA, clients: trustme.CA, ca_file: Path
) -> None:
    world = World(tmp_path, ca_file, clients)
    with FaultServer(answer(200, b"hi"), tls=mutual(authority, clients)) as server:
        for number in (2, 3, 4):
            assert [world.get(server.url) for _ in range(2)] == [b"hi", b"hi"]
            world.mounted.put(clients.issue_cert("agent.example"), number=number)
        assert world.get(server.url) == b"hi"
        world.fetcher.close()
    assert server.connections == 4
    assert len(world.noted) == 3
    assert world.warned == []


def test_one_whose_halves_do_not_belong_together_leaves_the_old_one_in_force_and_is_told_of_once(
    tmp_path: Path, authority: trustme.CA, clients: trustme.CA, ca_file: Path
) -> None:
    pair = written(tmp_path, clients.issue_cert("agent.example"))
    warned: list[str] = []
    tls = Tls(str(ca_file), client_pair=pair, warn=warned.append)
    fetcher = Fetcher(tls)
    renewed = clients.issue_cert("agent.example")
    with FaultServer(answer(200, b"hi"), tls=mutual(authority, clients)) as server:

        def get() -> bytes:
            return fetcher.get(server.url, TOKEN, timeout_s=10, max_bytes=100, stop=Stop()).body

        get()
        (tmp_path / "c.new").write_bytes(renewed.cert_chain_pems[0].bytes())
        (tmp_path / "c.new").replace(pair.cert_file)  # a rotation, half done
        before = tls.context()
        assert [get(), get()] == [b"hi", b"hi"]
        assert tls.context() is before
        assert len(warned) == 1
        assert "does not belong to" in warned[0]
        (tmp_path / "k.new").write_bytes(renewed.private_key_pem.bytes())
        (tmp_path / "k.new").replace(pair.key_file)
        assert get() == b"hi"
        assert tls.context() is not before
        assert len(warned) == 1
        Path(pair.key_file).unlink()
        assert get() == b"hi"
        assert len(warned) == 2
        assert "No such file" in warned[1]
        fetcher.close()


def test_a_stream_is_left_for_the_new_pair_and_not_for_a_bad_one(
    tmp_path: Path, authority: trustme.CA, clients: trustme.CA, ca_file: Path
) -> None:
    world = World(tmp_path, ca_file, clients)

    async def follow(url: str) -> None:
        async with open_stream(url, TOKEN, tls=world.tls, connect_timeout_s=10, idle_timeout_s=600) as opened:
            chunks = opened.chunks()
            assert (await anext(chunks)).startswith(b": hi")
            world.mounted.put(clients.issue_cert("agent.example"), number=2)
            (world.mounted.directory / "..2" / "tls.key").write_bytes(b"none")
            await asyncio.to_thread(world.tls.context)
            assert len(world.warned) == 1
            waiting = asyncio.ensure_future(_next(chunks))
            done, _ = await asyncio.wait({waiting}, timeout=0.2)
            assert not done
            world.mounted.put(clients.issue_cert("agent.example"), number=3)
            await asyncio.to_thread(world.tls.context)  # as a fetch in a worker does
            with pytest.raises(StreamRenewed, match="files behind TLS changed"):
                await asyncio.wait_for(waiting, 60)

    with FaultServer(stream(b": hi\n\n", then=faults.half_open), tls=mutual(authority, clients)) as server:
        asyncio.run(follow(server.url))


async def _next(chunks: object) -> bytes:
    assert hasattr(chunks, "__anext__")
    found: bytes = await chunks.__anext__()
    return found


def test_a_private_ca_that_is_replaced_is_trusted_by_the_next_fetch(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    path = tmp_path / "ca.pem"
    old.cert_pem.write_to_path(path)
    fetcher = Fetcher(Tls(str(path)))
    contexts = [served(authority.issue_cert("localhost")) for authority in (old, new)]
    with (
        FaultServer(answer(200, b"1"), tls=contexts[0]) as first,
        FaultServer(answer(200, b"2"), tls=contexts[1]) as second,
    ):
        assert fetcher.get(first.url, {}, timeout_s=10, max_bytes=10, stop=Stop()).body == b"1"
        with pytest.raises(TlsFailed):
            fetcher.get(second.url, {}, timeout_s=10, max_bytes=10, stop=Stop())
        new.cert_pem.write_to_path(tmp_path / "new.pem")
        (tmp_path / "new.pem").replace(path)
        assert fetcher.get(second.url, {}, timeout_s=10, max_bytes=10, stop=Stop()).body == b"2"
    fetcher.close()


# ---- pairs that cannot be used


def _encrypted(directory: Path, pair: ClientPair, leaf: trustme.LeafCert) -> None:
    Path(pair.key_file).write_bytes(encrypted(leaf))


def _mismatched(directory: Path, pair: ClientPair, leaf: trustme.LeafCert) -> None:
    Path(pair.key_file).write_bytes(trustme.CA().issue_cert("other.example").private_key_pem.bytes())


def _no_certificate(directory: Path, pair: ClientPair, leaf: trustme.LeafCert) -> None:
    Path(pair.cert_file).write_bytes(b"SECRET-CANARY")


def _no_key(directory: Path, pair: ClientPair, leaf: trustme.LeafCert) -> None:
    Path(pair.key_file).write_bytes(b"SECRET-CANARY")


def _missing_certificate(directory: Path, pair: ClientPair, leaf: trustme.LeafCert) -> None:
    Path(pair.cert_file).unlink()


def _missing_key(directory: Path, pair: ClientPair, leaf: trustme.LeafCert) -> None:
    Path(pair.key_file).unlink()


def _a_directory(directory: Path, pair: ClientPair, leaf: trustme.LeafCert) -> None:
    Path(pair.key_file).unlink()
    Path(pair.key_file).mkdir()


def _a_fifo(directory: Path, pair: ClientPair, leaf: trustme.LeafCert) -> None:
    Path(pair.key_file).unlink()
    os.mkfifo(pair.key_file)


@pytest.mark.parametrize(
    ("spoil", "says", "hints"),
    [
        (_encrypted, "k.pem is encrypted", "openssl pkey"),
        (_mismatched, "does not belong to the certificate", "one issuance"),
        (_no_certificate, "cert_file .*c.pem does not hold", "BEGIN"),
        (_no_key, "key_file .*k.pem does not hold", "BEGIN"),
        (_missing_certificate, "cert_file .*c.pem cannot be read: No such file", "uid"),
        (_missing_key, "key_file .*k.pem cannot be read: No such file", "uid"),
        (_a_directory, "key_file .*k.pem is no regular file", "PEM"),
        (_a_fifo, "key_file .*k.pem is no regular file", "PEM"),
    ],
    ids=["encrypted", "mismatched", "no-certificate", "no-key", "no-cert-file", "no-key-file", "directory", "fifo"],
)
def test_a_pair_that_cannot_be_used_is_told_by_file_and_never_by_content(
    spoil: Callable[[Path, ClientPair, trustme.LeafCert], None],
    says: str,
    hints: str,
    tmp_path: Path,
    clients: trustme.CA,
    ca_file: Path,
) -> None:
    leaf = clients.issue_cert("agent.example")
    pair = written(tmp_path, leaf)
    spoil(tmp_path, pair, leaf)
    with pytest.raises(CredentialError, match=says) as caught:
        pair.check()
    told = f"{caught.value.message} {caught.value.hint} {caught.value.__cause__}"
    assert hints in told
    assert "CANARY" not in told
    with pytest.raises((CredentialError, ServiceError)):
        fetched(Tls(str(ca_file), client_pair=pair), "https://localhost:1")


def test_a_key_that_every_user_can_read_is_a_doubt(tmp_path: Path, clients: trustme.CA) -> None:
    pair = written(tmp_path, clients.issue_cert("agent.example"))
    assert pair.doubts() == ()
    Path(pair.key_file).chmod(0o644)
    assert "every user of this machine can read" in pair.doubts()[0]
