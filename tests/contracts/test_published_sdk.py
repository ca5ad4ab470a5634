"""The published SDK (`config_client`, from the package index) as an independent judge of the embedded service."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from config_client import (
    ConfigChangeEvent,
    ConfigClient,
    DecryptionError,
    Format,
    GetOptions,
    NotFoundError,
    Options,
    Snapshot,
    UnauthorizedError,
)

from config_sync.devserver.server import RunningService
from tests.service import KEY, TOKEN, serving, write_config
from tests.waiting import eventually

RAW = b'{\n  "port": 8080, "ratio": 1.10, "name": "caf\xc3\xa9",\n  "database": {"host": "db", "tls": true}\n}\n'


@dataclass
class Database:
    """A part of `App`."""

    host: str
    tls: bool


@dataclass
class App:
    """What a program makes of `RAW`."""

    port: int
    ratio: float
    name: str
    database: Database


@pytest.fixture
def service(configs: Path) -> Iterator[RunningService]:
    """One config with two environments, and one YAML config."""
    write_config(configs, "app", RAW)
    write_config(configs, "app", {"port": 80}, environment="production")
    write_config(configs, "worker.yaml", "queue: jobs\nlimits: [1, 2]\n")
    with serving(configs) as running:
        yield running


@pytest.fixture
def client(service: RunningService) -> Iterator[ConfigClient]:
    """The published client, with the right token and key."""
    with ConfigClient(Options(service.url, TOKEN, KEY, retry_count=0)) as published:
        yield published


def test_list_tells_every_config_with_its_times(client: ConfigClient) -> None:
    found = client.list()
    assert [(one.name, one.is_valid) for one in found] == [("app", True), ("worker", True)]
    now = datetime.now(UTC)
    assert all(now - timedelta(minutes=1) < one.valid_from <= one.updated_at < now for one in found)


def test_get_decrypts_into_a_dict(client: ConfigClient) -> None:
    assert client.get("worker", dict) == {"queue": "jobs", "limits": [1, 2]}


def test_get_decrypts_into_a_nested_dataclass(client: ConfigClient) -> None:
    assert client.get("app", App) == App(8080, 1.1, "café", Database("db", True))


def test_get_raw_decrypts(client: ConfigClient) -> None:
    assert client.get_raw("app")["database"] == {"host": "db", "tls": True}


def test_get_bytes_gives_a_json_file_byte_for_byte(client: ConfigClient) -> None:
    assert client.get_bytes("app") == RAW


def test_an_environment_has_its_own_file_or_the_base_one(client: ConfigClient) -> None:
    assert client.get_raw("app", GetOptions(environment="production")) == {"port": 80}
    assert client.get_bytes("app", GetOptions(environment="staging")) == RAW


def test_an_earlier_version_stays_readable_after_a_change(client: ConfigClient, configs: Path) -> None:
    write_config(configs, "app", {"port": 9})
    eventually(lambda: client.get_raw("app") == {"port": 9})
    assert client.get_bytes("app", GetOptions(version=1)) == RAW
    assert client.get_raw("app", GetOptions(version=2)) == {"port": 9}
    with pytest.raises(NotFoundError):
        client.get_raw("app", GetOptions(version=3))


def test_formatted_json_is_the_document(client: ConfigClient) -> None:
    assert client.get_formatted("app", Format.JSON) == RAW


def test_formatted_yaml_reads_as_the_document(client: ConfigClient) -> None:
    loaded: object = yaml.safe_load(client.get_formatted("app", Format.YAML))
    assert loaded == client.get_raw("app")


def test_formatted_env_flattens(client: ConfigClient) -> None:
    text = client.get_formatted("app", Format.ENV).decode()
    assert text == "PORT='8080'\nRATIO='1.10'\nNAME='café'\nDATABASE__HOST='db'\nDATABASE__TLS='true'\n"


def test_watch_calls_back_for_each_change(service: RunningService, configs: Path) -> None:
    events: list[ConfigChangeEvent] = []
    with _watching(service, lambda client: client.watch("app", events.append)):
        write_config(configs, "app", {"port": 2})
        eventually(lambda: len(events) == 1)
        write_config(configs, "app", {"port": 3})
        eventually(lambda: len(events) == 2)
    assert [(one.config_name, one.version) for one in events] == [("app", 2), ("app", 3)]
    assert all(abs(datetime.now(UTC) - one.timestamp) < timedelta(minutes=1) for one in events)
    assert events[0].changed_by == (configs / "app.json").stat().st_uid


def test_watch_outlives_quiet_times_because_of_keep_alives(configs: Path) -> None:
    """The published watch shares its request timeout with the stream: only comments keep it open."""
    write_config(configs, "app", {"port": 1})
    events: list[ConfigChangeEvent] = []
    errors: list[Exception] = []
    with serving(configs, keep_alive_s=0.1) as running:
        with _watching(running, lambda client: client.watch("app", events.append), timeout_s=0.5, errors=errors):
            assert not threading.Event().wait(1.2), "more than two request timeouts without an event"
            assert errors == []
            write_config(configs, "app", {"port": 2})
            eventually(lambda: [one.version for one in events] == [2])


def test_watch_and_decode_stores_the_changed_value(service: RunningService, configs: Path) -> None:
    snapshot: Snapshot[dict[str, object]] = Snapshot()
    with _watching(service, lambda client: client.watch_and_decode("app", dict, snapshot)):
        write_config(configs, "app", {"port": 2})
        eventually(lambda: snapshot.load() == {"port": 2})


@contextlib.contextmanager
def _watching(
    service: RunningService,
    watch: Callable[[ConfigClient], None],
    *,
    timeout_s: float = 10.0,
    errors: list[Exception] | None = None,
) -> Iterator[None]:
    """A published client that watches ``app`` in a thread. Its `close` cannot end a silent watch: the service does."""
    on_error = errors.append if errors is not None else None
    client = ConfigClient(
        Options(service.url, TOKEN, KEY, request_timeout=timeout_s, retry_count=0, retry_delay=0.01, on_error=on_error)
    )
    thread = threading.Thread(target=watch, args=(client,))
    thread.start()
    try:
        eventually(lambda: service.watchers("app") == 1)
        yield
    finally:
        client.close()
        service.stop()
        thread.join(60)
    assert not thread.is_alive()


def test_a_wrong_token_is_unauthorized(service: RunningService) -> None:
    with ConfigClient(Options(service.url, "another", KEY, retry_count=0)) as stranger:
        with pytest.raises(UnauthorizedError):
            stranger.list()
        with pytest.raises(UnauthorizedError):
            stranger.get_raw("app")


def test_an_unknown_config_is_not_found(client: ConfigClient) -> None:
    with pytest.raises(NotFoundError):
        client.get_raw("unknown")
    with pytest.raises(NotFoundError):
        client.get_formatted("unknown", Format.JSON)


def test_a_deleted_config_is_not_found(client: ConfigClient, configs: Path) -> None:
    (configs / "worker.yaml").unlink()
    eventually(lambda: [one.name for one in client.list()] == ["app"])
    with pytest.raises(NotFoundError):
        client.get_raw("worker")


def test_a_wrong_key_opens_nothing(service: RunningService) -> None:
    with ConfigClient(Options(service.url, TOKEN, "ff" * 32, retry_count=0)) as stranger:
        with pytest.raises(DecryptionError):
            stranger.get_raw("app")
