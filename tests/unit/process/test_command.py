"""What a command is given, what it prints, how it ends, and why it could not start."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from config_sync.process import CouldNotStart, Ended, run_command
from config_sync.stop import Stop
from tests.unit.process.shells import ENV, no_child_is_left, run


def test_a_quiet_success_is_reaped_and_says_so() -> None:
    finished = run("exit 0")
    assert (finished.is_success, finished.returncode, finished.signal, finished.output_tail) == (True, 0, None, "")
    assert no_child_is_left()


@pytest.mark.parametrize(
    ("script", "returncode", "number", "says"),
    [
        pytest.param("exit 7", 7, None, "exited with 7", id="exit-code"),
        pytest.param("kill -SEGV $$", None, signal.SIGSEGV, "died of SIGSEGV", id="signal"),
    ],
)
def test_a_failure_names_its_code_or_signal(script: str, returncode: int | None, number: int | None, says: str) -> None:
    finished = run(script)
    assert (finished.returncode, finished.signal, finished.how) == (returncode, number, Ended.EXITED)
    assert finished.describe().startswith(says)


def test_both_streams_come_line_by_line_and_in_order() -> None:
    lines: list[str] = []
    finished = run("echo one; echo two >&2; printf three", on_line=lines.append)
    assert lines == ["one", "two", "three"]
    assert finished.output_tail == "one\ntwo\nthree"


def test_five_megabytes_of_output_are_drained_and_bounded() -> None:
    lines: list[str] = []
    finished = run("yes 0123456789 | head -c 5000000; echo the end", on_line=lines.append)
    assert finished.is_success
    assert finished.truncated
    assert sum(map(len, lines)) <= 65536
    assert len(finished.output_tail) <= 65536
    assert finished.output_tail.endswith("the end")


def test_a_line_without_an_end_is_cut_not_kept_whole() -> None:
    lines: list[str] = []
    finished = run("head -c 3000000 /dev/zero | tr '\\0' x", on_line=lines.append)
    assert finished.truncated
    assert [len(line) for line in lines] == [4097]


def test_output_that_is_not_utf8_is_shown_all_the_same() -> None:
    assert run("printf 'caf\\351'").output_tail == "caf\N{REPLACEMENT CHARACTER}"


def test_a_secret_in_the_output_is_taken_out_even_where_a_line_is_cut() -> None:
    lines: list[str] = []
    script = "echo token=s3cr3t-token; head -c 4090 /dev/zero | tr '\\0' x; echo s3cr3t-token"
    finished = run(script, on_line=lines.append, redact=("s3cr3t-token",))
    assert lines[0] == "token=[hidden]"
    assert not any("s3c" in text for text in (*lines, finished.output_tail))


@pytest.mark.parametrize("data", [b"", b"a story\n", b"x" * 1_000_000], ids=["empty", "short", "longer-than-a-pipe"])
def test_stdin_is_what_was_given_and_then_ends(data: bytes) -> None:
    assert run("wc -c", stdin=data).output_tail.strip() == str(len(data))


def test_a_command_that_never_reads_its_stdin_does_not_block() -> None:
    assert run("exec <&-; exit 0", stdin=b"x" * 1_000_000).is_success


def test_without_a_story_stdin_is_empty_and_not_ours() -> None:
    assert run("readlink /proc/self/fd/0; wc -c").output_tail.split() == ["/dev/null", "0"]


def test_none_of_our_descriptors_reaches_the_command(tmp_path: Path) -> None:
    ours, inherited = os.open(tmp_path, os.O_RDONLY), os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(inherited, True)  # as if whoever started us had handed it on
    try:
        probe = "import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:-1])"
        finished = run_command([sys.executable, "-S", "-c", probe], env=ENV, timeout_s=600, stop=Stop(), stdin=b"x")
    finally:
        os.close(ours)
        os.close(inherited)
    assert finished.output_tail == "[0, 1, 2]"


def test_runs_leave_no_descriptor_behind() -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    stop = Stop()
    run("true", stop=stop)
    before = count()
    for _ in range(5):
        run("true", stdin=b"story", stop=stop)
        run("sleep 9", timeout_s=0.02, stop=stop)
        with pytest.raises(CouldNotStart):
            run_command(["/nonexistent"], env=ENV, timeout_s=1, stop=stop)
    assert count() <= before  # fewer: the collector may close what earlier tests left


def test_it_starts_in_its_own_session_with_nothing_blocked_and_nothing_ignored() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        tail = run(
            "grep -E 'SigBlk|SigIgn' /proc/self/status; cut -d' ' -f6 /proc/$$/stat; echo $$"
        ).output_tail.split()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        signal.signal(signal.SIGHUP, former)
    libc_own = 0b11 << 31  # 32 and 33 are glibc's, which lets nobody change them
    assert [int(tail[1], 16), int(tail[3], 16) & ~libc_own] == [0, 0]
    assert tail[4] == tail[5]


def test_the_environment_is_exactly_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "sings")
    finished = run_command(["/usr/bin/env"], env={"ONLY": "this"}, timeout_s=600, stop=Stop())
    assert finished.output_tail == "ONLY=this"


def _no_shebang(directory: Path) -> str:
    path = directory / "plain"
    path.write_text("echo hi\n")
    path.chmod(0o755)
    return str(path)


def _not_executable(directory: Path) -> str:
    path = directory / "sealed"
    path.write_text("#!/bin/sh\n")
    return str(path)


def _no_interpreter(directory: Path) -> str:
    path = directory / "lost"
    path.write_text("#!/nonexistent/perl\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(_no_shebang, "needs a first line", id="no-shebang"),
        pytest.param(_not_executable, "may not be executed", id="not-executable"),
        pytest.param(_no_interpreter, "interpreter that does not exist", id="no-interpreter"),
        pytest.param(lambda d: str(d / "absent"), "does not exist", id="absent"),
        pytest.param(str, "is a directory", id="directory"),
        pytest.param(lambda _: "no-such-program", "was not found in PATH (/usr/bin:/bin)", id="not-in-PATH"),
    ],
)
def test_what_cannot_be_started_says_why(tmp_path: Path, make: Callable[[Path], str], says: str) -> None:
    with pytest.raises(CouldNotStart, match=r".") as caught:
        run_command([make(tmp_path)], env=ENV, timeout_s=600, stop=Stop())
    assert says in str(caught.value)


def test_a_program_that_is_being_written_to_says_so(tmp_path: Path) -> None:
    path = tmp_path / "busy"
    path.write_bytes(Path("/bin/true").read_bytes())
    path.chmod(0o755)
    with path.open("ab"), pytest.raises(CouldNotStart, match="is being written to"):
        run_command([str(path)], env=ENV, timeout_s=600, stop=Stop())


def test_many_threads_run_commands_at_once_and_mix_nothing_up() -> None:
    results: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: run(f"echo {n}; exit 0").output_tail}))
        for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: str(n) for n in range(16)}
