"""How the application ends, and how that becomes our end."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from config_sync.cli.asking import ask, code_of
from tests.program import Home
from tests.service import write_config
from tests.system.reloading.consumers import children_of
from tests.system.supervising.applications import LIVES, application, read
from tests.waiting import eventually


def test_a_term_is_passed_on_and_the_applications_code_is_ours(home: Home) -> None:
    app = application(home, LIVES, traps="trap 'note ended; exit 5' TERM")
    with app.behind() as started:
        app.until(read({"a": 1}))
        assert started.end() == 5
    assert app.notes[-1] == "ended"


def test_it_is_asked_once(home: Home) -> None:
    """Many programs take a second TERM for "at once"; and one that is just ending may die of it."""
    waits = "while ! [ -e go ]; do sleep 0.05 & wait $!; done\n"
    lingers = "for _ in 1 2 3 4 5 6 7 8; do sleep 0.05 & wait $!; done\n"
    app = application(home, f"{waits}{lingers}exit 5\n", traps="trap 'note asked' TERM")
    with app.behind("--grace", "50s") as started:
        app.until(read({"a": 1}))
        eventually(home.socket.exists)
        started.process.send_signal(signal.SIGTERM)
        app.until("asked")
        eventually(lambda: not home.socket.exists())  # the agent is over, and waits for the application
        (home.root / "go").touch()
        assert started.process.wait(60) == 5
    assert app.count("asked") == 1


def test_one_that_ignores_term_is_killed_with_its_children_when_the_grace_is_over(home: Home) -> None:
    body = "(trap '' TERM; while :; do sleep 0.1; done) &\nnote \"pid $!\"\nnote ready\n" + LIVES
    app = application(home, body, traps="trap '' TERM")
    with app.behind("--grace", "300ms") as started:
        app.until("ready")
        assert started.end() == 128 + 9
    eventually(lambda: not [pid for pid in app.pids if is_alive(pid)])


def test_what_it_leaves_in_its_group_is_ended_after_it(home: Home) -> None:
    body = (
        "sleep 1000 &\nnote \"pid $!\"\n(trap 'note cleaned; exit' TERM; note ready; " + LIVES + ') &\nnote "pid $!"\n'
    )
    app = application(home, f"{body}while ! grep -q ready notes; do sleep 0.01; done; exit 4\n")
    with app.behind() as started:
        assert started.process.wait(60) == 4
    assert "cleaned" in app.notes
    assert not [pid for pid in app.pids if is_alive(pid)]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2])
def test_other_signals_are_the_applications_alone(home: Home, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    body = "(trap 'note too many' HUP INT QUIT USR1 USR2; while :; do sleep 0.05; done) &\nnote ready\n" + LIVES
    app = application(home, body, traps=f"trap 'note got {name}' {name}")
    with app.behind() as started:
        app.until("ready")
        started.process.send_signal(number)
        app.until(f"got {name}")
        assert not started.ended()
        assert started.end() == 128 + 15
    assert "too many" not in app.notes


def test_an_application_that_dies_of_a_signal_is_128_and_its_number(home: Home) -> None:
    app = application(home, "kill -SEGV $$\n")
    with app.behind() as started:
        assert started.process.wait(60) == 128 + 11


def test_its_own_end_is_ours_also_in_the_moment_of_a_reload(home: Home, configs: Path) -> None:
    """One that ends because it was told; `tests/unit/agent` has it 200 times."""
    app = application(home, LIVES, traps="trap 'exit 3' USR1")
    with app.behind("--on-change", "USR1") as started:
        app.until(read({"a": 1}))
        write_config(configs, "app", {"a": 2})
        assert started.process.wait(60) == 3


def test_failures_are_started_again_after_a_while_and_a_success_ends_it(home: Home) -> None:
    app = application(home, "[ $(grep -c pid notes) -ge 3 ] && exit 0\nexit 1\n")
    with app.behind("--restart", "on-failure") as started:
        assert started.process.wait(90) == 0
        ends = [line.get("outcome") for line in started.events("child.ended")]
    assert len(app.pids) == 3
    assert ends == ["exited with 1", "exited with 1", "exited with 0"]


def test_a_new_file_starts_a_failed_application_at_once(home: Home, configs: Path) -> None:
    app = application(home, "grep -q fixed app.json && { note well; " + LIVES.rstrip() + "; }\nexit 1\n")
    with app.behind("--restart", "on-failure") as started:
        eventually(lambda: len(app.pids) >= 4)  # by now the next start is seconds away
        write_config(configs, "app", {"a": "fixed"})
        app.until("well")
        assert started.end() == 128 + 15


def test_a_term_between_two_runs_ends_us(home: Home) -> None:
    app = application(home, "exit 1\n")
    with app.behind("--restart", "on-failure") as started:
        eventually(lambda: len(started.events("child.ended")) >= 2)
        assert started.end() in (1, 128 + 15)


@pytest.mark.root
class TestProcessOne:
    """In a PID namespace of its own, as in a container."""

    APART = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")

    def test_after_a_hundred_reloads_no_zombie_is_left(self, home: Home) -> None:
        traps = "trap 'note told; (setsid sleep 0.02 &)' HUP"
        app = application(home, LIVES, traps=traps)
        with app.behind("--on-change", "HUP", before=self.APART) as started:
            app.until(read({"a": 1}))
            eventually(home.socket.exists)
            for _ in range(100):
                answer = ask(str(home.runtime_dir), {"command": "reload", "target": "app"}, timeout_s=60)
                assert code_of(answer) == 0, answer
            (agent,) = children_of(started.pid)
            app.until("told", times=100)
            # Of all the background children that came to process 1 none is left, dead or alive: only the application.
            eventually(lambda: len(offspring(agent)) == 1)

    def test_a_term_ends_everything(self, home: Home) -> None:
        app = application(home, "setsid sleep 1000 &\nnote ready\n" + LIVES, traps="trap 'exit 6' TERM")
        with app.behind(before=self.APART) as started:
            app.until("ready")
            (agent,) = children_of(started.pid)
            os.kill(agent, signal.SIGTERM)
            assert started.process.wait(60) == 6
            assert not Path(f"/proc/{agent}").exists()


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and not is_zombie(pid)


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return False


def offspring(pid: int) -> list[int]:
    """The children of all its threads, dead ones too."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found
