"""What an agent asks in an hour in which nothing changes: the whole agent on a virtual clock, its requests counted.

The service and its streams are those of the scenarios, in memory; the agent, its passes and its files are the real
ones. Nothing is scaled: an hour of the loop's time passes. Counted are connects of streams and fetches, after a first
minute.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from config_sync import log
from tests.bench.table import Row, Side
from tests.scenarios.world import World, new_world
from tests.virtual_clock import run

NOTE = (
    "an hour: requests (connects of streams and fetches) of one agent while nothing changes, shipped settings, on a "
    "virtual clock with the service in memory; beside them what asking every 10 s would cost"
)
HOUR_S = 3600.0
KEEP_ALIVE_S = 15.0
POLL_S = 10.0


def rows(directory: Path, count: int) -> list[Row]:
    """One config and `count` configs, with keep-alives and without."""
    del directory  # the world has one of its own
    return [
        row(1, "keep-alives", keep_alive_s=KEEP_ALIVE_S),
        row(1, "no keep-alives", keep_alive_s=None),
        row(count, "keep-alives", keep_alive_s=KEEP_ALIVE_S),
    ]


def row(count: int, what: str, *, keep_alive_s: float | None) -> Row:
    """An hour of an agent with `count` configs."""
    log.set_up(level="error", form="json")
    with new_world() as world:
        asked = run(_hour(world, count, keep_alive_s), limit_s=2 * HOUR_S)
    name = f"an hour, {count} config{'s' if count > 1 else ''}, {what}"
    return Row(Side(name, asked, "requests"), Side("every 10 s", count * HOUR_S / POLL_S, "requests"), 1)


async def _hour(world: World, count: int, keep_alive_s: float | None) -> int:
    names = [f"config-{number}" for number in range(count)]
    for name in names:
        world.service.put(name, {"name": name})
    async with world.running(*(world.target(name) for name in names)):
        await _quiet(world, 60.0, keep_alive_s)
        before = _requests(world)
        await _quiet(world, HOUR_S, keep_alive_s)
        return _requests(world) - before


async def _quiet(world: World, for_s: float, keep_alive_s: float | None) -> None:
    step_s = keep_alive_s or KEEP_ALIVE_S
    for _ in range(round(for_s / step_s)):
        await asyncio.sleep(step_s)
        if keep_alive_s is not None:
            for stream in tuple(world.streams.open_streams):
                stream.comment()


def _requests(world: World) -> int:
    return len(world.service.fetches) + len(world.streams.connects)
