"""TLS as it must be: the right CA works, everything else is refused with a hint that helps."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config_sync.errors import ServiceUnavailable, TlsFailed
from config_sync.http.fetching import Fetcher, Response
from config_sync.http.tls import Tls
from config_sync.stop import Stop
from tests import faults
from tests.faults import FaultServer, answer
from tests.waiting import eventually


def get(tls: Tls, url: str, *, timeout_s: float = 5.0) -> Response:
    fetcher = Fetcher(tls)
    try:
        return fetcher.get(url, {"X-Service-Token": "SECRET-CANARY"}, timeout_s=timeout_s, max_bytes=100, stop=Stop())
    finally:
        fetcher.close()


def test_a_private_ca_is_trusted(ca_file: Path, good_tls: ssl.SSLContext) -> None:
    with FaultServer(answer(200, b"hello"), tls=good_tls) as server:
        assert get(Tls(str(ca_file)), server.url).body == b"hello"


def test_a_connection_with_tls_is_kept(ca_file: Path, good_tls: ssl.SSLContext) -> None:
    fetcher = Fetcher(Tls(str(ca_file)))
    with FaultServer(answer(200, b"hello"), tls=good_tls) as server:
        for _ in range(3):
            fetcher.get(server.url, {}, timeout_s=5, max_bytes=100, stop=Stop())
        fetcher.close()
    assert server.connections == 1


@pytest.mark.parametrize(
    ("served", "says", "hints"),
    [
        ("other_name_tls", "Hostname mismatch", "service.host"),
        ("expired_tls", "certificate has expired", "clock says"),
        ("future_tls", "certificate is not yet valid", "clock says"),
    ],
    ids=["wrong-host", "expired", "not-yet-valid"],
)
def test_a_certificate_that_does_not_hold_is_refused_with_the_reason(
    ca_file: Path, served: str, says: str, hints: str, request: pytest.FixtureRequest
) -> None:
    context: ssl.SSLContext = request.getfixturevalue(served)
    with FaultServer(answer(200, b"hello"), tls=context) as server:
        with pytest.raises(TlsFailed, match=says) as caught:
            get(Tls(str(ca_file)), server.url)
    assert caught.value.hint is not None
    assert hints in caught.value.hint
    assert server.requests == []  # the token was never sent


def test_an_unknown_ca_is_refused_and_the_hint_names_the_setting(good_tls: ssl.SSLContext) -> None:
    with FaultServer(answer(200, b"hello"), tls=good_tls) as server:
        with pytest.raises(TlsFailed, match="certificate") as caught:
            get(Tls(), server.url)
    assert caught.value.hint is not None
    assert "service.ca_file" in caught.value.hint
    assert server.requests == []


def test_a_plain_server_behind_https_is_told(ca_file: Path) -> None:
    with FaultServer(faults.half_open, greeting=b"220 mail.example ESMTP\r\n") as server:
        with pytest.raises(TlsFailed, match="handshake") as caught:
            get(Tls(str(ca_file)), f"https://localhost:{server.port}")
        assert caught.value.hint is not None
        assert "TLS" in caught.value.hint
    assert server.requests == []


def test_a_handshake_that_hangs_ends_at_the_deadline(ca_file: Path) -> None:
    with FaultServer(faults.half_open) as server:
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable, match=r"the TLS handshake: not done within 1\.5 s"):
            get(Tls(str(ca_file)), f"https://localhost:{server.port}", timeout_s=1.5)
        assert time.monotonic() - began < 30


def test_a_server_that_hangs_up_in_the_handshake_is_unavailable_and_not_insecure(ca_file: Path) -> None:
    with FaultServer(faults.half_open, greeting=b"") as server:
        with pytest.raises(ServiceUnavailable, match="the TLS handshake"):
            get(Tls(str(ca_file)), f"https://localhost:{server.port}")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (Path.exists, "No such file or directory"),
        (lambda path: path.write_text("not a certificate"), "no certificate"),
        (Path.mkdir, "Is a directory|no certificate"),
    ],
    ids=["missing", "no-pem", "directory"],
)
def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path, make: Callable[[Path], object], says: str) -> None:
    path = tmp_path / "ca.pem"
    make(path)
    with pytest.raises(TlsFailed, match=f"{path}.*({says})"):
        get(Tls(str(path)), "https://localhost:1")


def test_with_a_private_ca_the_default_ones_are_not_loaded(ca_file: Path) -> None:
    assert len(Tls(str(ca_file)).context().get_ca_certs()) == 1


def test_the_context_is_made_once_and_insists_on_names() -> None:
    tls = Tls()
    context = tls.context()
    assert tls.context() is context
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_key_log_is_warned_about_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    said: list[str] = []
    tls = Tls(warn=said.append)
    tls.context()
    tls.context()
    assert len(said) == 1
    assert "SSLKEYLOGFILE" in said[0]


def test_no_context_is_made_for_plain_http() -> None:
    with FaultServer(answer(200, b"hello")) as server:
        assert get(Tls("/no/such/file"), server.url).body == b"hello"
        eventually(lambda: server.open_connections == 0)
