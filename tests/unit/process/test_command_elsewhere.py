"""Commands in another directory or as another user: run as tightly as all others, with no right of ours."""

from __future__ import annotations

import os
import pwd
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from config_sync.process import Account, CouldNotStart, Ended, Finished, account_of, run_command, stop_ignoring
from config_sync.stop import Stop
from tests.unit.process.shells import ENV, is_running, no_child_is_left, pid_in
from tests.waiting import eventually

NOBODY = account_of("nobody")


def run(
    *argv: str,
    cwd: Path | None = None,
    account: Account | None = None,
    env: Mapping[str, str] = ENV,
    timeout_s: float = 600.0,
    stop: Stop | None = None,
) -> Finished:
    return run_command(
        argv,
        env=env,
        timeout_s=timeout_s,
        grace_s=0.3,
        stop=stop or Stop(),
        cwd=None if cwd is None else str(cwd),
        account=account,
    )


def test_a_command_runs_in_the_directory_that_was_named_and_a_relative_program_is_found_there(tmp_path: Path) -> None:
    script = tmp_path / "hook"
    script.write_text("#!/bin/sh\npwd\n")
    script.chmod(0o755)
    assert run("./hook", cwd=tmp_path).output_tail == str(tmp_path)
    assert run("pwd", cwd=tmp_path).output_tail == str(tmp_path)
    assert no_child_is_left()


def test_it_gets_none_of_our_descriptors_a_session_of_its_own_and_a_clean_mask(tmp_path: Path) -> None:
    stop_ignoring()  # a shell that starts this in the background has us ignore INT and QUIT
    inherited = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(inherited, True)
    former = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        script = (
            # Without a pipe: the shell itself would hold its ends for an instant.
            "grep -E 'SigBlk|SigIgn' /proc/self/status; cut -d' ' -f6 /proc/$$/stat; echo $$; ls /proc/$$/fd"
        )
        lines = run("/bin/sh", "-c", script, cwd=tmp_path).output_tail.splitlines()
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) >= {signal.SIGTERM}, "our own mask is as before"
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        os.close(inherited)
    assert set(lines[4:]) <= {"0", "1", "2", "10"}  # dash keeps the script's descriptor at 10
    libc_own = 0b11 << 31
    masks = [int(line.split()[1], 16) & ~libc_own for line in lines[:2]]
    assert masks == [0, 0]
    assert lines[2] == lines[3]


def test_at_the_timeout_its_whole_group_is_gone_and_nothing_waits_for_a_child_that_holds_the_pipe(
    tmp_path: Path,
) -> None:
    script = f"trap '' TERM; sleep 3600 & echo $! >{tmp_path}/pid; while :; do wait; done"
    assert run("/bin/sh", "-c", script, cwd=tmp_path, timeout_s=4.0).how is Ended.TIMED_OUT
    eventually(lambda: not is_running(pid_in(tmp_path / "pid")))
    assert run("/bin/sh", "-c", f"sleep 3600 & echo $! >{tmp_path}/pid", cwd=tmp_path).is_success
    os.kill(pid_in(tmp_path / "pid"), signal.SIGKILL)
    assert no_child_is_left()


def test_runs_leave_no_descriptor_behind(tmp_path: Path) -> None:
    stop = Stop()
    run("true", cwd=tmp_path, stop=stop)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        run("true", cwd=tmp_path, stop=stop)
        with pytest.raises(CouldNotStart):
            run("/nonexistent", cwd=tmp_path, stop=stop)
    assert len(os.listdir("/proc/self/fd")) <= before  # fewer: the collector may close what earlier tests left


def _script(text: str, mode: int = 0o755) -> Callable[[Path], str]:
    def make(directory: Path) -> str:
        path = directory / "hook"
        path.write_text(text)
        path.chmod(mode)
        return "./hook"

    return make


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(_script("echo hi\n"), "needs a first line", id="no-shebang"),
        pytest.param(_script("#!/bin/sh\n", 0o644), "may not be executed", id="not-executable"),
        pytest.param(_script("#!/nonexistent/perl\n"), "interpreter that does not exist", id="no-interpreter"),
        pytest.param(lambda _: "./absent", "./absent does not exist", id="absent"),
        pytest.param(str, "is a directory", id="directory"),
        pytest.param(lambda _: "no-such-program", "was not found in PATH", id="not-in-PATH"),
    ],
)
def test_what_cannot_be_started_says_why(tmp_path: Path, make: Callable[[Path], str], says: str) -> None:
    with pytest.raises(CouldNotStart, match=r".") as caught:
        run(make(tmp_path), cwd=tmp_path)
    assert says in str(caught.value)
    assert no_child_is_left()


@pytest.mark.parametrize(("name", "says"), [("absent", "does not exist"), ("file", "is not a directory")])
def test_a_directory_that_is_none_says_so(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CouldNotStart, match=f"its directory {tmp_path}/{name} {says}"):
        run("true", cwd=tmp_path / name)


@pytest.mark.root
def test_another_user_has_its_own_ids_and_groups_and_none_of_ours() -> None:
    status = run("grep", "-E", "^(Uid|Gid|Groups|CapEff|CapPrm):", "/proc/self/status", account=NOBODY).output_tail
    found = {key: value.split() for key, _, value in (line.partition(":") for line in status.splitlines())}
    assert found["Uid"] == [str(NOBODY.uid)] * 4
    assert found["Gid"] == [str(NOBODY.gid)] * 4
    assert found["Groups"] == [str(one) for one in sorted(os.getgrouplist("nobody", NOBODY.gid))]
    assert (int(found["CapEff"][0], 16), int(found["CapPrm"][0], 16)) == (0, 0)


@pytest.mark.root
def test_another_user_gets_the_supplementary_groups_of_the_machine() -> None:
    member = next((one for one in pwd.getpwall() if len(os.getgrouplist(one.pw_name, one.pw_gid)) > 1), None)
    if member is None:  # as in a minimal image: then root's own list, which is as good
        member = pwd.getpwuid(0)
    account = account_of(member.pw_name)
    told = run("id", "-G", account=account).output_tail.split()
    assert sorted(map(int, told)) == sorted(set(os.getgrouplist(member.pw_name, member.pw_gid)))


@pytest.mark.root
def test_another_users_command_is_ended_at_its_timeout_as_well(public_path: Path) -> None:
    public_path.chmod(0o777)
    script = f"trap '' TERM; echo $$ >{public_path}/pid; while :; do sleep 1; done"
    assert run("/bin/sh", "-c", script, account=NOBODY, timeout_s=4.0).how is Ended.TIMED_OUT
    eventually(lambda: not is_running(pid_in(public_path / "pid")))


@pytest.mark.root
def test_a_directory_that_the_user_may_not_enter_opens_nothing_to_it(public_path: Path) -> None:
    sealed = public_path / "sealed"
    sealed.mkdir(mode=0o700)
    (sealed / "file").touch()
    assert not run("cat", "file", cwd=sealed, account=NOBODY).is_success


@pytest.mark.root
def test_a_program_that_the_user_may_not_run_says_so(public_path: Path) -> None:
    program = public_path / "sealed"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    with pytest.raises(CouldNotStart, match=f"may not be executed by uid {NOBODY.uid}"):
        run(str(program), account=NOBODY)


def test_our_own_user_needs_no_right_and_changes_nothing() -> None:
    own = account_of(str(os.getuid()))
    assert own.may_be_taken
    assert run("id", "-u", account=own).output_tail == str(os.getuid())


def test_an_unknown_user_is_not_found() -> None:
    for text in ("no-such-user", "4294967294"):
        with pytest.raises(KeyError):
            account_of(text)
