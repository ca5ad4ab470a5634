"""The consumer's own checker: on staged copies, or in place; what it refuses never reaches the consumer."""

from __future__ import annotations

import pytest

from config_sync.errors import CheckNotRunnable, CheckRejected, ReloadFailed, Retry, Stopped
from config_sync.model import ReloadResult, Result, Validate
from config_sync.workqueue import Wake
from tests.unit.reconciler.world import World, checker, seen

REFUSES_BAD = '! grep -q bad "$1"'
both_ways = pytest.mark.parametrize("in_place", [False, True], ids=["staged", "in_place"])


class Death(BaseException):
    """The process is killed at this point."""


@both_ways
def test_what_the_checker_accepts_is_published_and_told_once(world: World, in_place: bool) -> None:
    target = world.target(validate=checker(REFUSES_BAD, in_place=in_place))
    for version in (1, 2):
        world.service.put("app", {"port": version})
        assert world.sync(target).result is Result.CHANGED
    assert [len(world.reload.orders), world.owes()] == [2, False]
    assert world.names == ["app.json"]
    world.restart()
    assert world.sync(target).result is Result.UNCHANGED
    assert len(world.reload.orders) == 2


@both_ways
def test_what_the_checker_refuses_leaves_the_file_byte_for_byte_and_tells_nobody(world: World, in_place: bool) -> None:
    target = world.target(validate=checker(REFUSES_BAD, in_place=in_place))
    world.service.put("app", {"port": 1})
    world.sync(target)
    before, record = seen(world.path), world.record
    world.service.put("app", {"port": "bad"})
    outcome = world.sync(target, Wake.EVENT)
    assert isinstance(outcome.error, CheckRejected)
    assert outcome.retry is Retry.RESYNC
    assert seen(world.path) == before
    assert len(world.reload.orders) == 1
    assert world.names == ["app.json"]
    assert not world.owes()
    assert world.record.written == record.written
    world.service.put("app", {"port": 3})
    assert world.sync(target, Wake.EVENT).result is Result.CHANGED
    assert len(world.reload.orders) == 2


@both_ways
def test_a_first_file_that_is_refused_is_not_left_there(world: World, in_place: bool) -> None:
    world.service.put("app", {"port": "bad"})
    world.sync(world.target(validate=checker(REFUSES_BAD, in_place=in_place)))
    assert world.names == []
    assert not world.owes()


def test_in_place_content_that_was_refused_is_not_published_again_by_a_resync(world: World) -> None:
    target = world.target(validate=checker(f'echo x >> "{world.directory}/runs"; {REFUSES_BAD}', in_place=True))
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": "bad"})
    world.sync(target, Wake.EVENT)
    runs, before = (world.directory / "runs"), seen(world.path)
    for wake in (Wake.RESYNC, Wake.CONNECTED, Wake.EVENT):
        assert isinstance(world.sync(target, wake).error, CheckRejected)
    assert runs.read_text().count("x") == 2
    assert seen(world.path) == before
    assert isinstance(world.sync(target, Wake.COMMAND).error, CheckRejected)
    assert runs.read_text().count("x") == 3


def test_in_place_a_checker_that_cannot_be_run_is_tried_again(world: World) -> None:
    program = world.directory / "check"
    target = world.target(validate=Validate((str(program), "{file}"), in_place=True))
    world.service.put("app", {"port": 1})
    outcome = world.sync(target)
    assert isinstance(outcome.error, CheckNotRunnable)
    assert outcome.retry is Retry.BACKOFF
    assert world.names == []
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    assert world.sync(target, Wake.RETRY).result is Result.CHANGED


@pytest.mark.parametrize("content", [1, "bad"], ids=["good", "bad"])
def test_killed_between_the_publish_and_the_check_the_next_process_checks_first(world: World, content: object) -> None:
    flag = world.directory / "kill"
    check = checker(f'{REFUSES_BAD} || exit 1; test ! -e "{flag}"', in_place=True)
    target = world.target(validate=check)
    world.service.put("app", {"port": 0})
    world.sync(target)
    before = seen(world.path)
    world.service.put("app", {"port": content})

    def gate(call: str) -> None:
        # The new file is visible; the directory's fsync that follows its rename is never made.
        if call == "fsync" and seen(world.path).inode != before.inode:
            raise Death

    world.restart(gate=gate)
    with pytest.raises(Death):
        world.sync(target)
    assert seen(world.path) != before
    world.restart()
    outcome = world.sync(target)
    if content == "bad":
        assert isinstance(outcome.error, CheckRejected)
        assert seen(world.path) == before
        assert len(world.reload.orders) == 1
        assert not world.owes()
    else:
        assert outcome.reload is ReloadResult.RELOADED
        assert world.reload.reads[-1] == {str(world.path): b'{"port": 1}'}
    assert world.names == ["app.json"]


