"""A number that came to mean another process, in a PID namespace of its own, where numbers can be given out at will."""

from __future__ import annotations

import pytest

from tests.system.reloading.agents import in_its_own_process

pytestmark = pytest.mark.root

APART = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]

STRANGER = """
def stranger_with(pid):
    # The kernel counts on from here (pid_namespaces(7)); in this namespace nobody else takes the next number.
    pathlib.Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
    child = subprocess.Popen(["/bin/sleep", "600"])
    assert child.pid == pid, (child.pid, pid)
    return child
directory = pathlib.Path({directory!r})
"""


def test_a_recycled_pid_is_recognised_and_the_innocent_process_lives(tmp_path: object) -> None:
    said = in_its_own_process(
        STRANGER.format(directory=str(tmp_path))
        + """
with consumer(COUNTS) as former:
    path = pid_file(directory, former.pid)
written_at = time.time() - 60
os.utime(path, (written_at, written_at))
with stranger_with(former.pid) as stranger:
    print(said_of(hup(path)))
    print(stranger.poll())
    stranger.kill()
""",
        before=APART,
    )
    outcome, state = said.splitlines()
    assert outcome.startswith("PidFileStale | pid file ")
    assert "is stale: it is older than process" in outcome
    assert state == "None"


def test_a_process_that_ends_between_look_and_signal_never_gives_its_number_to_a_victim(tmp_path: object) -> None:
    """The pidfd is held before anything is looked at: the signal goes to what was looked at, or to nobody."""
    said = in_its_own_process(
        STRANGER.format(directory=str(tmp_path))
        + """
from config_sync.process import disposition_of, open_process
with consumer(COUNTS) as former:
    process = open_process(former.pid)
    print(disposition_of(process, signal.SIGHUP).name)
with stranger_with(former.pid) as stranger:
    try:
        process.send(signal.SIGHUP)
    except ProcessLookupError:
        print("nobody")
    print(process.ends_within(0.0), stranger.poll())
    stranger.kill()
process.close()
""",
        before=APART,
    )
    assert said.splitlines() == ["CAUGHT", "nobody", "True None"]


def test_a_pid_file_in_memory_from_before_the_boot_means_a_stepped_clock_and_is_followed() -> None:
    code = (
        "with consumer(COUNTS) as child:\n"
        "    path = pid_file(pathlib.Path('/run'), child.pid)\n"
        "    os.utime(path, (1e6, 1e6))\n"
        "    print(said_of(hup(path)))\n"
    )
    in_memory = 'mount -t tmpfs tmpfs /run && exec "$@"'
    assert in_its_own_process(code, before=["unshare", "--mount", "sh", "-c", in_memory, "sh"]) == "RELOADED"
