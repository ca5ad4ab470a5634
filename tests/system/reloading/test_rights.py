"""Who may be signalled by whom: other users' processes and pid files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.errors import ReloadFailed
from config_sync.model import ReloadResult
from config_sync.stop import Stop
from tests.system.reloading.agents import NOBODY, in_its_own_process
from tests.unit.reloads.consumers import COUNTS, consumer, hup, order, pid_file

pytestmark = pytest.mark.root


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """One that everybody may enter. Not below pytest's own, whose mode each session of root sets anew."""
    with tempfile.TemporaryDirectory(prefix="config-sync-", dir="/var/tmp") as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


def test_a_strangers_process_may_not_be_signalled_and_the_error_names_both_users(tmp_path: Path) -> None:
    with consumer(COUNTS) as child:
        path = pid_file(tmp_path, child.pid)
        drop = f"os.setgroups([]); os.setresuid({NOBODY}, {NOBODY}, {NOBODY})"
        said = in_its_own_process(f"{drop}\nprint(said_of(hup(AbsolutePath({str(path)!r}))))")
        assert said.startswith(f"SignalForbidden | uid {NOBODY} may not send SIGHUP to process {child.pid}")
        assert "runs as uid 0" in said
        assert "CAP_KILL" in said
        assert child.poll() is None


def test_a_users_pid_file_cannot_have_root_signal_another_users_process(tmp_path: Path) -> None:
    with consumer(COUNTS) as child:
        path = pid_file(tmp_path, child.pid)
        os.chown(path, NOBODY, -1)
        with pytest.raises(
            ReloadFailed, match=f"belongs to uid {NOBODY}, but process {child.pid} .* as uid 0"
        ) as caught:
            hup(path).run(order(), Stop())
        assert caught.value.reason == "PidFileUntrusted"
    with consumer(f"os.setresuid({NOBODY}, {NOBODY}, {NOBODY})\n{COUNTS}") as own:
        path = pid_file(tmp_path, own.pid)
        os.chown(path, NOBODY, -1)
        assert hup(path).run(order(), Stop()) is ReloadResult.RELOADED


def test_a_proc_that_hides_the_process_of_a_pid_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "consumer.pid"
    path.write_text("1\n")
    hiding = (
        f'mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$@"'
    )
    said = in_its_own_process(
        f"print(said_of(hup(AbsolutePath({str(path)!r}))))",
        before=["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", f"{hiding} & wait", "sh"],
    )
    assert said.startswith("ProcessHidden | /proc does not show process 1: is it mounted with hidepid?")


def test_a_stamp_of_another_user_that_we_may_write_grows_as_well(tmp_path: Path) -> None:
    """Only its owner may set any time; others only the present one."""
    stamp = tmp_path / "stamp"
    stamp.touch()
    stamp.chmod(0o666)
    os.utime(stamp, (1, 1))
    code = (
        f"from config_sync.reloads import TouchReload\nos.setgroups([]); os.setresuid({NOBODY}, {NOBODY}, {NOBODY})\n"
        f"reload, times = TouchReload(AbsolutePath({str(stamp)!r})), []\n"
        f"for _ in range(5): reload.run(order(), Stop()); times.append(os.stat({str(stamp)!r}).st_mtime_ns)\n"
        "print(times == sorted(set(times)) and times[0] > 10**9)"
    )
    assert in_its_own_process(f"from config_sync.stop import Stop\n{code}") == "True"


def test_a_hook_of_another_user_takes_root(tmp_path: Path) -> None:
    code = f"""
from config_sync.errors import ReloadFailed
from config_sync.process import account_of
from config_sync.reloads import CommandReload
from config_sync.stop import Stop
hook = CommandReload(("/bin/touch", {str(tmp_path / "ran")!r}), account=account_of("daemon"))
print([one.is_error for one in hook.doubts()])
os.setgroups([]); os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
print([one.is_error for one in hook.doubts()])
try:
    hook.run(order(), Stop())
except ReloadFailed as error:
    print(error.reason, "|", error.message, "|", error.hint)
"""
    allowed, refused, said = in_its_own_process(code).splitlines()
    assert (allowed, refused) == ("[]", "[True]")
    assert said.startswith("HookNotRunnable | ")
    assert f"uid {NOBODY} may not run it as user daemon" in said
    assert "CAP_SETUID" in said
