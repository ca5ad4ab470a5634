"""A FastAPI application that follows its config for as long as it lives.

``pip install fastapi uvicorn``, the three variables as basic.py says, and::

    uvicorn --app-dir examples/sdk fastapi_app:app
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, HTTPException

from config_sync import AsyncConfigClient, Snapshot


@dataclass(frozen=True)
class App:
    """The config."""

    greeting: str


snapshot: Snapshot[App] = Snapshot()


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Start with a config or not at all; follow it until the end."""
    async with AsyncConfigClient.from_env() as client:
        snapshot.store(await client.get("my-app", App))
        watching = asyncio.create_task(client.watch_and_decode("my-app", App, snapshot))
        yield
    await watching  # returns at once, since the client is closed


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def greet() -> dict[str, str | int | None]:
    """The greeting as it is now: loading takes no lock and no request."""
    current = snapshot.load()
    if current is None:
        raise HTTPException(503)
    return {"greeting": current.greeting, "version": snapshot.version}
