"""The one process that runs a program or has a command line: found among all, or refused with the numbers."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.system.reloading.agents import (
    NOBODY,
    RELOADED,
    WAITING,
    daemon,
    hups,
    in_its_own_process,
    told_by_another_agent,
)
from tests.waiting import eventually

NAME = "a-daemon-with-a-name-of-more-than-fifteen-bytes"


@pytest.fixture
def program(public_path: Path) -> Path:
    """Where nobody else has a program; other users look at it, too."""
    return public_path / NAME


def by_exe(program: Path) -> str:
    return f"ByExe(AbsolutePath({str(program)!r}))"


def by_cmdline(pattern: str) -> str:
    return f"ByCmdline(re.compile({pattern!r}))"


def test_the_only_process_of_a_program_is_told_once_however_long_its_name(program: Path) -> None:
    with daemon(program) as process:
        assert told_by_another_agent(by_exe(program)) == RELOADED
        eventually(lambda: hups(program) == 1)
        assert process.poll() is None


def test_a_link_to_the_program_names_it_as_well(program: Path) -> None:
    link = program.with_name("link")
    link.symlink_to(program)
    with daemon(program):
        assert told_by_another_agent(by_exe(link)) == RELOADED


def test_a_program_that_was_replaced_on_disk_is_still_the_one_that_runs(program: Path) -> None:
    with daemon(program):
        program.unlink()
        program.write_text("the next version\n")
        assert told_by_another_agent(by_exe(program)) == RELOADED


def test_the_parent_is_told_and_not_its_workers(program: Path) -> None:
    with daemon(program, workers=3):
        assert told_by_another_agent(by_exe(program)) == RELOADED
        eventually(lambda: hups(program) == 1)


def test_a_process_by_its_command_line_even_where_workers_have_the_same(program: Path) -> None:
    word = f"--instance={uuid.uuid4()}"
    with daemon(program, word, workers=2):
        assert told_by_another_agent(by_cmdline(f"{word}$")) == RELOADED
        eventually(lambda: hups(program) == 1)


def test_several_that_are_not_related_are_refused_with_their_numbers(program: Path) -> None:
    other = program.with_name("other")
    word = f"--instance={uuid.uuid4()}"
    with daemon(program, word) as one, daemon(other, word) as two:
        said = told_by_another_agent(by_cmdline(word))
        assert said.startswith("ConsumerAmbiguous | ")
        assert f"(pids {', '.join(map(str, sorted((one.pid, two.pid))))})" in said
        assert word not in said, "what stands in a command line is nobody's business"
        assert (hups(program), hups(other)) == (0, 0)


def test_one_that_does_not_run_is_no_failure(program: Path) -> None:
    with daemon(program):
        pass
    assert told_by_another_agent(by_exe(program)) == WAITING
    assert told_by_another_agent(by_cmdline(f"--instance={uuid.uuid4()}")) == WAITING


def test_neither_the_agent_itself_nor_what_it_started_is_ever_meant(program: Path) -> None:
    word = f"--instance={uuid.uuid4()}"
    said = in_its_own_process(
        "quiet = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}\n"
        f"hook = subprocess.Popen(['/bin/sh', '-c', 'sleep 60; :', {word!r}], **quiet)\n"
        f"print(hup_to({by_cmdline(word)}))\n"  # both this very script and its hook have the word
        "print(hook.poll())\n"
        "hook.kill()\n"
        "hook.wait()\n"
    )
    assert said.splitlines() == [WAITING, "None"]


def test_one_that_would_die_of_it_is_spared(program: Path) -> None:
    with daemon(program, trap=":") as process:
        said = told_by_another_agent(by_exe(program))
        assert said.startswith("SignalUnhandled | ")
        assert f"process {process.pid} ({program})" in said
        assert process.poll() is None


@pytest.mark.root
def test_a_program_that_may_not_be_read_is_no_guess(program: Path) -> None:
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    with daemon(program) as process:
        said = told_by_another_agent(by_exe(program), before=as_nobody)
        assert said.startswith("ProcessHidden | ")
        assert f"uid {NOBODY} may not see which program process {process.pid}" in said
        assert "CAP_SYS_PTRACE" in said
        assert hups(program) == 0
    assert told_by_another_agent(by_exe(program), before=as_nobody) == WAITING


@pytest.mark.root
@pytest.mark.parametrize("option", ["hidepid=1", "hidepid=2", "hidepid=4"])
def test_a_proc_that_hides_others_says_so(program: Path, option: str) -> None:
    """What ``ProtectProc=`` does to a unit."""
    hiding = (
        f'mount -t proc -o {option} proc /proc && exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$@"'
    )
    before = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", hiding, "sh"]
    for consumer in (by_exe(program), by_cmdline("no-such-instance")):
        said = told_by_another_agent(consumer, before=before)
        assert said.startswith("ProcessHidden | /proc hides other users' processes")
        assert "ProtectProc=default" in said


@pytest.mark.root
def test_a_container_beside_ours_is_not_meant_and_one_in_our_namespace_is(program: Path) -> None:
    """A host's agent leaves a container's program alone; a sidecar with its own files finds the app's."""
    apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with daemon(program, before=apart):
        assert told_by_another_agent(by_exe(program)) == WAITING
        assert hups(program) == 0
    program.with_name(f"{NAME}.log").unlink()
    with daemon(program):
        hidden = f'mount -t tmpfs tmpfs {program.parent} && ! test -e {program} && exec "$@"'
        said = told_by_another_agent(by_exe(program), before=["unshare", "--mount", "sh", "-c", hidden, "sh"])
        assert said == RELOADED
        eventually(lambda: hups(program) == 1)


@pytest.mark.root
def test_a_strangers_process_by_its_command_line_names_both_users(program: Path) -> None:
    word = f"--instance={uuid.uuid4()}"
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    with daemon(program, word) as process:
        said = told_by_another_agent(by_cmdline(f"{word}$"), before=as_nobody)
        assert said.startswith("SignalForbidden | ")
        assert f"uid {NOBODY} may not send SIGHUP to process {process.pid}" in said
        assert f"runs as uid {os.getuid()}" in said
        assert "CAP_KILL" in said
        assert subprocess.run(["kill", "-0", str(process.pid)], check=False).returncode == 0
