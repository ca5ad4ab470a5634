"""The client and its commands against the embedded service: real HTTP, real ciphertext, real processes."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme

from config_sync.client import Endpoint, HttpService
from config_sync.client.streams import HttpStreams
from config_sync.credentials import default_token
from config_sync.crypto import decrypt, encrypt
from config_sync.devserver.server import RunningService
from config_sync.errors import Exit, NotFound, Unauthorized
from config_sync.model import ConfigName, ConfigRef, EncryptionKey
from config_sync.stop import Stop
from tests import faults
from tests.certificates import served
from tests.faults import FaultServer, answer, in_turn
from tests.service import KEY, TOKEN, write_config
from tests.waiting import eventually

APP = ConfigRef(ConfigName("app"))


def endpoint_at(config_service: RunningService, *, token: str = TOKEN) -> Endpoint:
    return Endpoint(config_service.url, default_token({"CONFIG_SERVICE_TOKEN": token}))


@pytest.fixture
def client(configs: Path, config_service: RunningService) -> Iterator[HttpService]:
    made = HttpService(endpoint_at(config_service))
    yield made
    made.close()


def fetch_when_served(client: HttpService, ref: ConfigRef, wanted: object) -> bytes:
    """The document once it is the wanted one: the service sees a changed file a moment later."""

    def look() -> bytes | None:
        try:
            plaintext = decrypt(client.fetch(ref, Stop()).ciphertext, [EncryptionKey(KEY)]).plaintext
        except NotFound:
            return None
        return plaintext if json.loads(plaintext) == wanted else None

    found = eventually(look)
    assert found is not None
    return found


def test_what_the_service_encrypts_the_client_decrypts(configs: Path, client: HttpService) -> None:
    write_config(configs, "app", {"env": "production"})
    fetch_when_served(client, APP, {"env": "production"})


def test_an_environment_and_a_pin_are_respected(configs: Path, client: HttpService) -> None:
    write_config(configs, "app", {"n": 1})
    write_config(configs, "app", {"n": "staging"}, environment="staging")
    fetch_when_served(client, ConfigRef(ConfigName("app"), "staging"), {"n": "staging"})
    fetch_when_served(client, APP, {"n": 1})
    first = client.fetch(APP, Stop()).version
    assert first is not None
    write_config(configs, "app", {"n": 2})
    fetch_when_served(client, APP, {"n": 2})
    fetch_when_served(client, ConfigRef(ConfigName("app"), version=first), {"n": 1})


def test_an_unchanged_config_has_the_same_ciphertext_and_a_changed_one_another(
    configs: Path, client: HttpService
) -> None:
    write_config(configs, "app", {"n": 1})
    fetch_when_served(client, APP, {"n": 1})
    first, second = client.fetch(APP, Stop()), client.fetch(APP, Stop())
    assert first.etag is not None
    assert second.ciphertext == first.ciphertext  # a fresh nonce would have made another: it was a 304
    write_config(configs, "app", {"n": 2})
    fetch_when_served(client, APP, {"n": 2})


def test_list_and_formats(configs: Path, client: HttpService) -> None:
    write_config(configs, "app", {"port": 80})
    fetch_when_served(client, APP, {"port": 80})
    assert [(info.name, info.is_valid) for info in client.list(Stop())] == [("app", True)]
    assert json.loads(client.get_formatted(ConfigName("app"), "json", Stop())) == {"port": 80}
    assert b"port: 80" in client.get_formatted(ConfigName("app"), "yaml", Stop())


def test_a_wrong_token_and_a_wrong_name_are_told_apart(config_service: RunningService, client: HttpService) -> None:
    with pytest.raises(NotFound):
        client.fetch(ConfigRef(ConfigName("no-such-config")), Stop())
    stranger = HttpService(endpoint_at(config_service, token="wrong"))
    with pytest.raises(Unauthorized):
        stranger.fetch(APP, Stop())
    stranger.close()


def test_a_change_arrives_on_the_stream(configs: Path, config_service: RunningService, client: HttpService) -> None:
    write_config(configs, "app", {"n": 1})
    fetch_when_served(client, APP, {"n": 1})

    async def first_event() -> bytes:
        received = b""
        async with HttpStreams(endpoint_at(config_service)).open(APP) as stream:
            write_config(configs, "app", {"n": 2})
            async for chunk in stream.chunks():
                received += chunk
                if b"data:" in received:
                    return received
        return received

    event = asyncio.run(asyncio.wait_for(first_event(), 60))
    assert b'"config_name"' in event


def run_command(*words: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONFIG_")}
    return subprocess.run(
        [sys.executable, "-m", "config_sync", *words], env={**kept, **environment}, capture_output=True, timeout=60
    )


def environment_of(url: str, *, token: str = TOKEN, key: str = KEY) -> dict[str, str]:
    return {"CONFIG_SERVICE_HOST": url, "CONFIG_SERVICE_TOKEN": token, "CONFIG_SERVICE_KEY": key}


def test_list_prints_every_config(configs: Path, config_service: RunningService, client: HttpService) -> None:
    write_config(configs, "app", {"n": 1})
    fetch_when_served(client, APP, {"n": 1})
    done = run_command("list", environment=config_service.environment)
    assert (done.returncode, done.stderr) == (Exit.DONE, b"")
    header, row = done.stdout.decode().splitlines()
    assert header.split()[:2] == ["NAME", "VALID"]
    assert row.split()[:2] == ["app", "yes"]
    done = run_command("list", "--json", environment=config_service.environment)
    assert [entry["name"] for entry in json.loads(done.stdout)] == ["app"]


def test_get_prints_the_exact_bytes(configs: Path, config_service: RunningService, client: HttpService) -> None:
    exact = b'{ "b": 1.10,\n  "a": [1e3] }'
    write_config(configs, "app", exact)
    fetch_when_served(client, APP, {"b": 1.1, "a": [1000.0]})
    done = run_command("get", "app", environment=config_service.environment)
    assert (done.returncode, done.stdout, done.stderr) == (Exit.DONE, exact, b"")


def test_get_writes_a_file_that_only_we_can_read(
    configs: Path, config_service: RunningService, client: HttpService, tmp_path: Path
) -> None:
    write_config(configs, "app", {"port": 80})
    fetch_when_served(client, APP, {"port": 80})
    path = tmp_path / "out.yaml"
    done = run_command("get", "app", "-f", "yaml", "-o", str(path), environment=config_service.environment)
    assert (done.returncode, done.stdout, done.stderr) == (Exit.DONE, b"", b"")
    assert path.read_bytes() == b"port: 80\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(os.listdir(tmp_path)) == {"configs", "out.yaml"}


SEALED = encrypt(b'{"n":1}', EncryptionKey(KEY), bytes(12))


@pytest.mark.parametrize(
    ("behaviour", "code", "says"),
    [
        (answer(401), Exit.UNAUTHORIZED, "401"),
        (answer(404), Exit.NOT_FOUND, "404"),
        (answer(302, Location="https://elsewhere.example/x"), Exit.SERVICE, "redirect to https://elsewhere.example,"),
        (answer(200, b"a" * (1 << 20) + b"a"), Exit.SERVICE, "service.max_size"),
        (answer(200, SEALED[:-1] + b"x"), Exit.DECRYPT, "wrong key or damaged data"),
        (answer(200, encrypt(b"{", EncryptionKey(KEY), bytes(12))), Exit.DOCUMENT, "JSON"),
        (answer(503, Retry_After="3600"), Exit.SERVICE, "503"),
    ],
    ids=["401", "404", "redirect", "too-large", "flipped", "no-json", "unavailable"],
)
def test_get_fails_with_one_line_a_hint_and_its_code(behaviour: faults.Behaviour, code: Exit, says: str) -> None:
    with FaultServer(behaviour) as server:
        done = run_command("get", "app", environment=environment_of(server.url))
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (code, b"")
    assert says in told
    assert "Traceback" not in told
    assert TOKEN not in told
    assert KEY not in told


def test_get_tries_again_while_the_service_is_unavailable() -> None:
    with FaultServer(in_turn(answer(503, Retry_After="0"), faults.reset, answer(200, SEALED))) as server:
        done = run_command("get", "app", environment=environment_of(server.url))
    assert (done.returncode, done.stdout) == (Exit.DONE, b'{"n":1}')
    assert done.stderr.count(b"trying again in") == 2


def test_get_over_tls_with_a_private_ca(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = served(authority.issue_cert("localhost"))
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"service: {{ca_file: {tmp_path}/ca.pem}}\ntargets: {{app: {{files: [{{path: {tmp_path}/app.json}}]}}}}\n"
    )
    with FaultServer(answer(200, SEALED), tls=context) as server:
        environment = environment_of(server.url)
        trusted = run_command("get", "app", "--config", str(settings), environment=environment)
        stranger = run_command("get", "app", environment=environment)
    assert (trusted.returncode, trusted.stdout) == (Exit.DONE, b'{"n":1}')
    assert (stranger.returncode, stranger.stdout) == (Exit.SERVICE, b"")
    assert b"service.ca_file" in stranger.stderr
    assert len(server.requests) == 1  # the stranger never got as far as sending the token
