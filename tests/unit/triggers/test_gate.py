"""A host in trouble is met by few at a time, a well one by all."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from config_sync.model import ConfigName, ConfigRef
from config_sync.triggers.gate import ConnectGate
from tests.fake_streams import FakeStreams, live, refusing
from tests.unit.triggers.watching import Told, running, subscription
from tests.virtual_clock import run, settled


@dataclass
class Crowd:
    """Connects through a gate; each takes `took_s` and is answered."""

    gate: ConnectGate
    now: int = 0
    peak: int = 0
    done: int = 0

    async def connect(self, took_s: float) -> None:
        async with self.gate.turn():
            self.now += 1
            self.peak = max(self.peak, self.now)
            await asyncio.sleep(took_s)
            self.now -= 1
            self.done += 1
            self.gate.answered()


def test_a_well_host_has_no_limit() -> None:
    async def story() -> int:
        crowd = Crowd(ConnectGate())
        await asyncio.gather(*(crowd.connect(1) for _ in range(50)))
        return crowd.peak

    assert run(story()) == 50


def test_after_a_failure_one_probes_then_four_then_all() -> None:
    async def story() -> list[int]:
        crowd = Crowd(ConnectGate())
        crowd.gate.failed()
        tasks = [asyncio.create_task(crowd.connect(1)) for _ in range(21)]
        await asyncio.sleep(0.5)
        seen = [crowd.now]
        await asyncio.sleep(1)
        seen.append(crowd.now)
        await asyncio.gather(*tasks)
        seen.append(crowd.peak)
        await asyncio.gather(*(crowd.connect(1) for _ in range(10)))
        return [*seen, crowd.peak]

    assert run(story()) == [1, 4, 4, 10]


def test_one_that_waits_and_is_cancelled_leaves_its_place() -> None:
    async def story() -> int:
        crowd = Crowd(ConnectGate())
        crowd.gate.failed()
        first = asyncio.create_task(crowd.connect(1))
        await settled()
        second = asyncio.create_task(crowd.connect(1))
        third = asyncio.create_task(crowd.connect(1))
        await settled()
        second.cancel()
        await asyncio.gather(first, second, third, return_exceptions=True)
        return crowd.done

    assert run(story()) == 2


def test_one_that_is_admitted_and_cancelled_in_the_same_instant_passes_its_place_on() -> None:
    async def story() -> int:
        crowd = Crowd(ConnectGate())
        crowd.gate.failed()
        release = asyncio.Event()

        async def probe() -> None:
            async with crowd.gate.turn():
                await release.wait()
            second.cancel()

        first = asyncio.create_task(probe())
        await settled()
        second = asyncio.create_task(crowd.connect(1))
        third = asyncio.create_task(crowd.connect(1))
        await settled()
        release.set()
        await asyncio.gather(first, second, third, return_exceptions=True)
        return crowd.done

    assert run(story()) == 1


def test_a_connect_that_hangs_gives_its_place_away() -> None:
    async def story() -> float:
        crowd = Crowd(ConnectGate(overdue_s=10))
        crowd.gate.failed()
        hanging = asyncio.create_task(crowd.connect(1000))
        await settled()
        await crowd.connect(1)
        at = asyncio.get_running_loop().time()
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        return at

    assert run(story()) == 11


def test_a_thousand_streams_that_lost_their_host_come_back_four_at_a_time() -> None:
    async def story() -> FakeStreams:
        gate, streams, told = ConnectGate(), FakeStreams(latency_s=0.01), Told()
        chance = random.Random(7).random
        watchers = [
            subscription(streams, told, ref=ConfigRef(ConfigName(f"app-{number}")), gate=gate, chance=chance)
            for number in range(1000)
        ]
        async with running(*watchers):
            await asyncio.sleep(1)
            assert len(streams.open_streams) == 1000
            streams.otherwise = refusing
            streams.peak_connecting = 0
            for stream in tuple(streams.open_streams):
                stream.fail()
            await asyncio.sleep(30)
            from_refusals = streams.peak_connecting
            streams.otherwise = live
            await asyncio.sleep(62)
            assert len(streams.open_streams) == 1000
            assert from_refusals == 1
            assert streams.peak_connecting <= 4
        return streams

    assert not run(story()).open_streams
