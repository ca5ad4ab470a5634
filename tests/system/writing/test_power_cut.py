"""The power goes at any moment of a write, on ext4, xfs and btrfs: every state that the disk could be in is mounted.

Before the writer returned, the old or the new thing is there, whole; afterwards the new one. In each state the next run
repairs without help and removes what the cut left of ours. And the lane itself is proven: writers that leave out one
fsync must be found out.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import pytest

from config_sync.files import Calls
from tests.system.writing.power_cut.device import Entry
from tests.system.writing.power_cut.disks import KINDS, Scratch, made, recorded, scratch
from tests.system.writing.power_cut.states import State, states
from tests.system.writing.scenario import NEW, Scenario, all_scenarios

pytestmark = [pytest.mark.root, pytest.mark.power_cut]

_SCRATCHES = {"ext4": 2, "xfs": 2, "btrfs": 1}
"""Before Linux 6.7 one btrfs cannot be mounted twice at a time, not even as a copy."""


class WithoutFileFsync(Calls):
    """Leaves out the fsync of files."""

    def fsync(self, fd: int) -> None:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            Calls.fsync(self, fd)


class WithoutDirectoryFsync(Calls):
    """Leaves out the fsync of directories."""

    def fsync(self, fd: int) -> None:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            Calls.fsync(self, fd)


class WithoutFsync(Calls):
    """Leaves out all of them."""

    def fsync(self, fd: int) -> None:
        pass


@pytest.fixture
def directory() -> Iterator[Path]:
    """In memory where there is such a place."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as path:
        yield Path(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", all_scenarios())
def test_power_cut_leaves_a_whole_thing_and_after_the_return_the_new_one(directory: Path, name: str, kind: str) -> None:
    found = after_power_cuts(directory, kind, all_scenarios()[name], Calls())
    may_show = all_scenarios()[name].may_show
    broken = [f"{state}: {seen}" for state, seen in found if not is_as_promised(state, seen, may_show)]
    assert not broken, "\n".join([f"{len(broken)} of {len(found)} states", *broken])
    assert {state.is_after_return for state, _ in found} == {False, True}
    assert len(found) > 10


@pytest.mark.parametrize(
    ("calls", "kind", "name"),
    [
        (WithoutFileFsync, "ext4", "new-file"),  # a replaced one it flushes by itself (ext4(5), auto_da_alloc)
        (WithoutFileFsync, "xfs", "replacement"),
        (WithoutFileFsync, "btrfs", "replacement"),
        (WithoutDirectoryFsync, "ext4", "replacement"),
        (WithoutDirectoryFsync, "xfs", "replacement"),
        (WithoutDirectoryFsync, "btrfs", "replacement"),
        (WithoutDirectoryFsync, "ext4", "new-file"),
        (WithoutDirectoryFsync, "ext4", "heal"),
        (WithoutDirectoryFsync, "ext4", "way-back"),
        (WithoutDirectoryFsync, "ext4", "record"),
        (WithoutFileFsync, "ext4", "next-set"),
        (WithoutDirectoryFsync, "ext4", "next-set"),
        (WithoutDirectoryFsync, "xfs", "next-set"),
        (WithoutFileFsync, "ext4", "first-files"),
        (WithoutFileFsync, "xfs", "first-files"),
        (WithoutDirectoryFsync, "ext4", "first-files"),
        (WithoutDirectoryFsync, "btrfs", "first-files"),
        (WithoutFsync, "ext4", "in-place"),
        (WithoutFileFsync, "xfs", "in-place"),
        (WithoutFileFsync, "btrfs", "in-place"),
        (WithoutDirectoryFsync, "ext4", "removal"),
        (WithoutDirectoryFsync, "xfs", "removal"),
        (WithoutDirectoryFsync, "btrfs", "removal"),
        (WithoutFsync, "ext4", "removal-after-a-death"),
        (WithoutDirectoryFsync, "ext4", "removal-of-a-set"),
        (WithoutFsync, "ext4", "way-back-after-a-death"),
        (WithoutFsync, "ext4", "unchanged-after-a-death"),
        (WithoutFsync, "xfs", "unchanged-after-a-death"),
        (WithoutFsync, "btrfs", "unchanged-after-a-death"),
    ],
)
def test_writer_without_one_fsync_is_found_out(
    directory: Path, calls: Callable[[], Calls], kind: str, name: str
) -> None:
    scenario = all_scenarios()[name]
    found = after_power_cuts(directory, kind, scenario, calls())
    assert [seen for state, seen in found if not is_as_promised(state, seen, scenario.may_show)]


def is_as_promised(state: State, seen: str, may_show: Collection[str]) -> bool:
    """Whether that may be seen in that state."""
    return seen == NEW or (seen in may_show and not state.is_after_return)


def after_power_cuts(directory: Path, kind: str, scenario: Scenario, calls: Calls) -> list[tuple[State, str]]:
    """What is seen in each state after the scenario was acted with these calls."""

    def act(place: Path, mark: Callable[[], bool]) -> None:
        mark()
        scenario.precede(place)
        scenario.act(place, calls)
        mark()

    def see(place: Path) -> str:
        seen = scenario.see(place)
        scenario.act(place, Calls())
        again = scenario.see(place)
        if again != NEW or scenario.litter(place):
            return f"{seen}, and after another run {again} and {scenario.litter(place)}"
        return seen

    image = made(kind, directory, scenario.prepare)
    log = recorded(kind, image, directory, act)
    with ExitStack() as stack:
        idle: SimpleQueue[Scratch] = SimpleQueue()
        for number in range(_SCRATCHES[kind]):
            idle.put(stack.enter_context(scratch(kind, image, directory / str(number))))
        with ThreadPoolExecutor(_SCRATCHES[kind]) as pool:
            return list(pool.map(lambda state: (state, _seen(idle, state, log, see)), states(log)))


def _seen(idle: SimpleQueue[Scratch], state: State, log: list[Entry], see: Callable[[Path], str]) -> str:
    one = idle.get()
    try:
        return one.look(state.writes(log), see)
    finally:
        idle.put(one)
