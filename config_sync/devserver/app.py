"""The routes of the Config Service protocol over a `ConfigFolder`. Imports starlette: only where a service starts."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from config_sync.crypto import NONCE_BYTES, encrypt
from config_sync.devserver.folder import Change, ConfigFolder, Served
from config_sync.devserver.hub import Hub, Subscription
from config_sync.devserver.rendering import RENDERINGS, Unwritable
from config_sync.model import EncryptionKey, Secret, digest_of

BASE_PATH = "/api/v1/service/configs"
TOKEN_HEADER = "X-Service-Token"  # noqa: S105 a header's name


def build_app(folder: ConfigFolder, hub: Hub, *, token: Secret, key: EncryptionKey, keep_alive_s: float) -> Starlette:
    """The ASGI application. Every answer but a document or a stream is small JSON; 401 comes before all else."""
    routes = _Routes(folder, hub, key, keep_alive_s)
    app = Starlette(
        routes=[
            Route(BASE_PATH, routes.list),
            Route(BASE_PATH + "/{name}", routes.get),
            Route(BASE_PATH + "/{name}/formatted", routes.formatted),
            Route(BASE_PATH + "/{name}/watch", routes.watch),
        ],
        middleware=[Middleware(_TokenCheck, token=token)],
        exception_handlers={HTTPException: _error},
    )
    app.router.redirect_slashes = False  # a 307 is no answer of this protocol
    return app


class _TokenCheck:
    """Answers 401 to whoever has no or another token, before any route is looked at."""

    def __init__(self, app: ASGIApp, token: Secret) -> None:
        self._app = app
        self._token = token.reveal().encode("utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        given = next((value for name, value in scope["headers"] if name == TOKEN_HEADER.lower().encode()), b"")
        if hmac.compare_digest(given, self._token):
            await self._app(scope, receive, send)
        else:
            await JSONResponse({"error": "unauthorized"}, 401)(scope, receive, send)


class _Routes:
    """One method a route."""

    def __init__(self, folder: ConfigFolder, hub: Hub, key: EncryptionKey, keep_alive_s: float) -> None:
        self._folder = folder
        self._hub = hub
        self._key = key
        self._keep_alive_s = keep_alive_s

    async def list(self, request: Request) -> Response:
        """Every config's name, validity and times."""
        answer = JSONResponse(
            [
                {
                    "name": one.name,
                    "is_valid": one.is_valid,
                    "valid_from": _rfc3339(one.valid_from),
                    "updated_at": _rfc3339(one.updated_at),
                }
                for one in self._folder.listing()
            ]
        )
        answer.headers["ETag"] = f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
        answer.headers["Cache-Control"] = "private, no-cache"
        if _is_fresh(request, answer.headers["ETag"]):
            return Response(status_code=304, headers={name: answer.headers[name] for name in ("ETag", "Cache-Control")})
        return answer

    async def get(self, request: Request) -> Response:
        """Nonce 12 B, then ciphertext, then tag 16 B. The nonce is fresh, so the entity tag is a weak one."""
        found = self._find(request)
        headers = self._headers(found, "W/")
        if _is_fresh(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        sealed = encrypt(found.document, self._key, os.urandom(NONCE_BYTES))
        return Response(sealed, headers=headers, media_type="application/octet-stream")

    async def formatted(self, request: Request) -> Response:
        """The document in plain text."""
        found = self._find(request)
        word = request.query_params.get("format") or "json"
        if word not in RENDERINGS:
            raise HTTPException(400, f"format is one of {', '.join(RENDERINGS)}")
        media_type, render = RENDERINGS[word]
        headers = self._headers(found, "")
        if _is_fresh(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        try:
            return Response(render(found.document), headers=headers, media_type=media_type)
        except Unwritable as error:
            raise HTTPException(422, str(error)) from None

    async def watch(self, request: Request) -> Response:
        """The config's changes from now on, until either side ends it."""
        name = request.path_params["name"]
        if not self._folder.has(name):
            raise HTTPException(404, "no such config")
        if request.method == "HEAD":  # starlette answers it with every GET, and this one has no end
            return Response(media_type="text/event-stream")
        return _EventStream(self._hub, name, self._keep_alive_s)

    def _find(self, request: Request) -> Served:
        """Raises HTTPException: 400 for a version that is no number, 404 where there is nothing."""
        text = request.query_params.get("version") or "0"
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):
            raise HTTPException(400, "version is a whole number")
        found = self._folder.get(
            request.path_params["name"],
            environment=request.query_params.get("environment") or None,
            version=int(text) or None,
        )
        if found is None:
            raise HTTPException(404, "no such version" if int(text) else "no such config")
        return found

    def _headers(self, found: Served, strength: str) -> dict[str, str]:
        """The tag is a keyed digest of the content: a plain one would let a guess be checked."""
        tag = digest_of(found.document, key=self._key.raw)
        return {
            "ETag": f'{strength}"{tag}"',
            "X-Config-Version": str(found.version),
            "Cache-Control": "private, no-cache",
        }


class _EventStream(StreamingResponse):
    """Server-sent events of one config. It is subscribed before the head goes out, so nothing after it is missed."""

    def __init__(self, hub: Hub, name: str, keep_alive_s: float) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(iter(()), media_type="text/event-stream", headers=headers)
        self._hub = hub
        self._name = name
        self._keep_alive_s = keep_alive_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until the reader leaves or the service stops."""
        with self._hub.subscription(self._name) as changes:
            self.body_iterator = _events(changes, self._keep_alive_s)
            await super().__call__(scope, receive, send)


async def _events(changes: Subscription, keep_alive_s: float) -> AsyncIterator[bytes]:
    yield b": watching\n\n"
    while True:
        try:
            change = await asyncio.wait_for(changes.get(), keep_alive_s)
        except TimeoutError:
            yield b": keep-alive\n\n"
            continue
        if change is None:
            return
        yield _event(change)


def _event(change: Change) -> bytes:
    data = json.dumps(
        {
            "config_name": change.config,
            "version": change.version.number,
            "changed_by": change.version.changed_by,
            "timestamp": _rfc3339(change.version.saved_at),
        },
        ensure_ascii=False,
    )
    return f"id: {change.version.number}\nevent: config_change\ndata: {data}\n\n".encode()


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _is_fresh(request: Request, tag: str) -> bool:
    """Whether ``If-None-Match`` names the tag, by weak comparison (RFC 9110 13.1.2)."""
    given = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
    return "*" in given or tag.removeprefix("W/") in given


async def _error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)
