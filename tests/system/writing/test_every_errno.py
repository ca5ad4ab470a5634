"""Every system call of a writer fails in every way that the kernel has for it, under strace's fault injection.

Up to the switch the old thing stands as it stood, down to inode and time, nothing of ours is left, and the error says
what failed. From the switch on the new thing is there whole, and an error says so itself (``published``).
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from tests.system.writing.scenario import NEW, all_scenarios
from tests.system.writing.syscalls import Call, Hit, Lab

pytestmark = [pytest.mark.root, pytest.mark.strace]

_SPACE = ("ENOSPC", "EDQUOT")
_DENIED = ("EACCES", "EPERM", "EROFS")
_ERRORS = {
    "openat": (*_DENIED, *_SPACE, "EIO", "EMFILE", "ENFILE", "ELOOP", "ENOENT", "ENOTDIR", "ENOMEM", "EINTR", "ESTALE"),
    "newfstatat": ("EIO", "EACCES", "ENOMEM", "ESTALE"),
    "fstat": ("EIO", "ENOMEM", "ESTALE"),
    "readlinkat": ("EIO", "EACCES", "EINVAL"),
    "read": ("EIO", "EINTR", "ESTALE"),
    "getdents64": ("EIO", "ENOENT", "ESTALE"),
    "getrandom": ("EINTR",),
    "lseek": ("EINVAL",),
    "fcntl": ("EMFILE", "EBADF"),
    "ioctl": ("ENOTTY",),
    "flock": ("EINTR", "ENOLCK", "EAGAIN", "EIO"),
    "fgetxattr": ("ENODATA", "EOPNOTSUPP", "EIO", "EACCES"),
    "fremovexattr": ("ENODATA", "EOPNOTSUPP", "EIO", "EPERM", "EROFS"),
    "write": (*_SPACE, "EIO", "EFBIG", "EINTR", "EPERM"),
    "fchown": (*_DENIED, *_SPACE, "EIO", "EINTR"),
    "fchmod": (*_DENIED, *_SPACE, "EIO", "EINTR"),
    "utimensat": (*_DENIED, "EIO"),
    "ftruncate": ("EIO", "EFBIG", "EINTR", "EPERM"),
    "fsync": (*_SPACE, "EIO", "EROFS", "EINVAL", "EINTR"),
    "close": (*_SPACE, "EIO", "EINTR"),
    "renameat": (
        *_DENIED,
        *_SPACE,
        "EIO",
        "EBUSY",
        "EISDIR",
        "ENOTDIR",
        "EXDEV",
        "ENOENT",
        "ESTALE",
        "EMLINK",
        "ENOMEM",
    ),
    "linkat": (*_DENIED, *_SPACE, "EIO", "EMLINK", "EOPNOTSUPP", "ENOENT", "EXDEV"),
    "unlinkat": (*_DENIED, "EIO", "EBUSY", "ENOENT", "EISDIR"),
    "mkdirat": (*_DENIED, *_SPACE, "EIO", "EMLINK", "EEXIST", "ENOENT"),
    "symlinkat": (*_DENIED, *_SPACE, "EIO", "EMLINK", "ENOMEM"),
    "fstatfs": ("EIO",),
    "access": ("EACCES", "EROFS", "EIO"),
    "faccessat2": ("EACCES", "EROFS", "EIO"),
}
_ERRORS.update({"stat": _ERRORS["newfstatat"], "lstat": _ERRORS["newfstatat"]})
_ERRORS.update({"mkdir": _ERRORS["mkdirat"], "unlink": _ERRORS["unlinkat"]})
_CHANGES = ("fsync", "mkdirat", "mkdir", "unlinkat", "linkat", "symlinkat", "flock")
_FULL = ("replacement", "next-set", "in-place")
_ON_THE_WAY = ("EIO", "EOPNOTSUPP", "ENOTTY", "EINVAL")
"""Enough for calls that only look, except in the scenarios that are played in full."""
_TRIED_AGAIN = ("first-files",)
"""A chunk that fails is published anew, file by file."""
_HARMLESS = {"geteuid", "getuid", "getpid", "fchdir"}
"""Cannot fail."""


@pytest.mark.parametrize("name", all_scenarios())
def test_failing_call_changes_nothing_or_tells_what_it_changed(lab: Lab, name: str) -> None:
    calls = lab.calls_of(name)
    assert not {call.name for call in calls} - set(_ERRORS) - _HARMLESS, "give these calls their errors"
    ends: Counter[str] = Counter()
    broken: list[str] = []
    for hit in lab.hit(name, list(_failures(calls, is_full=name in _FULL))):
        end, promises = _end_of(hit)
        ends[end] += 1
        broken += [f"{end}, but not {promise}: {hit}" for promise, is_held in promises.items() if not is_held]
    assert not broken, "\n\n".join(broken)
    assert ends["done all the same" if name in _TRIED_AGAIN else "kept the old"] > 20, ends
    assert ends["told of the new"] > 0, ends


def _failures(calls: Sequence[Call], *, is_full: bool) -> Iterator[tuple[Call, str]]:
    """What can happen to these calls, less what would be a plain answer about the world instead of a failure."""
    for call in calls:
        is_ours = ".config-sync-" in call.arguments or "CREAT" in call.arguments or call.name in _CHANGES
        for word in _ERRORS.get(call.name, ()):
            is_gone = ".config-sync-" not in call.arguments or (call.name == "openat" and '.old"' in call.arguments)
            is_answer = word == "EEXIST" or (word == "ENOENT" and is_gone)
            if word not in call.result and not is_answer and (is_full or is_ours or word in _ON_THE_WAY):
                yield call, f"error={word}"


def _end_of(hit: Hit) -> tuple[str, dict[str, bool]]:
    """How it ended, in one of the three ways that are promised, and what is promised then and whether it holds."""
    after, word = hit.aftermath, hit.what.removeprefix("error=")
    told, again = after.told, after.again
    promises = {
        "an end": told is not None and told.reason != "Broken",
        "no temp": not any(name.endswith((".tmp", ".stage")) for name in after.left),
        "a good second run": again is not None and again.is_done,
        "the new thing after it": after.seen_again == NEW,
        "nothing left after it": after.left_again == [],
    }
    if told is None or told.is_done:  # the call did not matter, or was made again
        return "done all the same", promises | {"the new thing": after.seen == NEW}
    if told.reason != "MemoryOnly":
        word = {"EAGAIN": "ESTALE"}.get(word, word)  # another one has locked our temp
        promises |= {
            "the path": told.message.startswith("/"),
            "the step": bool(told.step),
            "the error": f"({word} at {told.step})" in told.message and told.errno == getattr(errno, word),
        }
    if told.is_published:
        return "told of the new", promises | {"the new thing": after.seen == NEW}
    return "kept the old", promises | {
        "the old thing": after.seen == after.seen_before,
        "untouched": after.is_untouched,
        "nothing left": not any(name.startswith(".") for name in after.left),
    }
