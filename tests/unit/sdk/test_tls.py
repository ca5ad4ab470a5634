"""The SDK over TLS: a private CA by a given client, or in the machine's store; nothing else is trusted."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path

import httpx
import pytest

from config_sync import (
    ConfigClient,
    ConnectionError,  # noqa: A004
    Options,
    Snapshot,
)
from tests import faults
from tests.faults import FaultServer, stream
from tests.service import KEY, TOKEN
from tests.unit.http.conftest import authority, ca_file, good_tls  # noqa: F401  # fixtures
from tests.unit.sdk.asking import SHAPES, ask, gives
from tests.unit.sdk.watches import event, service

shapes = pytest.mark.parametrize("shape", SHAPES)


@shapes
def test_an_unknown_ca_is_refused_and_nothing_is_sent(shape: str, good_tls: ssl.SSLContext) -> None:  # noqa: F811
    with FaultServer(gives({"a": 1}), tls=good_tls) as server:
        with pytest.raises(ConnectionError, match="certificate") as caught:
            ask(shape, server.url, retry_count=3)
    assert server.requests == []
    assert "verify=ssl.create_default_context" in str(caught.value.hint)


def test_a_given_client_brings_its_ca(ca_file: Path, good_tls: ssl.SSLContext) -> None:  # noqa: F811
    with FaultServer(gives({"a": 1}), tls=good_tls) as server:
        with httpx.Client(verify=ssl.create_default_context(cafile=str(ca_file))) as http:
            assert ask("sync-given", server.url, client=http) == {"a": 1}


@pytest.mark.parametrize("is_given", [False, True], ids=["own", "given"])
def test_a_watch_over_tls_ends_at_once_too(
    is_given: bool,
    ca_file: Path,  # noqa: F811
    good_tls: ssl.SSLContext,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))  # where OpenSSL looks for the machine's CAs
    behaviour = service(config=gives({"a": 1}), watch=stream(event(), then=faults.half_open))
    given = httpx.Client(verify=ssl.create_default_context(cafile=str(ca_file))) if is_given else None
    with FaultServer(behaviour, tls=good_tls) as server:
        client = ConfigClient(Options(server.url, TOKEN, KEY, given))
        snapshot: Snapshot[dict[str, object]] = Snapshot()
        thread = threading.Thread(target=client.watch_and_decode, args=("app", dict, snapshot))
        thread.start()
        assert snapshot.wait_for_change(5, since=0)
        client.close()
        thread.join(0.3)
        assert not thread.is_alive()
    if given is not None:
        given.close()
