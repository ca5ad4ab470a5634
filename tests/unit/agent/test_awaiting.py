"""What the list says of changes that are told of and not given: of several configs the earliest time counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from config_sync.agent.awaiting import Awaiting
from config_sync.client import ConfigInfo
from config_sync.errors import SyncError
from config_sync.formats.json_ import JsonFormat
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, FileSpec, Target
from config_sync.workqueue import Wake
from tests.fakes import unavailable
from tests.virtual_clock import EPOCH, run, running_clock


def entry(name: str, *, valid_from: float = 0.0, is_valid: bool = True) -> ConfigInfo:
    """Times in virtual seconds."""
    return ConfigInfo(
        name, is_valid, datetime.fromtimestamp(EPOCH + valid_from, UTC), datetime.fromtimestamp(EPOCH, UTC)
    )


def target(*configs: str, name: str = "t") -> Target:
    """One file for each."""
    return Target(
        name,
        tuple(
            FileSpec(AbsolutePath(f"/etc/{config}"), ConfigRef(ConfigName(config)), JsonFormat()) for config in configs
        ),
    )


@dataclass
class Surroundings:
    """The list, and what was told."""

    entries: Sequence[ConfigInfo] = ()
    failure: SyncError | None = None
    looks: int = 0
    known: list[tuple[str, str]] = field(default_factory=list)
    marks: list[tuple[float, str, Wake]] = field(default_factory=list)

    async def look(self) -> tuple[ConfigInfo, ...]:
        self.looks += 1
        await asyncio.sleep(0.1)
        if self.failure is not None:
            raise self.failure
        return tuple(self.entries)

    def mark(self, name: str, wake: Wake) -> None:
        self.marks.append((round(asyncio.get_running_loop().time(), 6), name, wake))

    def awaiting(self) -> Awaiting:
        made = Awaiting(
            on_known=lambda name, clause: self.known.append((name, clause)), on_mark=self.mark, clock=running_clock()
        )
        made.look = self.look
        return made


def test_of_several_configs_that_are_valid_later_each_is_looked_for_at_its_time_the_earliest_first() -> None:
    async def story() -> Surroundings:
        around = Surroundings([entry("a", valid_from=100), entry("b", valid_from=300), entry("c", is_valid=False)])
        await around.awaiting().explain(target("a", "b", "c"))
        await asyncio.sleep(1000)
        return around

    around = run(story())
    assert around.marks == [(100.0, "t", Wake.EVENT), (300.0, "t", Wake.EVENT)]
    ((name, clause),) = around.known
    assert name == "t"
    assert "of a that is valid only from 2023-11-14T22:15:00Z" in clause
    assert "of b that is valid only from" in clause
    assert "of c that is not valid" in clause


def test_a_newer_explanation_takes_the_place_of_the_one_before() -> None:
    async def story() -> Surroundings:
        around = Surroundings([entry("a", valid_from=100)])
        awaiting = around.awaiting()
        await awaiting.explain(target("a"))
        await asyncio.sleep(20)
        around.entries = [entry("a", valid_from=200)]
        await awaiting.explain(target("a"))
        await asyncio.sleep(1000)
        return around

    assert [at for at, _, _ in run(story()).marks] == [200.0]


def test_a_list_that_is_not_to_be_had_is_asked_for_once_by_all_that_wait_together() -> None:
    async def story() -> Surroundings:
        around = Surroundings(failure=unavailable())
        awaiting = around.awaiting()
        await asyncio.gather(*(awaiting.explain(target("a", name=f"t{number}")) for number in range(20)))
        return around

    around = run(story())
    assert (around.looks, around.known, around.marks) == (1, [], [])


def test_a_time_that_is_further_away_than_the_resync_is_left_to_that() -> None:
    async def story() -> Surroundings:
        around = Surroundings([entry("a", valid_from=8 * 86400.0), entry("b", valid_from=50.0)])
        await around.awaiting().explain(target("a", "b"))
        await asyncio.sleep(9 * 86400.0)
        return around

    assert [at for at, _, _ in run(story()).marks] == [50.0]
