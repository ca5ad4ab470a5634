"""A run of `once` over a service in memory and real files, on a clock that its own waits move."""

from __future__ import annotations

from pathlib import Path

from config_sync.agent.assembly import Memory
from config_sync.agent.once import OneSync, Policy
from config_sync.backoff import Backoff
from config_sync.cache import RevisionCache
from config_sync.files import Disk
from config_sync.formats.json_ import JsonFormat
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, FileSpec, Outcome, Target
from config_sync.reconciler import Reconciler
from config_sync.records import open_records
from config_sync.status import Board
from tests.fakes import ClockedStop, FakeReload, FakeService, HandClock, Keys


class Once:
    """A run of `once` on a clock that its own waits move."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.etc = directory / "etc"
        self.etc.mkdir()
        self.service = FakeService()
        self.reload = FakeReload()
        self.clock = HandClock()
        self.told: list[tuple[str, float | None]] = []
        self.sync: OneSync

    def target(self, name: str, *, is_required: bool = True, has_reload: bool = True) -> Target:
        spec = FileSpec(AbsolutePath(f"{self.etc}/{name}.json"), ConfigRef(ConfigName(name)), JsonFormat())
        return Target(name, (spec,), reload=(self.reload,) if has_reload else (), required=is_required)

    def run(
        self,
        *targets: Target,
        retry_for_s: float = 30.0,
        is_fresh: bool = False,
        may_reload: bool = True,
        stop_at_s: float = float("inf"),
        chance: float = 1.0,
        offline_start_s: float = 0.0,
    ) -> int:
        """A new process; returns the exit code."""
        self.clock.passed_s = 0.0
        self.told.clear()
        self.stop = ClockedStop(self.clock, at_s=stop_at_s)
        records = open_records(str(self.directory / "state"))
        disk = Disk(digest_key=records.digest_key, state_dir=str(self.directory / "state"), clock=self.clock)
        cache = RevisionCache(str(self.directory / "state"), digest_key=records.digest_key)
        self.board = Board(self.clock, stale_after_s=900.0)
        self.sync = OneSync(
            targets,
            Reconciler(self.service, keys=Keys(), records=records, disk=disk, clock=self.clock, cache=cache),
            memory=Memory(records, disk, cache),
            board=self.board,
            policy=Policy(retry_for_s, Backoff(0.5, 5.0), may_reload, is_fresh, offline_start_s),
            stop=self.stop,
            clock=self.clock,
            chance=lambda: chance,
        )
        return self.sync.run(self._tell)

    def _tell(self, outcome: Outcome, retry_in_s: float | None) -> None:
        self.told.append((outcome.target, retry_in_s))
