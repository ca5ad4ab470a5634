"""A program that uses the whole asynchronous API, as its type checker sees it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import assert_type

import httpx

from config_sync import (
    AsyncConfigClient,
    AsyncOptions,
    ConfigChangeEvent,
    ConfigInfo,
    Format,
    GetOptions,
    Snapshot,
)


@dataclass
class App:
    port: int


async def on_event(event: ConfigChangeEvent) -> None:
    print(event.version)


async def on_error(error: Exception) -> None:
    print(error)


def on_change(name: str) -> None:
    print(name)


async def main() -> None:
    async with httpx.AsyncClient() as http:
        options = AsyncOptions(
            "https://config.example.com", "token", "00" * 32, http, 10.0, 3, 1.0, on_error, on_change
        )
        async with AsyncConfigClient(options) as client:
            assert_type(client, AsyncConfigClient)
            assert_type(await client.get("app", dict), dict[str, object])
            assert_type(await client.get("app", App, GetOptions("production")), App)
            assert_type(await client.get_raw("app"), dict[str, object])
            assert_type(await client.get_bytes("app"), bytes)
            assert_type(await client.get_formatted("app", Format.ENV), bytes)
            assert_type(await client.list(), list[ConfigInfo])
            snapshot: Snapshot[App] = Snapshot()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(client.watch("app", on_event))
                tasks.create_task(client.watch("app", print))
                tasks.create_task(client.watch_and_decode("app", App, snapshot))
            assert_type(snapshot.load(), App | None)
    other = AsyncConfigClient.from_env()
    assert_type(other, AsyncConfigClient)
    await other.close()
