"""A program written for the published SDK: everything that can be read. Run with both packages by test_sdk_parity."""

from __future__ import annotations

import os
from dataclasses import dataclass

import httpx
from config_client import ConfigClient, ConfigInfo, Format, GetOptions, Options, Snapshot
from pydantic import BaseModel


@dataclass
class Database:
    """A part of `App`."""

    host: str
    tls: bool


@dataclass
class App:
    """What the program wants of its config."""

    port: int
    ratio: float
    database: Database
    names: list[str]


class Model(BaseModel):  # type: ignore[explicit-any]  # its own `__init__(**data: Any)`
    """The same by other means."""

    port: int
    names: list[str]


def told(info: ConfigInfo) -> str:
    """Without the times, which differ from run to run."""
    return f"{info.name} {info.is_valid} {info.valid_from.tzinfo} {info.valid_from <= info.updated_at}"


def main() -> None:
    with ConfigClient.from_env() as client:
        print(client.get("app", dict))
        print(client.get("app", App))
        print(client.get("app", Model))
        print(client.get("app", App, GetOptions("production")))
        print(client.get_raw("app", GetOptions(environment="production", version=1)))
        print(client.get_bytes("app"))
        for form in Format:
            print(form, form.value, client.get_formatted("app", form))
        print([told(one) for one in client.list()])
        snapshot: Snapshot[App] = Snapshot()
        print(snapshot.load())
        snapshot.store(client.get("app", App))
        print(snapshot.load())

    asked: list[str] = []
    hooks = {"request": [lambda request: asked.append(request.url.path)]}
    with httpx.Client(event_hooks=hooks, timeout=5) as http:
        positional = Options(
            os.environ["CONFIG_SERVICE_HOST"] + "/",
            os.environ["CONFIG_SERVICE_TOKEN"],
            os.environ["CONFIG_SERVICE_KEY"],
            http,
            5.0,
            0,
            0.1,
            print,
            print,
        )
        mine = ConfigClient(positional)
        print(mine.get_raw("app")["port"])
        mine.close()
        print(http.is_closed, asked)


main()
