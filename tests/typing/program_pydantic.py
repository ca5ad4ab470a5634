"""A program with a Pydantic model, as its type checker sees it."""

# mypy: disable-error-code="explicit-any"
# Every model has an `__init__(**data: Any)`.

from __future__ import annotations

from typing import assert_type

from pydantic import BaseModel

from config_sync import ConfigClient, Snapshot


class App(BaseModel):
    port: int


def main(client: ConfigClient, snapshot: Snapshot[App]) -> None:
    assert_type(client.get("app", App), App)
    client.watch_and_decode("app", App, snapshot)
