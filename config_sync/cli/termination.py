"""Why a container ended, where Kubernetes looks for it: ``kubectl describe pod`` shows what stands in that file."""

from __future__ import annotations

import contextlib
import os
import stat

PATH = "/dev/termination-log"
"""`terminationMessagePath` where a pod does not say otherwise."""
COMMANDS = frozenset({"once", "run", "exec"})
"""What is a container's own process; `health` and `status` come and go beside it."""
_MAX = 4096
"""The kubelet reads no more."""


def leave_reason(words: str, *, path: str = PATH) -> None:
    """The words are in the file, in place of what was there; nothing where there is none, or none of ours to write.

    It is never made: outside a pod there is no such file.
    """
    with contextlib.suppress(OSError):
        # NONBLOCK: whatever else stands there, a pipe without a reader say, must not hold us.
        file = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if stat.S_ISREG(os.fstat(file).st_mode):
                os.ftruncate(file, 0)
                os.write(file, words.encode("utf-8", "replace")[:_MAX].decode("utf-8", "ignore").encode("utf-8"))
        finally:
            os.close(file)
