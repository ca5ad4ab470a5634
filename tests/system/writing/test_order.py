"""The order of the kernel calls that makes a file whole, durable and closed to others, read off a trace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest

from tests.system.writing.scenario import all_scenarios
from tests.system.writing.syscalls import Call, Lab

pytestmark = [pytest.mark.root, pytest.mark.strace]

_TEMP = r"\.config-sync-[0-9a-f]{8}-[0-9a-f]{16}\.tmp"
_STEPS = {
    "create": rf'openat\(\d+<[^>]*>, "{_TEMP}", O_WRONLY\|O_CREAT\|O_EXCL\|O_NOFOLLOW\|O_CLOEXEC, 0[0-6]00\)',
    "lock": rf"flock\(\d+<[^>]*/{_TEMP}>, LOCK_EX\|LOCK_NB\)",
    "no-acl": rf'fremovexattr\(\d+<[^>]*/{_TEMP}>, "system\.posix_acl_access"\)',
    "write": rf"write\(\d+<[^>]*/{_TEMP}>",
    "owner": rf"fchown\(\d+<[^>]*/{_TEMP}>",
    "mode": rf"fchmod\(\d+<[^>]*/{_TEMP}>",
    "verify": rf'(newfstatat\(\d+<[^>]*/{_TEMP}>, ""|fstat\(\d+<[^>]*/{_TEMP}>)',
    "fsync": rf"fsync\(\d+<[^>]*/{_TEMP}>\)",
    "pin": rf'openat\(\d+<[^>]*>, "{_TEMP}", O_RDONLY\|O_NOFOLLOW\|O_CLOEXEC\|O_PATH\)',
    "close": rf"close\(\d+<[^>]*/{_TEMP}>\)",
    "rename": rf'renameat2?\(\d+<([^>]*)>, "{_TEMP}", \d+<\1>, "[^"/]+"',
    "see": r'newfstatat\(\d+<[^>]*>, "(app\.conf)", .*AT_SYMLINK_NOFOLLOW\)',
    "fsync-directory": r"fsync\(\d+<[^>]*/(dest|state|cache|b)>\)",
}
_CONTENTS = ("read", "write", "readlinkat", "symlinkat", "getrandom")
"""What these name is data, and a link is put in place by a rename of its own."""
_WRITES = "create lock no-acl write mode verify fsync pin verify close rename see fsync-directory"


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("new-file", _WRITES),
        ("replacement", _WRITES),
        ("heal", _WRITES),
        ("new-file-with-its-directories", _WRITES),
        ("replacement-for-a-service", _WRITES.replace("mode", "verify owner mode")),
        ("record", _WRITES.replace(" see", "")),
        ("revision", _WRITES.replace(" see", "")),
    ],
)
def test_kernel_sees_each_step_in_its_order(lab: Lab, name: str, order: str) -> None:
    steps = list(_steps_of(lab.calls_of(name)))
    assert " ".join(steps[steps.index("create") :]) == order


@pytest.mark.parametrize("name", all_scenarios())
def test_nothing_is_done_by_a_path(lab: Lab, name: str) -> None:
    """Only a directory of the root and our own state directory are opened by a path; every name is one component."""
    for call in lab.calls_of(name):
        names = re.findall(r'(?:^|, )"((?:[^"\\]|\\.)*)"', call.arguments) if call.name not in _CONTENTS else []
        for given in names:
            is_own = "/place/state" in given
            is_xattr = given == "system.posix_acl_access"
            is_first = given == "/" or (re.fullmatch("/[^/]+", given) and "O_NOFOLLOW" in call.arguments)
            assert is_first or is_own or is_xattr or "/" not in given, call
            assert is_first or is_own or "AT_FDCWD" not in call.arguments, call


@pytest.mark.parametrize("name", all_scenarios())
def test_every_descriptor_is_closed_once_and_on_exec(lab: Lab, name: str) -> None:
    calls = lab.calls_of(name)
    opened = [call for call in calls if call.name == "openat" and not call.result.startswith("-1")]
    copied = [call for call in calls if call.name == "fcntl" and "F_DUPFD" in call.arguments]
    closed = [call for call in calls if call.name == "close"]
    assert len(opened) + len(copied) == len(closed)
    assert all(call.result == "0" for call in closed)
    assert all("O_CLOEXEC" in call.arguments for call in opened)


@pytest.mark.parametrize("name", all_scenarios())
def test_no_inode_is_fsynced_twice(lab: Lab, name: str) -> None:
    files = [call.arguments for call in lab.calls_of(name) if call.name == "fsync" and ".tmp" in call.arguments]
    assert len(files) == len(set(files))


def test_set_is_durable_before_it_is_shown(lab: Lab) -> None:
    generation = r"/dest/\.\.g[0-9a-f]{16}"
    steps = {
        "file": rf"fsync\(\d+<[^>]*{generation}/[^>]*>\)",
        "generation": rf"fsync\(\d+<[^>]*{generation}>\)",
        "directory": r"fsync\(\d+<[^>]*/dest>\)",
        "switch": r'renameat2?\(.*, "\.\.data"',
    }
    calls = [f"{call.name}({call.arguments})" for call in lab.calls_of("next-set")]
    found = [step for call in calls for step, pattern in steps.items() if re.match(pattern, call)]
    assert found[:7] == [*["file"] * 3, "generation", "directory", "switch", "directory"]


def _steps_of(calls: Sequence[Call]) -> Iterator[str]:
    for call in calls:
        text = f"{call.name}({call.arguments})"
        yield from (step for step, pattern in _STEPS.items() if re.match(pattern, text))
