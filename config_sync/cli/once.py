"""``config-sync once``: one full sync, then exit; the code says how it went."""

from __future__ import annotations

import argparse
import contextlib
import gc
import random
import signal

from config_sync.agent.assembly import endpoint_of, open_memory, reconciler_for, service_at
from config_sync.agent.once import OneSync, Policy
from config_sync.cli import die_by
from config_sync.cli.loading import add_settings_options, duration, flag, require_targets, set_up_log, settings_reader
from config_sync.cli.output import say
from config_sync.cli.termination import leave_reason
from config_sync.clock import SystemClock, rfc3339
from config_sync.errors import FileError, Stopped
from config_sync.files import StateLock
from config_sync.log import SETTINGS_WARNED, logger
from config_sync.model import Outcome, ReloadResult, Result
from config_sync.plan import Reason
from config_sync.process import stop_ignoring
from config_sync.settings import Settings
from config_sync.status import Board, StatusPage
from config_sync.stop import Stop


def configure(parser: argparse.ArgumentParser) -> None:
    """Its own options, and the form without a settings file."""
    parser.add_argument("--retry-for", metavar="30s", default="30s", help="for how long to retry (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="what is on disk does not do: an unreachable service is 6")
    parser.add_argument("--no-reload", action="store_true", help="tell no consumer; the reload stays pending")
    add_settings_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """The exit code of the first required target that failed, else 0. Raises ConfigSyncError."""
    gc.freeze()  # what the imports left never becomes garbage: the collection at exit would look through all of it
    retry_for_s = duration(arguments, "retry_for")
    settings = settings_reader(arguments, needs_service=True)()
    require_targets(settings)
    set_up_log(arguments, settings)
    policy = Policy(
        retry_for_s=retry_for_s,
        retry=settings.service.retry,
        may_reload=not flag(arguments, "no_reload"),
        is_fresh=flag(arguments, "fresh"),
        offline_start_s=settings.agent.offline_start_s,
    )
    stop_ignoring()  # hooks would inherit it
    stop = Stop()
    came: list[signal.Signals] = []

    def end(number: int, _frame: object) -> None:
        came.append(signal.Signals(number))
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    for warning in settings.warnings:
        logger().warning(SETTINGS_WARNED, reason=str(warning))
    try:
        with contextlib.ExitStack() as held:
            _lock(settings, held)
            return _sync(settings, policy, stop)
    except Stopped:
        die_by(came[0] if came else signal.SIGTERM)


def _lock(settings: Settings, held: contextlib.ExitStack) -> None:
    """Hold the state directory; without a writable one (an init container, say) there is nothing to hold."""
    with contextlib.suppress(FileError):
        held.enter_context(StateLock(settings.agent.state_dir).acquire())


def _sync(settings: Settings, policy: Policy, stop: Stop) -> int:
    clock = SystemClock()
    memory = open_memory(settings, clock)
    board = Board(clock, stale_after_s=settings.service.stale_after_s)
    page = StatusPage(board, runtime_dir=settings.agent.runtime_dir, host=settings.service.host, clock=clock)
    service = service_at(endpoint_of(settings.service), settings.service)
    reconciler = reconciler_for(service, settings, memory, clock=clock)
    sync = OneSync(
        settings.targets,
        reconciler,
        memory=memory,
        board=board,
        policy=policy,
        stop=stop,
        clock=clock,
        chance=random.random,
    )
    said: dict[str, str] = {}

    def tell(outcome: Outcome, retry_in_s: float | None) -> None:
        line = _line(outcome, retry_in_s)
        if said.get(outcome.target) != outcome.reason or retry_in_s is None:
            said[outcome.target] = outcome.reason
            say(line, level="info" if outcome.error is None else "warning" if retry_in_s is not None else "error")

    try:
        code = sync.run(tell)
    finally:
        page.write()
        service.close()
    if code:
        failed = [one for one in sync.outcomes.values() if one.error is not None]
        leave_reason("\n".join(_line(one, None) for one in failed))
    for target in settings.targets:
        outcome = sync.outcomes[target.name]
        if outcome.error is not None and sync.is_excused(target):
            say(
                f"config-sync: warning: {target.name}: the service could not be reached; {_instead(outcome)}",
                level="warning",
            )
    return code


def _instead(outcome: Outcome) -> str:
    if outcome.cached_as_of is None:
        return "what was written before stays"
    wrote = ", ".join(outcome.wrote) or "what is there"
    return f"{wrote} comes from the cache, as the service had it at {rfc3339(outcome.cached_as_of)}"


def _line(outcome: Outcome, retry_in_s: float | None) -> str:
    """One line a target: what happened, to which files, how quickly; for a failure the sentence and the hint."""
    if outcome.error is not None:
        retrying = f"; trying again in {retry_in_s:.1f} s" if retry_in_s is not None else ""
        hint = f"\n  hint: {outcome.error.hint}" if outcome.error.hint and retry_in_s is None else ""
        return f"config-sync: {outcome.target}: {outcome.error.message}{retrying}{hint}"
    if outcome.reason == Reason.HELD.value:
        return f"config-sync: {outcome.target}: held as it is; 'config-sync resume {outcome.target}' ends that"
    what = ", ".join(outcome.wrote) if outcome.result is Result.CHANGED else "already right"
    verb = "wrote " if outcome.result is Result.CHANGED else ""
    told = ""
    if outcome.reload is ReloadResult.RELOADED:
        told = ", reloaded"
    elif outcome.reload is ReloadResult.WAITING_FOR_CONSUMER:
        told = ", the consumer is not running"
    return f"config-sync: {outcome.target}: {verb}{what}{told} ({outcome.took_s * 1000:.0f} ms)"
