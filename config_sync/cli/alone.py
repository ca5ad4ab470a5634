"""An order that no agent takes: this process holds the state directory and does it."""

from __future__ import annotations

import argparse
import signal

from config_sync.agent.answers import told_of
from config_sync.agent.assembly import open_memory, reconciler_alone
from config_sync.agent.ordering import Ordered
from config_sync.cli import die_by
from config_sync.cli.choosing import target_named
from config_sync.cli.commanding import show
from config_sync.cli.loading import set_up_log, settings_reader
from config_sync.clock import SystemClock
from config_sync.errors import Stopped
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
    try:
        with StateLock(settings.agent.state_dir).acquire():
            clock = SystemClock()
            memory = open_memory(settings, clock)
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
