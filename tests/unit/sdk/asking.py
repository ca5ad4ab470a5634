"""One call of the SDK in each of its four shapes: sync or async, on connections of its own or on a given client."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable

import httpx

from config_sync import AsyncConfigClient, AsyncOptions, ConfigClient, Format, GetOptions, Options
from config_sync.crypto import encrypt
from config_sync.model import EncryptionKey
from tests.faults import Behaviour, answer
from tests.service import KEY, TOKEN

SHAPES = ("sync", "sync-given", "async", "async-given")

NO_CAS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody. Given to every httpx client here: reading the machine's CAs takes 30 ms, and plain http needs none."""

METHODS = ("get_raw", "get_bytes", "get_formatted", "list")


def sealed(document: object, *, key: str = KEY) -> bytes:
    """What the service sends for a document; bytes are taken as they are."""
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return encrypt(raw, EncryptionKey(key), bytes(range(12)))


def gives(document: object, **headers: str) -> Behaviour:
    """A service whose every config is `document`."""
    return answer(200, sealed(document), Content_Type="application/octet-stream", **headers)


def ask(
    shape: str,
    url: str,
    method: str = "get_raw",
    *,
    name: str = "app",
    opts: GetOptions | None = None,
    timeout_s: float = 5.0,
    retry_count: int = 0,
    retry_delay: float = 0.0,
    key: str = KEY,
    client: httpx.Client | None = None,
) -> object:
    """What the call gives, or raises."""

    def sync(given: httpx.Client | None) -> object:
        options = Options(url, TOKEN, key, given, timeout_s, retry_count, retry_delay)
        with ConfigClient(options) as made:
            return _sync_call(made, method, name, opts)()

    async def in_loop() -> object:
        given = httpx.AsyncClient(verify=NO_CAS) if shape == "async-given" else None
        options = AsyncOptions(url, TOKEN, key, given, timeout_s, retry_count, retry_delay)
        try:
            async with AsyncConfigClient(options) as made:
                match method:
                    case "get_raw":
                        return await made.get_raw(name, opts)
                    case "get_bytes":
                        return await made.get_bytes(name, opts)
                    case "get_formatted":
                        return await made.get_formatted(name, Format.YAML)
                    case _:
                        return await made.list()
        finally:
            if given is not None:
                await given.aclose()

    if shape.startswith("async"):
        return asyncio.run(in_loop())
    if client is not None or shape == "sync":
        return sync(client)
    with httpx.Client(verify=NO_CAS) as given:
        return sync(given)


def _sync_call(client: ConfigClient, method: str, name: str, opts: GetOptions | None) -> Callable[[], object]:
    calls: dict[str, Callable[[], object]] = {
        "get_raw": lambda: client.get_raw(name, opts),
        "get_bytes": lambda: client.get_bytes(name, opts),
        "get_formatted": lambda: client.get_formatted(name, Format.YAML),
        "list": client.list,
    }
    return calls[method]
