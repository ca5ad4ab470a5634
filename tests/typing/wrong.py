"""Mistakes that a type checker must find: each line with a `type: ignore` is one; an unused one is an error itself."""

from __future__ import annotations

from dataclasses import dataclass

from config_sync import AsyncOptions, ConfigClient, GetOptions, Options, Snapshot


@dataclass
class App:
    port: int


@dataclass
class Other:
    port: int


def mistakes(client: ConfigClient, snapshot: Snapshot[App]) -> None:
    Options("https://a", "token")  # type: ignore[call-arg]
    Options("https://a", "token", b"key")  # type: ignore[arg-type]
    AsyncOptions("https://a", "token", "key", retries=3)  # type: ignore[call-arg]
    GetOptions(version="1")  # type: ignore[arg-type]
    client.get("app", App).prot  # type: ignore[attr-defined]  # noqa: B018
    client.get("app", dict)["port"] + 1  # type: ignore[operator]
    client.get("app")  # type: ignore[call-overload]
    client.get_formatted("app", "yaml")  # type: ignore[arg-type]
    client.watch("app", lambda: None)  # type: ignore[arg-type, misc]
    snapshot.store(Other(1))  # type: ignore[arg-type]
    snapshot.load().port  # type: ignore[union-attr]  # noqa: B018
    client.watch_and_decode("app", Other, snapshot)  # type: ignore[misc]