def test_in_place_refused_content_goes_back_to_the_last_good_one_and_not_further(world: World) -> None:
    """v2 was accepted and its reload failed; v3 is refused: v2 stays, and stays owed."""
    target = world.target(validate=checker(REFUSES_BAD, in_place=True))
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.reload.script.extend([ReloadFailed("no"), ReloadFailed("no")])
    world.sync(target, Wake.EVENT)
    before = seen(world.path)
    world.service.put("app", {"port": "bad"})
    assert isinstance(world.sync(target, Wake.EVENT).error, CheckRejected)
    assert seen(world.path) == before
    assert before.content == b'{"port": 2}'
    assert world.owes()
    world.sync(target, Wake.RELOAD_RETRY)
    assert world.reload.reads[-1] == {str(world.path): b'{"port": 2}'}
    assert not world.owes()


def test_in_place_what_a_dead_process_left_checked_but_untold_stays_owed_when_the_next_is_refused(world: World) -> None:
    target = world.target(validate=checker(REFUSES_BAD, in_place=True))
    world.service.put("app", {"port": 1})
    world.sync(target)
    before = seen(world.path)
    world.service.put("app", {"port": 2})

    def gate(call: str) -> None:
        if call == "fsync" and seen(world.path).inode != before.inode:
            raise Death

    world.restart(gate=gate)
    with pytest.raises(Death):
        world.sync(target)
    world.restart()
    world.service.put("app", {"port": "bad"})
    assert isinstance(world.sync(target).error, CheckRejected)
    assert seen(world.path).content == b'{"port": 2}'
    assert world.reload.reads[-1] == {str(world.path): b'{"port": 2}'}
    assert not world.owes()


def test_in_place_a_stop_during_the_check_puts_the_old_bytes_back(world: World) -> None:
    target = world.target(validate=checker("exit 0", in_place=True))
    world.service.put("app", {"port": 1})
    world.sync(target)
    before = seen(world.path)
    slow = world.target(validate=checker("sleep 30", in_place=True))
    world.service.put("app", {"port": 2})

    def gate(call: str) -> None:
        if call == "rename":  # the file is becoming visible; its check comes next
            world.stop.set()

    world.restart(gate=gate)
    with pytest.raises(Stopped):
        world.sync(slow, Wake.EVENT)
    assert seen(world.path) == before
    assert not world.owes()


def test_the_checker_sees_all_files_of_the_target_in_one_directory(world: World) -> None:
    script = 'ls "$1" > "$2"'
    listing = world.directory / "listing"
    validate = Validate(("/bin/sh", "-c", script, "sh", "{dir}", str(listing)))
    target = world.target(world.spec("a.json"), world.spec("b.json"), validate=validate)
    world.service.put("app", {"port": 1})
    assert world.sync(target).result is Result.CHANGED
    assert listing.read_text().split() == ["a.json", "b.json"]
    assert world.names == ["a.json", "b.json"]


def test_a_mode_repair_asks_no_checker(world: World) -> None:
    world.service.put("app", {"port": 1})
    world.sync(world.target())
    world.path.chmod(0o600)
    outcome = world.sync(world.target(validate=checker("exit 1")), Wake.FILES)
    assert (outcome.error, seen(world.path).mode) == (None, 0o640)


def test_when_the_settings_no_longer_check_in_place_an_unfinished_attempt_goes_on(world: World) -> None:
    checked = world.target(validate=checker("exit 0", in_place=True))
    world.service.put("app", {"port": 1})
    world.sync(checked)
    before = seen(world.path)
    world.service.put("app", {"port": 2})

    def gate(call: str) -> None:
        if call == "fsync" and seen(world.path).inode != before.inode:
            raise Death

    world.restart(gate=gate)
    with pytest.raises(Death):
        world.sync(checked)
    world.restart()
    assert world.sync(world.target()).reload is ReloadResult.RELOADED
    assert world.names == ["app.json"]
