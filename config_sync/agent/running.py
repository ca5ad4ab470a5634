"""The process around the agent: signals, the state lock, limits, and the way out."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import faulthandler
import os
import random
import resource
import signal
import sys
from collections.abc import Callable, Sequence

from config_sync import __version__
from config_sync.agent.agent import Agent, Connection
from config_sync.agent.assembly import endpoint_of, open_memory, reconciler_for, service_at
from config_sync.agent.supervisor import Supervisor
from config_sync.agent.workers import Threads
from config_sync.client.streams import HttpStreams
from config_sync.clock import SystemClock
from config_sync.errors import Exit, FileError
from config_sync.files import StateLock
from config_sync.log import AGENT_STARTED, AGENT_STOPPED, SETTINGS_WARNED, logger
from config_sync.notify import Notifier
from config_sync.process import reap_orphans, stop_ignoring
from config_sync.settings import Settings
from config_sync.stop import Stop

_PR_SET_DUMPABLE = 4
_M_ARENA_MAX = -8
"""Of mallopt(3), glibc's."""
PASSED_ON = (
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH,
    signal.SIGCONT, signal.SIGTSTP,
)  # fmt: skip
"""What ``exec`` hands to the application as it comes."""
_SPARE_FILES = 256
"""Descriptors beside the streams: fetches, hooks, files."""


def run_agent(
    settings: Settings,
    read_settings: Callable[[], Settings],
    *,
    early_hups: Sequence[int] = (),
    supervisor: Supervisor | None = None,
) -> int:
    """Run until TERM or INT; returns only for an error, else the process leaves with 0.

    `early_hups` has an entry for each HUP that came since `settings` began to be read. With a `supervisor` its program
    starts after the first full sync and gets our signals, and its end is ours.

    Raises:
        StateLocked: another agent holds the state directory.
        FileError: the socket or the state directory cannot be made.
    """
    stop_ignoring()  # hooks would inherit it
    # systemd's watchdog ends a loop that hangs by ABRT: then the journal shows where every thread was. Names and lines
    # only, no value.
    with contextlib.suppress(AttributeError, ValueError, OSError):  # stderr was closed from the start
        faulthandler.enable()
    _protect(len(settings.targets))
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(StateLock(settings.agent.state_dir).acquire())
        except FileError as error:
            # The consumer of `exec` starts anew with us: no reload can be owed to it from before.
            if supervisor is None:
                raise FileError(
                    f"the agent's memory cannot be kept: {error.message}",
                    hint="set agent.state_dir to a directory that this user can write (in a container, mount a volume"
                    " there); `once` and `exec` do without",
                    errno=error.errno,
                    step=error.step,
                ) from error
        asyncio.run(_run(settings, read_settings, early_hups, supervisor))
    return int(Exit.DONE)


async def _run(
    settings: Settings,
    read_settings: Callable[[], Settings],
    early_hups: Sequence[int],
    supervisor: Supervisor | None,
) -> None:
    clock = SystemClock()
    stop = Stop()
    workers = Threads()
    memory = open_memory(settings, clock)

    def connect(current: Settings) -> Connection:
        endpoint = endpoint_of(current.service)
        service = service_at(endpoint, current.service)
        streams = HttpStreams(endpoint, idle_timeout_s=current.service.idle_timeout_s)
        reconciler = reconciler_for(service, current, memory, clock=clock, slots=workers)
        return Connection(service, streams, reconciler)

    agent = Agent(
        settings,
        memory=memory,
        connect=connect,
        read_settings=read_settings,
        workers=workers,
        notifier=Notifier.from_environment(os.environ),
        stop=stop,
        clock=clock,
        chance=random.random,
        on_started=supervisor.start if supervisor is not None else None,
        is_socket_needed=supervisor is None,
    )
    if supervisor is None:
        _listen_to_signals(agent)
    else:
        _pass_signals_on(agent, supervisor)
    if os.getpid() == 1:  # of a container: what hooks leave behind becomes ours
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, reap_orphans)
    if early_hups:
        asyncio.get_running_loop().call_soon(agent.reload_settings)
    _warn_of_environment(settings)
    logger().info(AGENT_STARTED, version=__version__, pid=os.getpid(), targets=len(settings.targets))
    code = int(Exit.DONE)
    try:
        await agent.run()
    except BaseExceptionGroup as group:
        # Its tasks run as a group; what is told to a person is the error itself.
        raise group.exceptions[0] from None
    finally:
        if supervisor is not None:
            supervisor.end()
            await asyncio.to_thread(supervisor.wait)
            code = int(Exit.DONE) if supervisor.code is None else supervisor.code
    if supervisor is not None and supervisor.why is not None:
        raise supervisor.why
    logger().info(AGENT_STOPPED, pid=os.getpid())
    with contextlib.suppress(OSError):  # whoever read the log may be gone
        sys.stderr.flush()
    # Not through the interpreter's end: a thread in a resolver would hold it for the resolver's timeout, and closing
    # the loop would give HUP back its deadly default for the last milliseconds.
    os._exit(code)


def _listen_to_signals(agent: Agent) -> None:
    loop = asyncio.get_running_loop()
    asked = 0

    def end(number: signal.Signals) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        agent.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    loop.add_signal_handler(signal.SIGHUP, agent.reload_settings)
    loop.add_signal_handler(signal.SIGUSR1, agent.sync_all)


def _pass_signals_on(agent: Agent, supervisor: Supervisor) -> None:
    """Every signal that a program may wait for is the application's; TERM ends the agent too."""
    loop = asyncio.get_running_loop()

    def over() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(agent.stop)

    asked = 0

    def end() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:  # somebody means it
            supervisor.forward(signal.SIGTERM)
        supervisor.end()
        agent.stop()

    supervisor.on_over = over
    if supervisor.wait(0):  # it was over before anybody could be told
        over()
    loop.add_signal_handler(signal.SIGTERM, end)
    for number in PASSED_ON:
        loop.add_signal_handler(number, supervisor.forward, number)


def _warn_of_environment(settings: Settings) -> None:
    """Under systemd a secret in ``Environment=`` can be read by any local user (systemd.exec(5))."""
    if "INVOCATION_ID" not in os.environ:
        return
    for source in (settings.service.token.describe(), settings.service.keys.describe()):
        if "environment" in source:
            logger().warning(
                SETTINGS_WARNED,
                reason=f"the {source}: any local user can read what a unit has in Environment=",
                hint="use LoadCredential=config-service-token:PATH and config-service-key, or a file",
            )


def _protect(targets: int) -> None:
    """No core dump may hold a key or a document; and enough descriptors for every stream."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    # A heap for each of many short threads that hold the interpreter's lock anyway costs a fifth of the memory.
    with contextlib.suppress(AttributeError):  # another C library than glibc
        libc.mallopt(_M_ARENA_MAX, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * targets + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Only where it is needed: hooks inherit the limit, and programs that use select(2) break above 1024.
        enough = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
