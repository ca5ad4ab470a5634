"""The plan carried out on a disk that is a dictionary: it settles (I7), and no death loses a reload."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from config_sync.model import (
    AbsolutePath,
    Attempt,
    Digest,
    FileState,
    Missing,
    OnDrift,
    OnFirstSync,
    Present,
    Record,
)
from config_sync.plan import Action, Plan, Story, Wanted, attempting, make_plan, published, told

PATHS = (AbsolutePath("/a"), AbsolutePath("/b"))
contents = st.sampled_from([Digest(text) for text in ("v1", "v2", "v3")])
modes = st.sampled_from([0o600, 0o640])
states = st.one_of(
    st.just(Missing()), st.builds(Present, contents, modes, st.just(0), st.just(0), st.just(1), st.booleans())
)
digests = st.fixed_dictionaries({}, optional={str(path): contents for path in PATHS})
attempts = st.none() | st.builds(Attempt, digests, st.just({}), st.booleans())
records = st.builds(Record, digests, digests, attempts)
wanteds = st.tuples(*(st.builds(Wanted, st.just(path), contents, modes) for path in PATHS))


def carried_out(wanted: tuple[Wanted, ...], observed: dict[AbsolutePath, FileState], plan: Plan) -> None:
    for want, one in zip(wanted, plan.files, strict=True):
        if one.action is not Action.NOTHING:
            observed[want.path] = Present(want.digest, want.mode, 0, 0, 1)


@given(
    wanteds,
    st.fixed_dictionaries(dict.fromkeys(PATHS, states)),
    records,
    st.booleans(),
    st.sampled_from(OnDrift),
    st.sampled_from(OnFirstSync),
)
def test_planning_again_after_a_success_says_nothing(
    wanted: tuple[Wanted, ...],
    observed: dict[AbsolutePath, FileState],
    record: Record,
    has_reload: bool,
    on_drift: OnDrift,
    on_first_sync: OnFirstSync,
) -> None:
    def plan_now(record: Record) -> Plan:
        return make_plan(
            wanted,
            observed,
            record=record,
            has_reload=has_reload,
            on_drift=on_drift,
            on_first_sync=on_first_sync,
        )

    first = plan_now(record)
    if first.writes and first.reload_owed:
        record = attempting(record, Attempt(digests={one.path: one.digest for one in wanted}, kept={}))
    carried_out(wanted, observed, first)
    record = published(record, wanted, first, story=Story(), at=1.0)
    assert not first.writes or record.reload_owed == first.reload_owed
    second = plan_now(record)
    assert all(one.action is Action.NOTHING for one in second.files)
    assert second.reload_owed == record.reload_owed
    record = told(published(record, wanted, second, story=Story(), at=2.0), at=3.0)
    third = plan_now(record)
    assert all(one.action is Action.NOTHING for one in third.files)
    assert not third.reload_owed
    assert published(record, wanted, third, story=Story(), at=4.0) == record


class Death(Exception):
    """The process ends here."""


@dataclass
class Machine:
    """What survives a death, and what the consumer has in memory."""

    disk: dict[AbsolutePath, FileState] = field(default_factory=lambda: dict.fromkeys(PATHS, Missing()))
    record: Record = field(default_factory=Record)
    read: dict[AbsolutePath, Digest | None] = field(default_factory=dict)
    reloads: int = 0
    steps_left: int = 0

    def step(self) -> None:
        """Every durable step; the process may die before it."""
        if self.steps_left == 0:
            raise Death
        self.steps_left -= 1

    def content(self) -> dict[AbsolutePath, Digest | None]:
        return {path: one.digest if isinstance(one, Present) else None for path, one in self.disk.items()}

    def run_pass(self, wanted: tuple[Wanted, ...], *, is_reload_working: bool) -> None:
        """The order of the reconciler: attempt saved, each file, record saved, consumer told, record saved."""
        plan = make_plan(wanted, self.disk, record=self.record, has_reload=True)
        record = self.record
        if plan.writes and plan.reload_owed:
            self.step()
            record = attempting(record, Attempt(digests={one.path: one.digest for one in wanted}, kept={}))
            self.record = record
        for want, one in zip(wanted, plan.files, strict=True):
            if one.action is not Action.NOTHING:
                self.step()
                self.disk[want.path] = Present(want.digest, want.mode, 0, 0, 1)
        self.step()
        record = published(record, wanted, plan, story=Story(), at=1.0)
        self.record = record
        if plan.reload_owed and is_reload_working:
            self.step()
            self.read = self.content()
            self.reloads += 1
            self.step()
            self.record = told(record, at=2.0)


class Deaths(RuleBasedStateMachine):
    """Versions come and go, the process dies anywhere, reloads fail: what the consumer has read is never forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine()
        self.wanted = tuple(Wanted(path, Digest("v1"), 0o640) for path in PATHS)

    @initialize(adopted=st.booleans())
    def start(self, adopted: bool) -> None:
        """The consumer runs already, with the files as they are."""
        if adopted:
            self.machine.disk = {one.path: Present(one.digest, one.mode, 0, 0, 1) for one in self.wanted}
        self.machine.read = self.machine.content()

    @rule(version=contents, other=contents)
    def a_new_version(self, version: Digest, other: Digest) -> None:
        self.wanted = tuple(Wanted(path, digest, 0o640) for path, digest in zip(PATHS, (version, other), strict=True))

    @rule(path=st.sampled_from(PATHS), content=st.none() | contents)
    def somebody_edits(self, path: AbsolutePath, content: Digest | None) -> None:
        """And reloads the consumer by hand, so that it knows what is there."""
        self.machine.disk[path] = Missing() if content is None else Present(content, 0o640, 0, 0, 1)
        self.machine.read = self.machine.content()

    @rule(steps=st.integers(0, 6), is_reload_working=st.booleans())
    def a_pass_that_may_die(self, steps: int, is_reload_working: bool) -> None:
        self.machine.steps_left = steps
        try:
            self.machine.run_pass(self.wanted, is_reload_working=is_reload_working)
        except Death:
            return
        assert {one.path: one.digest for one in self.wanted} == self.machine.content()

    @rule()
    def the_next_passes_settle_everything(self) -> None:
        """At most two reloads until quiet (one for a change, none after); and the consumer has what is on disk."""
        self.machine.steps_left = 100
        before = self.machine.reloads
        self.machine.run_pass(self.wanted, is_reload_working=True)
        assert self.machine.reloads - before <= 1
        assert self.machine.read == self.machine.content()
        assert not self.machine.record.reload_owed
        self.machine.run_pass(self.wanted, is_reload_working=True)
        assert self.machine.reloads - before <= 1

    @invariant()
    def an_untold_consumer_is_owed_a_reload(self) -> None:
        """Whatever the death left: planning from disk and record alone would tell it."""
        machine = self.machine
        if machine.read == machine.content():
            return
        plan = make_plan(self.wanted, machine.disk, record=machine.record, has_reload=True)
        assert plan.reload_owed


TestDeaths = Deaths.TestCase
