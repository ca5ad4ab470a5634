"""The SDK: configs of the Config Service for Python programs, in the published client's words and more.

`client` and `async_client` are thin drivers over one core without I/O: `requests` (what is asked and what answers
mean), `hearing` and `pacing` (a watch), `decoding` (types). `carriers` is the seam to `config_sync.http`.

`import config_sync` and this package import nothing else until a name is used (PEP 562): a program pays for asyncio,
httpx or Pydantic only if it uses them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config_sync.sdk.async_client import AsyncConfigClient
    from config_sync.sdk.client import ConfigClient
    from config_sync.sdk.errors import (
        ConfigClientError,
        ConnectionError,  # noqa: A004  # the published name
        DecryptionError,
        ForbiddenError,
        InvalidResponseError,
        NotFoundError,
        UnauthorizedError,
        UnmarshalError,
    )
    from config_sync.sdk.options import AsyncOptions, GetOptions, Options
    from config_sync.sdk.snapshot import Snapshot, Stored
    from config_sync.sdk.types import ConfigChangeEvent, ConfigInfo, Format

MODULES = {
    "AsyncConfigClient": "async_client",
    "AsyncOptions": "options",
    "ConfigChangeEvent": "types",
    "ConfigClient": "client",
    "ConfigClientError": "errors",
    "ConfigInfo": "types",
    "ConnectionError": "errors",
    "DecryptionError": "errors",
    "ForbiddenError": "errors",
    "Format": "types",
    "GetOptions": "options",
    "InvalidResponseError": "errors",
    "NotFoundError": "errors",
    "Options": "options",
    "Snapshot": "snapshot",
    "Stored": "snapshot",
    "UnauthorizedError": "errors",
    "UnmarshalError": "errors",
}
"""Public name to the module here that holds it."""

__all__ = [
    "AsyncConfigClient",
    "AsyncOptions",
    "ConfigChangeEvent",
    "ConfigClient",
    "ConfigClientError",
    "ConfigInfo",
    "ConnectionError",
    "DecryptionError",
    "ForbiddenError",
    "Format",
    "GetOptions",
    "InvalidResponseError",
    "NotFoundError",
    "Options",
    "Snapshot",
    "Stored",
    "UnauthorizedError",
    "UnmarshalError",
]


def __getattr__(name: str) -> object:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"{__name__}.{MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
