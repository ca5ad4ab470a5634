"""Read a config and follow it in an event loop, until three changes were seen. Run it as basic.py says."""

from __future__ import annotations

import asyncio

from config_sync import AsyncConfigClient, ConfigChangeEvent


async def main() -> None:
    """Print the config, then each event; plain functions may be callbacks too."""
    seen: asyncio.Queue[ConfigChangeEvent] = asyncio.Queue()
    async with AsyncConfigClient.from_env() as client:
        app = await client.get("my-app", dict)
        print(f"port {app['port']}", flush=True)
        watching = asyncio.create_task(client.watch("my-app", seen.put))
        for _ in range(3):
            event = await seen.get()
            app = await client.get("my-app", dict)
            print(f"version {event.version}: port {app['port']}", flush=True)
    await watching  # returns, since the client is closed
    print("stopped", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
