"""Start a program in a session of its own, with nothing of ours but three descriptors.

`posix_spawn` costs the same however large the agent is, and is safe from any thread. It can change neither the
directory nor the user; for those `subprocess.Popen` starts the program, and has no more to do with it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from config_sync.process.account import Account

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where commands are looked for when the environment has no PATH; systemd's own default."""


_RESETTABLE = tuple(one for one in signal.valid_signals() if one not in (signal.SIGKILL, signal.SIGSTOP))
"""Signals that a program is started with in their default disposition."""


class CouldNotStart(Exception):
    """The command never ran: not found, not executable, no interpreter, being written to. The text is one clause."""

    def __init__(self, why: str, *, is_found: bool = True) -> None:
        super().__init__(why)
        self.is_found = is_found
        """Whether there is such a file: shells tell the two apart, by 126 and 127."""


@dataclass(frozen=True, slots=True)
class Start:
    """What to start, and as what. `cwd` and `account` None: as this process."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str | None = None
    account: Account | None = None

    @property
    def is_plain(self) -> bool:
        """Neither directory nor user change."""
        return self.cwd is None and (self.account is None or self.account.is_ours)

    @property
    def uid(self) -> int:
        """Whose rights the program will have."""
        return os.geteuid() if self.account is None else self.account.uid


def _candidates(program: str, env: Mapping[str, str]) -> Iterator[str]:
    """The paths that ``execvp`` would try (exec(3)); an empty PATH element would mean the agent's own directory: no."""
    if "/" in program:
        yield program
        return
    for directory in env.get("PATH", DEFAULT_PATH).split(":"):
        if directory:
            yield f"{directory}/{program}"


def spawn(start: Start, *, stdin_fd: int, output_fd: int) -> int:
    """The pid of the started program, which leads its own session and group. Raises CouldNotStart."""
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # the kernel would reap it, and give its pid away at once
        raise CouldNotStart("SIGCHLD is ignored in this process, so that no exit status could be had")
    begin = _spawn_plainly if start.is_plain else _spawn_elsewhere
    if not start.is_plain:
        _check_surroundings(start)
    return _first_to_start(start, lambda path: begin(start, path, stdin_fd, output_fd))


def spawn_application(start: Start) -> int:
    """The pid of the started program, which leads a group of its own, in our session and with our descriptors.

    What a wrapper owes to what it wraps: stdin, stdout, stderr and the terminal stay what they were. Raises
    CouldNotStart.
    """
    return _first_to_start(
        start,
        lambda path: os.posix_spawn(
            path, tuple(start.argv), start.env, setpgroup=0, setsigmask=[], setsigdef=_RESETTABLE
        ),
    )


def _first_to_start(start: Start, begin: Callable[[str], int]) -> int:
    """`begin` with each path that the program may be at, up to the first that runs. Raises CouldNotStart."""
    program = start.argv[0]
    refusal: CouldNotStart | None = None
    for path in _candidates(program, start.env):
        try:
            return begin(path)
        except OSError as error:
            if "/" in program or error.errno not in (errno.ENOENT, errno.ENOTDIR):
                found = CouldNotStart(_why_not_started(path, error, start), is_found=error.errno != errno.ENOENT)
                if error.errno != errno.EACCES:
                    raise found from error
                refusal = refusal or found  # exec(3): go on, a later directory may have one that may be run
        except ValueError as error:
            raise CouldNotStart(f"an argument or a variable cannot be passed on: {error}") from None
    if refusal is not None:
        raise refusal
    where = start.env.get("PATH", DEFAULT_PATH)
    raise CouldNotStart(f"{program} was not found in PATH ({where})", is_found=False)


def _spawn_plainly(start: Start, path: str, stdin_fd: int, output_fd: int) -> int:
    actions: list[tuple[int, int] | tuple[int, int, int]] = [
        *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
        (os.POSIX_SPAWN_DUP2, stdin_fd, 0),
        (os.POSIX_SPAWN_DUP2, output_fd, 1),
        (os.POSIX_SPAWN_DUP2, output_fd, 2),
    ]
    return os.posix_spawn(
        path, tuple(start.argv), start.env, file_actions=actions, setsid=True, setsigmask=[], setsigdef=_RESETTABLE
    )


def _check_surroundings(start: Start) -> None:
    """Popen tells a directory that cannot be entered from a program that is not there by nothing but a file name."""
    if start.account is not None and not start.account.may_be_taken:
        raise CouldNotStart(
            f"uid {os.geteuid()} may not run it as user {start.account.name}: that takes root, or CAP_SETUID,"
            " CAP_SETGID and CAP_KILL"
        )
    if start.cwd is not None and not os.path.isdir(start.cwd):
        what = "is not a directory" if os.path.lexists(start.cwd) else "does not exist"
        raise CouldNotStart(f"its directory {start.cwd} {what}")


def _spawn_elsewhere(start: Start, path: str, stdin_fd: int, output_fd: int) -> int:
    """In another directory or as another user; with an empty signal mask, which Popen would leave as it is.

    Of ignored signals Popen restores SIGPIPE and SIGXFSZ, the two that Python ignores itself; `stop_ignoring` has seen
    to the others.
    """
    import subprocess  # few hooks need it, and every start of `once` would pay for it

    account = None if start.account is None or start.account.is_ours else start.account
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, [])  # of this thread only: the child inherits it
    try:
        process = subprocess.Popen(
            start.argv,
            executable=path,
            stdin=stdin_fd,
            stdout=output_fd,
            stderr=output_fd,
            env=start.env,
            cwd=start.cwd,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else account.groups(),
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    process.returncode = 0  # it is ours to reap, and never Popen's: without this its end would look for the child
    return process.pid


def stop_ignoring() -> None:
    """Signals that this process was started with as ignored are caught and forgotten instead. In the main thread.

    An ignored signal is inherited by every program that is started (execve(2)), a caught one is not. Left alone are
    those that Python ignores and Popen restores, those of terminals (a read or write that one interrupts would be tried
    again for ever), and SIGCHLD.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2,
                   signal.SIGALRM, signal.SIGWINCH):  # fmt: skip
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _forget)


def _forget(_number: int, _frame: object) -> None:
    """Nothing."""


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


def _why_not_started(path: str, error: OSError, start: Start) -> str:
    there = os.path.join(start.cwd or "", path)
    match error.errno:
        case errno.ENOENT if os.path.lexists(there):
            return f"{path} names an interpreter that does not exist (its first line, or its ELF loader)"
        case errno.ENOENT | errno.ENOTDIR:
            return f"{path} does not exist"
        case errno.EACCES if start.cwd is not None and error.filename == start.cwd and start.cwd != path:
            return f"uid {start.uid} may not enter its directory {start.cwd}"
        case errno.EACCES if os.path.isdir(there):
            return f"{path} is a directory"
        case errno.EACCES:
            return f"{path} may not be executed by uid {start.uid} (permissions, or a noexec mount)"
        case errno.EPERM if start.account is not None:
            return f"uid {os.geteuid()} may not become user {start.account.name}"
        case errno.ENOEXEC:
            return f"{path} is no program: a script needs a first line such as #!/bin/sh"
        case errno.ETXTBSY:
            return f"{path} is being written to"
        case _:
            return f"{path}: {os.strerror(error.errno or 0)}"
