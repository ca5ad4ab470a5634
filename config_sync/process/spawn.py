"""Start a program in a session of its own, with nothing of ours but three descriptors.

`posix_spawn` costs the same however large the agent is, and is safe from any thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from collections.abc import Iterator, Mapping, Sequence

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where commands are looked for when the environment has no PATH; systemd's own default."""


class CouldNotStart(Exception):
    """The command never ran: not found, not executable, no interpreter, being written to. The text is one clause."""


def _candidates(program: str, env: Mapping[str, str]) -> Iterator[str]:
    """The paths that ``execvp`` would try (exec(3)); an empty PATH element would mean the agent's own directory: no."""
    if "/" in program:
        yield program
        return
    for directory in env.get("PATH", DEFAULT_PATH).split(":"):
        if directory:
            yield f"{directory}/{program}"


def spawn(argv: Sequence[str], env: Mapping[str, str], *, stdin_fd: int, output_fd: int) -> int:
    """The pid of the started program, which leads its own session and group. Raises CouldNotStart."""
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # the kernel would reap it, and give its pid away at once
        raise CouldNotStart("SIGCHLD is ignored in this process, so that no exit status could be had")
    program = argv[0]
    defaults = [number for number in signal.valid_signals() if number not in (signal.SIGKILL, signal.SIGSTOP)]
    actions: list[tuple[int, int] | tuple[int, int, int]] = [
        *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
        (os.POSIX_SPAWN_DUP2, stdin_fd, 0),
        (os.POSIX_SPAWN_DUP2, output_fd, 1),
        (os.POSIX_SPAWN_DUP2, output_fd, 2),
    ]
    refusal: CouldNotStart | None = None
    for path in _candidates(program, env):
        try:
            return os.posix_spawn(
                path, tuple(argv), env, file_actions=actions, setsid=True, setsigmask=[], setsigdef=defaults
            )
        except OSError as error:
            if "/" in program or error.errno not in (errno.ENOENT, errno.ENOTDIR):
                found = CouldNotStart(_why_not_started(path, error))
                if error.errno != errno.EACCES:
                    raise found from error
                refusal = refusal or found  # exec(3): go on, a later directory may have one that may be run
        except ValueError as error:
            raise CouldNotStart(f"an argument or a variable cannot be passed on: {error}") from None
    raise refusal or CouldNotStart(f"{program} was not found in PATH ({env.get('PATH', DEFAULT_PATH)})")


def _inheritable() -> list[int]:
    """What we were given without O_CLOEXEC by whoever started us (a socket of systemd's, a supervisor's pipe).

    Another thread may close one meanwhile: closing a descriptor that is not there is no error in posix_spawn(3).
    """
    found: list[int] = []
    try:
        names = os.listdir("/proc/self/fd")
    except FileNotFoundError:  # no /proc here
        return found
    for name in names:
        with contextlib.suppress(OSError):
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
    return found


def _why_not_started(path: str, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT if os.path.lexists(path):
            return f"{path} names an interpreter that does not exist (its first line, or its ELF loader)"
        case errno.ENOENT | errno.ENOTDIR:
            return f"{path} does not exist"
        case errno.EACCES if os.path.isdir(path):
            return f"{path} is a directory"
        case errno.EACCES:
            return f"{path} may not be executed by uid {os.geteuid()} (permissions, or a noexec mount)"
        case errno.ENOEXEC:
            return f"{path} is no program: a script needs a first line such as #!/bin/sh"
        case errno.ETXTBSY:
            return f"{path} is being written to"
        case _:
            return f"{path}: {os.strerror(error.errno or 0)}"
