"""The thread that owns the application: whose end is whose, and what a restart comes to. Real processes."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from config_sync.agent.child_reload import ByChild, Restart
from config_sync.agent.supervising import Again, Program, why_ended
from config_sync.agent.supervisor import Supervisor
from config_sync.backoff import Backoff
from config_sync.errors import ApplicationNotFound, ReloadFailed, Stopped
from config_sync.model import AbsolutePath, ReloadOrder, ReloadResult
from config_sync.reloads.signal_ import SignalReload
from config_sync.stop import Stop
from tests.unit.process.shells import no_child_is_left
from tests.waiting import eventually

ENVIRONMENT: Mapping[str, str] = {"PATH": os.environ["PATH"]}
LIVES = "while :; do sleep 0.02 & wait $!; done"
ORDER = ReloadOrder("app", (AbsolutePath("/app"),), (AbsolutePath("/app"),), "Outdated", written_at=4e9)


class Applications:
    """Makes supervisors, and ends what they run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: list[Supervisor] = []

    def script(self, text: str, *, grace_s: float = 10.0, restarts: Backoff | None = None) -> Supervisor:
        """A supervisor of a shell script, not started."""
        program = Program(("/bin/sh", "-c", f"cd {self.root}\n{text}"), grace_s=grace_s, restarts=restarts)
        return self.program(program)

    def program(self, program: Program) -> Supervisor:
        made = Supervisor(program, environment=lambda: ENVIRONMENT, chance=lambda: 0.0)
        self._made.append(made)
        return made

    def end(self) -> None:
        for one in self._made:
            one.end(signal.SIGKILL)
            assert one.wait(60)


@pytest.fixture
def applications(tmp_path: Path) -> Iterator[Applications]:
    made = Applications(tmp_path)
    yield made
    made.end()


def test_nothing_runs_before_it_is_started(applications: Applications, tmp_path: Path) -> None:
    supervisor = applications.script("touch ran; exit 4")
    assert supervisor.restart(Stop()) is ReloadResult.WAITING_FOR_CONSUMER
    assert not (tmp_path / "ran").exists()
    supervisor.start()
    assert supervisor.wait(60)
    assert supervisor.code == 4


def test_an_end_of_its_own_is_ours_200_times_whatever_it_is_told_meanwhile(
    applications: Applications, tmp_path: Path
) -> None:
    """It exits with 3 on USR1, which is sent by a reload, and by ourselves as another reload is delivered."""
    codes: list[int | None] = []
    for index in range(200):
        ready = tmp_path / f"ready-{index}"
        supervisor = applications.script(f"trap 'exit 3' USR1 USR2; touch {ready}; {LIVES}")
        supervisor.start()
        eventually(ready.exists)
        reload = SignalReload(signal.SIGUSR1, ByChild(supervisor, "app"))
        teller = threading.Thread(target=lambda one=reload: _tell(one))
        teller.start()
        if index % 2:
            supervisor.forward(signal.SIGUSR2)
        assert supervisor.wait(60)
        teller.join()
        codes.append(supervisor.code)
    assert codes == [3] * 200


def _tell(reload: SignalReload) -> None:
    try:
        assert reload.run(ORDER, Stop()) is ReloadResult.WAITING_FOR_CONSUMER
    except ReloadFailed as error:
        assert error.reason == "ConsumerDied"  # noqa: PT017  # either is true, by the moment of its end


def test_one_that_has_ended_is_not_restarted(applications: Applications, tmp_path: Path) -> None:
    """100 times: a restart is asked for while it ends by itself, without being asked to."""
    for _ in range(100):
        supervisor = applications.script("trap '' TERM; touch runs.$$; exit 3")
        supervisor.start()
        eventually(lambda: any(tmp_path.glob("runs.*")))
        with contextlib.suppress(ReloadFailed):
            supervisor.restart(Stop())
        assert supervisor.wait(60)
        assert supervisor.code == 3
        for run in tmp_path.glob("runs.*"):
            run.unlink()


def test_a_restart_runs_it_again_and_ends_the_first(applications: Applications, tmp_path: Path) -> None:
    supervisor = applications.script(f"echo $$ >>pids; {LIVES}")
    supervisor.start()
    eventually(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().endswith("\n"))
    assert Restart(supervisor, "app").run(ORDER, Stop()) is ReloadResult.RELOADED
    eventually(lambda: len((tmp_path / "pids").read_text().split()) == 2)
    first, second = map(int, (tmp_path / "pids").read_text().split())
    assert not Path(f"/proc/{first}").exists()
    with supervisor.opened() as process:
        assert process.pid == second


def test_several_who_ask_at_once_get_one_restart(applications: Applications, tmp_path: Path) -> None:
    text = f"echo $$ >>pids; trap 'while ! [ -e go ]; do sleep 0.01; done; exit 0' TERM; touch ready; {LIVES}"
    supervisor = applications.script(text, grace_s=60)
    supervisor.start()
    eventually((tmp_path / "ready").exists)
    results: list[ReloadResult] = []
    askers = [threading.Thread(target=lambda: results.append(supervisor.restart(Stop()))) for _ in range(3)]
    for asker in askers:
        asker.start()
    eventually(lambda: len(supervisor.asking) == 3)
    (tmp_path / "go").touch()
    for asker in askers:
        asker.join(60)
    assert results == [ReloadResult.RELOADED] * 3
    eventually(lambda: len((tmp_path / "pids").read_text().split()) == 2)


