"""The Config Service as the agent sees it: answers (`service`), streams (`streams`), one place for URLs and the token.

`Service` and `Streams` are Protocols; `HttpService` and `HttpStreams` are the real ones, both made from one `Endpoint`.
Nothing here retries (save once, when the token has just been replaced): who asks decides when to ask again.

`streams` is not imported here: it brings httpx along, which `once` and the commands do without.
"""

from __future__ import annotations

from config_sync.client.endpoint import Endpoint, TokenSource
from config_sync.client.listing import ConfigInfo
from config_sync.client.service import Fetched, HttpService, Service

__all__ = ["ConfigInfo", "Endpoint", "Fetched", "HttpService", "Service", "TokenSource"]
