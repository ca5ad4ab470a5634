"""The Config Service as the agent sees it: answers (`service`), streams (`streams`), one place for URLs and the token.

`Service` and `Streams` are Protocols; `HttpService` and `HttpStreams` are the real ones, both made from one `Endpoint`.
Nothing here retries (save once, when the token has just been replaced): who asks decides when to ask again.

`streams` is not imported here: it brings httpx along, which `once` and the commands do without. `service` is imported
when one of its names is used (PEP 562): it brings httpcore along, which ``from config_sync import ConfigClient`` and
`--help` need not pay for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config_sync.client.endpoint import Endpoint, TokenSource
from config_sync.client.listing import ConfigInfo

if TYPE_CHECKING:
    from config_sync.client.service import Fetched, HttpService, Service

__all__ = ["ConfigInfo", "Endpoint", "Fetched", "HttpService", "Service", "TokenSource"]


def __getattr__(name: str) -> object:
    if name not in ("Fetched", "HttpService", "Service"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from config_sync.client import service

    found: object = getattr(service, name)
    globals()[name] = found
    return found
