"""A program written for the published SDK: what it catches. Run with both packages by test_sdk_parity."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from config_client import ConfigClient, ConfigClientError, Format, GetOptions, Options
from pydantic import BaseModel

HOST = os.environ["CONFIG_SERVICE_HOST"]
TOKEN = os.environ["CONFIG_SERVICE_TOKEN"]
KEY = os.environ["CONFIG_SERVICE_KEY"]


@dataclass
class Wants:
    """More than the config has."""

    missing: int


@dataclass
class Outer:
    """The same, one level down."""

    database: Wants


class Model(BaseModel):  # type: ignore[explicit-any]  # its own `__init__(**data: Any)`
    """The same by other means."""

    missing: int


def attempt(what: str, call: Callable[[], object]) -> None:
    """Say which exception comes, and what it may be caught as."""
    try:
        call()
    except ConfigClientError as error:
        print(what, [kind.__name__ for kind in type(error).__mro__])
    else:
        print(what, "no error")


def client(host: str = HOST, token: str = TOKEN, key: str = KEY) -> ConfigClient:
    """Without retries."""
    return ConfigClient(Options(host=host, service_token=token, encryption_key=key, retry_count=0))


with socket.socket() as nobody:
    nobody.bind(("127.0.0.1", 0))
    refusing = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    attempt("no host", lambda: Options(host="", service_token=TOKEN, encryption_key=KEY))
    attempt("no token", lambda: Options(host=HOST, service_token="", encryption_key=KEY))
    attempt("short key", lambda: Options(host=HOST, service_token=TOKEN, encryption_key="ab"))
    attempt("no hex", lambda: Options(host=HOST, service_token=TOKEN, encryption_key="g" * 64))
    attempt("another token", lambda: client(token="another").get("app", dict))
    attempt("another token lists", lambda: client(token="another").list())
    attempt("unknown", lambda: client().get_raw("unknown"))
    attempt("unknown formatted", lambda: client().get_formatted("unknown", Format.JSON))
    attempt("unknown version", lambda: client().get_raw("app", GetOptions(version=99)))
    attempt("another key", lambda: client(key="ff" * 32).get("app", dict))
    attempt("another key, bytes", lambda: client(key="ff" * 32).get_bytes("app"))
    attempt("nobody there", lambda: client(host=refusing).list())
    attempt("a missing field", lambda: client().get("app", Wants))
    attempt("a missing field below", lambda: client().get("app", Outer))
    attempt("a missing field of a model", lambda: client().get("app", Model))
    attempt("no target", lambda: client().get("app", int))
    del os.environ["CONFIG_SERVICE_KEY"]
    attempt("no variable", ConfigClient.from_env)
