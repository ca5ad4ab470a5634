"""An order that no agent takes: this process holds the state directory and does it."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal

from config_sync.agent.answers import told_of
from config_sync.agent.assembly import open_memory, reconciler_alone
from config_sync.agent.ordering import Ordered
from config_sync.cli import die_by
from config_sync.cli.choosing import target_named
from config_sync.cli.commanding import show
from config_sync.cli.loading import set_up_log, settings_reader
from config_sync.clock import SystemClock
from config_sync.errors import FileError, Stopped, UsageError
from config_sync.files import StateLock
from config_sync.model import Order, Record, Rollback
from config_sync.process import stop_ignoring
from config_sync.reconciler import Occasion
from config_sync.status import Board
from config_sync.status.page import amend
from config_sync.stop import Stop
from config_sync.workqueue import Wake


def obey(arguments: argparse.Namespace, name: str, order: Order) -> int:
    """The exit code. A rollback is made, from the cache; a hold and its end are noted for the next agent.

    Raises:
        StateLocked: somebody holds the state directory: an agent elsewhere, or `once`.
        UsageError: the state belongs to another user: our files would be closed to his agent.
        ConfigSyncError: it cannot be done.
    """
    settings = settings_reader(arguments, needs_service=False)()
    set_up_log(arguments, settings)
    target = target_named(settings, name)
    stop_ignoring()  # hooks would inherit it
    stop = Stop()
    came: list[signal.Signals] = []

    def end(number: int, _frame: object) -> None:
        came.append(signal.Signals(number))
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    _check_owner(settings.agent.state_dir)
    try:
        with StateLock(settings.agent.state_dir).acquire():
            clock = SystemClock()
            memory = open_memory(settings, clock)
            if memory.records.why:  # what is asked would be forgotten with this process
                raise FileError(memory.records.why, hint="run this as the user of the agent, which reads what it wrote")
            reconciler = reconciler_alone(settings, memory, clock=clock)
            reconciler.order(target, order)
            outcome = None
            if isinstance(order, Rollback):
                outcome = reconciler.reconcile(target, Occasion(frozenset({Wake.COMMAND})), stop)
            record = memory.records.get(name)
            board = Board(clock, stale_after_s=settings.service.stale_after_s)
            board.expect(target, record or Record())
            if outcome is not None and not outcome.is_given_up:
                board.settled(outcome, record or Record())
            amend(board, runtime_dir=settings.agent.runtime_dir)
    except Stopped:
        die_by(came[0] if came else signal.SIGTERM)
    answer = told_of(name, order, Ordered(is_recorded=True, outcome=outcome, record=record))
    if outcome is None:
        answer["hint"] = "no agent runs: 'run' and 'once' go by it"
    return show(answer)


def _check_owner(state_dir: str) -> None:
    """Raises UsageError where another user's agent has its memory there.

    What it has written says whose it is: the directory may be a volume's, of root's, and still be another's to write.
    """
    ours = os.geteuid()
    for path in (f"{state_dir}/records.json", f"{state_dir}/lock", *([state_dir] if ours == 0 else ())):
        with contextlib.suppress(OSError):
            owner = os.stat(path).st_uid
            if owner == ours:
                return
            raise UsageError(
                f"{path} belongs to uid {owner}, and this is uid {ours}",
                hint=f"run this as that user: sudo -u '#{owner}' config-sync …",
            )
