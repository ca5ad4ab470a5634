"""A program that uses the whole synchronous API, as its type checker sees it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import assert_type

import httpx

from config_sync import (
    ConfigChangeEvent,
    ConfigClient,
    ConfigClientError,
    ConfigInfo,
    ConnectionError,  # noqa: A004  # the published name
    DecryptionError,
    ForbiddenError,
    Format,
    GetOptions,
    InvalidResponseError,
    NotFoundError,
    Options,
    Snapshot,
    UnauthorizedError,
    UnmarshalError,
)


@dataclass
class App:
    port: int
    name: str | None = None


def on_error(error: Exception) -> None:
    print(error)


def on_change(name: str) -> None:
    print(name)


def on_event(event: ConfigChangeEvent) -> None:
    assert_type(event.config_name, str)
    assert_type(event.version, int)
    assert_type(event.changed_by, int)
    assert_type(event.timestamp, datetime)


def read(client: ConfigClient) -> None:
    assert_type(client.get("app", dict), dict[str, object])
    assert_type(client.get("app", App), App)
    assert_type(client.get("app", App, GetOptions("production", 3)).port, int)
    assert_type(client.get("app", dict[str, int]), dict[str, int])
    assert_type(client.get("app", list[App], GetOptions(environment="staging")), list[App])
    assert_type(client.get_raw("app"), dict[str, object])
    assert_type(client.get_raw("app", GetOptions(version=1)), dict[str, object])
    assert_type(client.get_bytes("app"), bytes)
    assert_type(client.get_formatted("app", Format.YAML), bytes)
    assert_type(client.list(), list[ConfigInfo])
    for info in client.list():
        assert_type(info.name, str)
        assert_type(info.is_valid, bool)
        assert_type(info.updated_at, datetime)


def watch(client: ConfigClient) -> None:
    snapshot: Snapshot[App] = Snapshot()
    assert_type(snapshot.load(), App | None)
    assert_type(snapshot.version, int | None)
    assert_type(snapshot.stored_at, datetime | None)
    assert_type(snapshot.wait_for_change(1.0, since=snapshot.changes), bool)
    snapshot.store(App(1))
    threading.Thread(target=client.watch_and_decode, args=("app", App, snapshot), daemon=True).start()
    client.watch_and_decode("app", App, snapshot, GetOptions())
    plain: Snapshot[dict[str, object]] = Snapshot()
    client.watch_and_decode("app", dict, plain)
    client.watch("app", on_event)


def main() -> None:
    with httpx.Client() as http:
        options = Options("https://config.example.com", "token", "00" * 32, http, 10.0, 3, 1.0, on_error, on_change)
        with ConfigClient(options) as client:
            assert_type(client, ConfigClient)
            try:
                read(client)
                watch(client)
            except (UnauthorizedError, ForbiddenError, NotFoundError) as error:
                assert_type(error.status, int | None)
                assert_type(error.hint, str | None)
            except (DecryptionError, UnmarshalError, InvalidResponseError, ConnectionError) as error:
                raise SystemExit(str(error)) from error
            except ConfigClientError as error:
                assert_type(error, ConfigClientError)
    assert_type(ConfigClient.from_env(), ConfigClient)
