"""Pools of one connection under the rules of `wire`, direct or through a proxy, and what their failures mean."""

from __future__ import annotations

import ssl

from config_sync.errors import ServiceError
from config_sync.http.engine import httpcore
from config_sync.http.exchange import Exchange
from config_sync.http.failures import not_http, proxy_not_http, refused_by_proxy, translate
from config_sync.http.proxy import Proxy
from config_sync.http.tls import Tls
from config_sync.http.wire import Backend


def pool_for(
    context: ssl.SSLContext | None, backend: Backend, *, proxy: Proxy | None = None, keep_s: float | None = None
) -> httpcore.ConnectionPool:
    """A pool of one connection over `backend`; it is kept for `keep_s` seconds without use."""
    if proxy is None:
        return httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=1,
            keepalive_expiry=keep_s,
            http1=True,
            http2=False,
            retries=0,
            network_backend=backend,
        )
    return httpcore.HTTPProxy(
        proxy.origin,
        proxy_headers=proxy.headers(),
        ssl_context=context,
        max_connections=1,
        keepalive_expiry=keep_s,
        http1=True,
        http2=False,
        retries=0,
        network_backend=backend,
    )


def connection_failure(
    error: Exception, url: str, exchange: Exchange, *, tls: Tls, proxy: Proxy | None = None
) -> ServiceError:
    """The error to raise `from` what httpcore or the system raised in `exchange`."""
    if isinstance(error, httpcore.ProxyError) and proxy is not None:
        return refused_by_proxy(status_of(error), proxy.origin, url)
    is_with_proxy = proxy is not None and exchange.is_with_proxy
    if isinstance(error, httpcore.RemoteProtocolError) and not exchange.has_ended:
        return proxy_not_http(proxy.origin) if proxy is not None and is_with_proxy else not_http(url)
    return translate(
        error,
        url=url,
        stage=exchange.stage,
        is_handshake=exchange.is_handshake,
        is_answered=exchange.has_answer,
        proxy=proxy.origin if proxy is not None and is_with_proxy else None,
        clock_ahead_s=tls.clock_ahead_s,
    )


def status_of(error: Exception) -> int:
    """The status in the text of a library's ProxyError, ``407 Proxy Authentication Required``; 0: it has none."""
    number = str(error)[:3]
    return int(number) if number.isdecimal() else 0