def test_one_that_cannot_live_with_the_new_files_fails_its_restart(applications: Applications, tmp_path: Path) -> None:
    text = f"[ -e broken ] && exit 9; touch ready; {LIVES}"
    supervisor = applications.script(text, restarts=Backoff(0.01, 0.01))
    supervisor.start()
    eventually((tmp_path / "ready").exists)
    (tmp_path / "broken").touch()
    with pytest.raises(ReloadFailed, match=r"sh exited with 9 within 0\.1 s of its restart"):
        supervisor.restart(Stop())
    (tmp_path / "broken").unlink()
    eventually(lambda: _is_running(supervisor))


def _is_running(supervisor: Supervisor) -> bool:
    return supervisor.has_read(0.0)


def test_a_stop_ends_the_wait_for_a_restart(applications: Applications, tmp_path: Path) -> None:
    supervisor = applications.script(f"trap '' TERM; touch ready; {LIVES}", grace_s=600)
    supervisor.start()
    eventually((tmp_path / "ready").exists)
    stop = Stop()

    def set_once_it_waits() -> None:
        eventually(lambda: supervisor.asking)
        stop.set()

    timer = threading.Thread(target=set_once_it_waits)
    timer.start()
    with pytest.raises(Stopped):
        supervisor.restart(stop)
    timer.join()


def test_an_end_that_is_asked_for_again_is_told_once(applications: Applications, tmp_path: Path) -> None:
    waits = "echo asked >>asked; while ! [ -e go ]; do sleep 0.01; done; exit 3"
    supervisor = applications.script(f"trap '{waits}' TERM; touch ready; {LIVES}", grace_s=60)
    supervisor.start()
    eventually((tmp_path / "ready").exists)
    for _ in range(3):
        supervisor.end()
        eventually((tmp_path / "asked").exists)
    (tmp_path / "go").touch()
    assert supervisor.wait(60)
    assert supervisor.code == 3
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_an_end_in_the_middle_of_a_restart_asks_no_second_time(applications: Applications, tmp_path: Path) -> None:
    waits = "echo asked >>asked; while ! [ -e go ]; do sleep 0.01; done; exit 3"
    supervisor = applications.script(f"trap '{waits}' TERM; touch ready; {LIVES}", grace_s=60)
    supervisor.start()
    eventually((tmp_path / "ready").exists)
    asker = threading.Thread(target=lambda: supervisor.restart(Stop()))
    asker.start()
    eventually((tmp_path / "asked").exists)
    supervisor.end()
    (tmp_path / "go").touch()
    assert supervisor.wait(60)
    asker.join(60)
    assert supervisor.code == 3
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_a_program_that_is_not_there_is_told_and_ends_it(applications: Applications) -> None:
    supervisor = applications.program(Program(("no-such-program",)))
    supervisor.start()
    assert supervisor.wait(60)
    assert supervisor.code == 127
    assert isinstance(supervisor.why, ApplicationNotFound)


def test_one_that_cannot_be_watched_is_not_left_running(
    applications: Applications, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_pid: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    supervisor = applications.script(LIVES)
    monkeypatch.setattr(os, "pidfd_open", fails)
    supervisor.start()
    assert supervisor.wait(60)
    assert supervisor.code == 126
    assert "cannot be watched: Too many open files" in str(supervisor.why)
    assert no_child_is_left()


def test_it_has_read_what_was_written_before_it_started(applications: Applications, tmp_path: Path) -> None:
    supervisor = applications.script(f"touch ready; {LIVES}")
    assert not supervisor.has_read(0.0), "it does not run"
    before = (tmp_path.stat().st_mtime_ns - 1_000_000) / 1e9
    supervisor.start()
    eventually((tmp_path / "ready").exists)
    assert supervisor.has_read(before)
    assert not supervisor.has_read((tmp_path / "ready").stat().st_mtime + 1.0)
    assert not supervisor.has_read(None), "not known when: it is told once too often"


class TestAgain:
    """Whether, and when, a program that ended is started again. Times in seconds."""

    def test_never_without_a_policy_and_never_after_a_success(self) -> None:
        assert Again(None, chance=lambda: 0.5).after(1, now=0.0) is None
        assert Again(Backoff(1.0, 30.0), chance=lambda: 0.5).after(0, now=0.0) is None

    def test_longer_and_longer_up_to_the_maximum_and_anew_after_a_minute(self) -> None:
        again = Again(Backoff(1.0, 30.0), chance=lambda: 1.0)
        now, delays = 0.0, []
        for _ in range(7):
            again.started(now)
            delays.append(again.after(1, now=now + 1.0))
        assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        again.started(100.0)
        assert again.after(1, now=160.0) == 1.0

    def test_the_draw_is_in_the_upper_half(self) -> None:
        assert Again(Backoff(1.0, 30.0), chance=lambda: 0.0).after(1, now=0.0) == 0.5


@pytest.mark.parametrize(
    ("code", "words"), [(0, "exited with 0"), (3, "exited with 3"), (137, "died of SIGKILL"), (255, "exited with 255")]
)
def test_an_end_in_words(code: int, words: str) -> None:
    assert why_ended(code) == words
