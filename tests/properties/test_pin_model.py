"""Versions, failures, holds, rollbacks, edits, restarts, outages in any order: on disk is what the pin says.

The real reconciler, records and cache over a real disk; the service and the consumer are models.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from config_sync.errors import ReloadFailed, RevisionMissing, UsageError
from config_sync.model import Hold, OnFailure, Outcome, Resume, Rollback, Target, Validate
from config_sync.reconciler import Occasion
from config_sync.workqueue import Wake
from tests.fakes import unavailable
from tests.properties.reload_consumer import DEADLY, GOOD, Consumer, kind_of
from tests.unit.reconciler.world import World

REJECTED = "rejected"
HAND = b'{"by": "hand"}'
wakes = st.sampled_from([Wake.START, Wake.EVENT, Wake.RESYNC, Wake.RETRY, Wake.RELOAD_RETRY, Wake.FILES, Wake.HOLD])


class Pins(RuleBasedStateMachine):
    """One target of two files, `on_failure: rollback`, whose checker refuses what is REJECTED."""

    @initialize()
    def begin(self) -> None:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.directory = tempfile.TemporaryDirectory(dir=memory)
        root = Path(self.directory.name)
        root.chmod(0o755)
        self.world = World(root)
        self.versions: dict[int, bytes] = {}
        self.paths = (self.world.etc / "a.json", self.world.etc / "b.json")
        self.consumer = Consumer(self.paths, self.versions)
        files = self.world.spec("a.json"), self.world.spec("b.json")
        target = self.world.target(*files, reload=(self.consumer,))
        plain = Validate(
            ("/bin/sh", "-c", f"! grep -q {REJECTED} $1 && [ ! -e $2 ]", "sh", "{file:a.json}", f"{root}/refuse")
        )
        self.target: Target = dataclasses.replace(target, validate=plain, on_failure=OnFailure.ROLLBACK)
        self.is_edited = False
        self.frozen: bytes | None = None
        """What must stand there, byte for byte, as long as the operator holds it."""
        self.holds_until: float | None = None
        for _ in range(3):
            self.put(GOOD)
            assert self.sync(Wake.START).error is None

    def put(self, kind: str) -> None:
        document = {"kind": kind, "n": len(self.versions) + 1}
        self.versions[self.world.service.put("app", document)] = json.dumps(document).encode()

    @property
    def disk(self) -> bytes:
        return b"|".join(path.read_bytes() if path.exists() else b"-" for path in self.paths)

    def sync(self, *wakes: Wake) -> Outcome:
        starting = Occasion(offline_start_s=math.inf if Wake.START in wakes else 0.0)
        outcome = self.world.sync(self.target, *wakes, occasion=starting)
        if self.frozen is not None and self.world.record.hold is None:
            assert self.holds_until is not None, "nobody ended the hold"
            assert self.world.clock.now() >= self.holds_until
            self.frozen = self.holds_until = None
        if self.frozen is None and outcome.error is None and outcome.is_compared:
            self.is_edited = False
        return outcome

    # ---- the service and the consumer

    @rule(kind=st.sampled_from([GOOD, GOOD, DEADLY, REJECTED]))
    def a_new_version(self, kind: str) -> None:
        self.put(kind)

    @rule(wake=wakes)
    def a_pass(self, wake: Wake) -> None:
        told, hold = len(self.consumer.told), self.world.record.hold
        self.sync(wake)
        if self.frozen is not None and hold is not None and not hold.to:
            assert len(self.consumer.told) == told, "who holds it may be at work on the consumer"

    @rule()
    def a_pass_whose_hook_is_broken(self) -> None:
        self.consumer.is_hook_broken = True
        try:
            self.sync(Wake.EVENT)
        finally:
            self.consumer.is_hook_broken = False

    @rule()
    def the_consumer_starts(self) -> None:
        self.consumer.start()

    @rule()
    def the_service_goes(self) -> None:
        self.world.service.outage = unavailable()

    @rule()
    def the_service_returns(self) -> None:
        self.world.service.outage = None

    # ---- the machine and people

    @rule()
    def a_restart(self) -> None:
        self.world.restart()

    @rule()
    def a_reboot_that_empties_a_memory_file_system(self) -> None:
        for path in self.paths:
            path.unlink(missing_ok=True)
        self.consumer.is_running = False
        self.world.restart()
        outcome = self.sync(Wake.START)
        if self.frozen is None:
            return
        if isinstance(outcome.error, RevisionMissing):  # pruned by now: then nothing is put there
            assert self.disk == b"-|-"
        else:
            one = self.versions[self.world.record.version or 0]
            assert self.disk == one + b"|" + one
        self.frozen, self.is_edited = self.disk, False

    @rule(seconds=st.sampled_from([10.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.passed_s += seconds

    @rule()
    def somebody_edits(self) -> None:
        self.world.clock.passed_s += 1000.0  # far enough apart that nobody contests
        if self.paths[0].exists():
            self.paths[0].write_bytes(HAND)
            self.is_edited = True
            if self.frozen is not None:
                self.frozen = self.disk

    # ---- the operator

    @rule(for_s=st.sampled_from([None, 30.0, 5000.0]))
    def hold(self, for_s: float | None) -> None:
        if self.world.record.hold is not None and not self.world.record.is_frozen:
            return
        self.world.reconciler.order(self.target, Hold(for_s, "looking"))
        self.frozen = self.disk
        self.holds_until = None if for_s is None else self.world.clock.now() + for_s
        assert self.sync(Wake.COMMAND).reason == "Held"

    @rule()
    def resume(self) -> None:
        if self.world.record.hold is None:
            with contextlib.suppress(UsageError):
                self.world.reconciler.order(self.target, Resume())
                raise AssertionError("it was not held")
            return
        skipping, before = self.world.record.skipping, self.disk
        self.world.reconciler.order(self.target, Resume())
        self.frozen = self.holds_until = None
        self.sync(Wake.COMMAND)
        if skipping is not None and skipping.refused_version == max(self.versions) and b"-" not in before:
            assert self.disk == before, "what was skipped before the hold is skipped after it"

    @rule(version=st.none() | st.integers(1, 12))
    def a_rollback_that_the_checker_refuses(self, version: int | None) -> None:
        (refuse := self.world.directory / "refuse").touch()
        before = self.disk, self.world.record
        try:
            self.world.reconciler.order(self.target, Rollback(None if version is None else str(version)))
        except RevisionMissing:
            return
        else:
            outcome = self.sync(Wake.COMMAND)
            if outcome.error is not None:
                assert outcome.is_given_up
                assert (self.disk, self.world.record) == before
            else:  # all of it was on disk already
                self.frozen, self.holds_until = self.disk, None
        finally:
            refuse.unlink()

    @precondition(lambda self: self.frozen is not None and self.world.record.hold and self.world.record.hold.to)
    @rule()
    def its_consumer_is_told_of_a_rollback(self) -> None:
        for _ in range(3):
            self.consumer.start()
            self.sync(Wake.RELOAD_RETRY)
        if self.frozen is not None and not self.is_edited and self.consumer.is_running:
            assert self.consumer.read == self.consumer.on_disk()
            assert not self.world.owes()

    @rule(version=st.none() | st.integers(1, 12))
    def rollback(self, version: int | None) -> None:
        before, held = self.disk, self.frozen
        try:
            self.world.reconciler.order(self.target, Rollback(None if version is None else str(version)))
        except RevisionMissing:
            assert self.disk == before
            return
        outcome = self.sync(Wake.COMMAND)
        if outcome.is_given_up:
            assert (self.disk, self.frozen) == (before, held)
            return
        assert outcome.error is None or isinstance(outcome.error, ReloadFailed)
        assert self.world.record.is_frozen
        one = self.versions[self.world.record.version or 0]
        assert self.disk == one + b"|" + one
        assert version is None or self.world.record.version == version
        self.frozen, self.holds_until, self.is_edited = self.disk, None, False

    # ---- what must hold

    @invariant()
    def what_is_held_is_untouched(self) -> None:
        if self.frozen is not None:
            assert self.disk == self.frozen
            assert self.world.record.is_frozen

    @invariant()
    def what_the_consumer_does_not_know_is_owed(self) -> None:
        """But for a stranger's bytes."""
        disk = self.consumer.on_disk()
        if self.is_edited or not self.consumer.is_running or disk not in self.versions.values():
            return
        assert self.consumer.read == disk or self.world.owes()

    @invariant()
    def nothing_rejected_is_ever_on_disk(self) -> None:
        assert REJECTED.encode() not in self.disk

    @precondition(lambda self: self.frozen is None)
    @rule()
    def at_rest_it_is_the_newest_or_it_is_told_why_not(self) -> None:
        self.world.service.outage = None
        outcome = self.sync(Wake.RETRY)
        for _ in range(4):
            self.consumer.start()
            outcome = self.sync(Wake.RELOAD_RETRY if self.world.owes() else Wake.RESYNC)
        outcome = self.sync(Wake.RESYNC)
        disk, newest, pin = self.consumer.on_disk(), self.versions[max(self.versions)], self.world.record.pin
        if pin is not None:
            assert pin.refused_version == max(self.versions)
            assert outcome.error is not None
        elif kind_of(newest) == DEADLY or REJECTED.encode() in newest:
            assert outcome.error is not None or not self.consumer.is_running
        else:
            assert (disk, outcome.error) == (newest, None)
            assert self.consumer.read == disk
            assert not self.world.owes()

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            self.directory.cleanup()


TestPins = Pins.TestCase
TestPins.settings = settings(
    max_examples=80,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],  # of the machine, whose disk it really uses
)
