"""Any history of versions, deaths, failing hooks, edits and outages: what ``reload.md`` promises of a reload holds.

The real reconciler over a real disk and real records; only the service and the consumer are models. A death is an
exception at a chosen call, then new objects over the same state directory.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from config_sync.errors import RolledBack
from config_sync.model import (
    Layout,
    OnFailure,
    Outcome,
    Probing,
    Result,
    Target,
)
from config_sync.workqueue import Wake
from tests.fakes import ClockedStop, unavailable
from tests.properties.reload_consumer import DEADLY, GOOD, SICKENING, Consumer, kind_of, nothing
from tests.unit.reconciler.world import World

wakes = st.sampled_from([Wake.START, Wake.EVENT, Wake.RESYNC, Wake.RETRY, Wake.RELOAD_RETRY, Wake.FILES])


class Death(BaseException):
    """The process ends here."""


class Histories(RuleBasedStateMachine):
    """One target of two files."""

    @initialize(rollback=st.booleans(), layout=st.sampled_from(Layout), has_probe=st.booleans())
    def begin(self, rollback: bool, layout: Layout, has_probe: bool) -> None:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.directory = tempfile.TemporaryDirectory(dir=memory)
        root = Path(self.directory.name)
        root.chmod(0o755)
        self.world = World(root)
        self.world.stop = ClockedStop(self.world.clock)
        self.versions: dict[int, bytes] = {}
        files = self.world.spec("a.json"), self.world.spec("b.json")
        self.consumer = Consumer((self.world.etc / "a.json", self.world.etc / "b.json"), self.versions)
        probe = Probing(self.consumer, within_s=1.0) if has_probe else None
        self.is_rolling = rollback
        self.target: Target = dataclasses.replace(
            self.world.target(*files, reload=(self.consumer,)),
            layout=layout,
            probe=probe,
            on_failure=OnFailure.ROLLBACK if rollback else OnFailure.KEEP,
        )
        self.is_edited = False
        self.put(GOOD)

    def put(self, kind: str) -> None:
        document = {"kind": kind, "n": len(self.versions) + 1}
        number = self.world.service.put("app", document)
        self.versions[number] = json.dumps(document).encode()

    @property
    def newest(self) -> bytes:
        return self.versions[max(self.versions)]

    def sync(self, *wakes: Wake) -> Outcome:
        return self.world.sync(self.target, *wakes)

    # ---- what happens

    @rule(kind=st.sampled_from([GOOD, GOOD, DEADLY, SICKENING]))
    def a_new_version(self, kind: str) -> None:
        self.put(kind)

    @rule(back=st.integers(1, 3))
    def an_earlier_version_is_the_newest_again(self, back: int) -> None:
        content = self.versions[max(1, max(self.versions) - back)]
        self.versions[self.world.service.put("app", json.loads(content))] = content

    @rule(wake=wakes)
    def a_pass(self, wake: Wake) -> None:
        before = self.consumer.on_disk()
        is_told = self.consumer.read == before and not self.world.owes()
        told = len(self.consumer.told)
        outcome = self.sync(wake)
        if is_told and self.consumer.on_disk() == before and outcome.result is not Result.FAILED:
            assert len(self.consumer.told) == told, "the same bytes, and it knew them"
        assert len(self.consumer.told) <= told + 2, "the new, and if need be the old again"

    @rule(wake=wakes, calls=st.integers(1, 120))
    def a_pass_that_dies(self, wake: Wake, calls: int) -> None:
        left = calls

        def gate(_call: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Death

        self.consumer.step = gate
        try:
            self.world.restart(gate=gate, records_gate=gate)
            self.sync(wake)
        except Death:
            pass
        finally:
            self.consumer.step = nothing
            self.world.restart()

    @rule(wake=wakes)
    def a_pass_whose_hook_is_broken(self, wake: Wake) -> None:
        self.consumer.is_hook_broken = True
        try:
            self.sync(wake)
        finally:
            self.consumer.is_hook_broken = False

    @rule()
    def a_restart(self) -> None:
        self.world.restart()

    @rule(is_removed=st.booleans())
    def somebody_edits(self, is_removed: bool) -> None:
        """Far enough apart that nobody contests."""
        self.world.clock.passed_s += 1000
        path = self.world.etc / "a.json"
        if is_removed:
            path.unlink(missing_ok=True)
        elif path.exists():
            path.write_bytes(b'{"by": "hand"}')
            self.is_edited = True

    @rule()
    def the_consumer_stops(self) -> None:
        self.consumer.is_running = False

    @rule()
    def the_consumer_starts(self) -> None:
        self.consumer.start()

    @rule()
    def the_service_goes(self) -> None:
        self.world.service.outage = unavailable()

    @rule()
    def the_service_returns(self) -> None:
        self.world.service.outage = None

    # ---- what must hold

    @invariant()
    def what_the_consumer_does_not_know_is_owed(self) -> None:
        """But for a stranger's bytes, and for what it could not have been told yet."""
        disk = self.consumer.on_disk()
        if not self.consumer.is_running or self.is_edited or disk is None or disk not in self.versions.values():
            return
        # A death between the switch and its record leaves the attempt, which is owed as well.
        assert self.consumer.read == disk or self.world.owes()

    def come_to_rest(self) -> Outcome:
        self.world.service.outage = None
        self.consumer.start()
        outcome = self.sync(Wake.RETRY)
        for _ in range(4):
            self.consumer.start()
            outcome = self.sync(Wake.RELOAD_RETRY if self.world.owes() else Wake.RESYNC)
        return self.sync(Wake.RESYNC) if not self.world.owes() else outcome

    @rule()
    def everything_settles(self) -> None:
        outcome = self.come_to_rest()
        disk, pin = self.consumer.on_disk(), self.world.record.pin
        if pin is not None:
            assert self.is_rolling
            assert isinstance(outcome.error, RolledBack)
            assert disk != self.newest
        else:
            self.is_edited = False
            assert disk == self.newest
            is_bad = kind_of(disk) == DEADLY or (kind_of(disk) == SICKENING and self.target.probe is not None)
            assert is_bad or outcome.error is None
        if self.consumer.is_well() and not self.is_edited:
            assert not self.world.owes()
            assert self.consumer.read == disk
            assert not [name for name in self.world.names if name.endswith((".old", ".tmp"))]
        if not self.world.owes():
            told = len(self.consumer.told)
            self.world.restart()
            self.sync(Wake.START)
            self.sync(Wake.CONNECTED)
            assert len(self.consumer.told) == told, "nothing new, nobody told"
            assert self.consumer.on_disk() == disk

    @precondition(lambda self: self.is_rolling)
    @rule(kind=st.sampled_from([DEADLY, SICKENING]))
    def from_rest_a_bad_version_is_rolled_back_and_skipped(self, kind: str) -> None:
        self.put(GOOD)
        self.come_to_rest()
        self.is_edited = False
        assert self.consumer.is_well()
        if kind == SICKENING and self.target.probe is None:
            return
        good = self.consumer.on_disk()
        self.put(kind)
        outcome = self.sync(Wake.EVENT)
        assert isinstance(outcome.error, RolledBack)
        assert self.consumer.on_disk() == good
        self.consumer.start()
        for wake in (Wake.RESYNC, Wake.RELOAD_RETRY, Wake.CONNECTED):
            self.sync(wake)
            assert self.consumer.on_disk() == good
        assert self.consumer.is_well()
        assert self.consumer.read == good
        assert not self.world.owes()

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            self.directory.cleanup()


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],  # of the machine, whose disk it really uses
)
