"""``config-sync run``: the agent."""

from __future__ import annotations

import argparse
import signal

from config_sync.agent.running import run_agent
from config_sync.cli.loading import add_settings_options, require_targets, set_up_log, settings_reader
from config_sync.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """The form without a settings file."""
    parser.epilog = (
        "Signals: TERM, INT end it with 0 (a second one forces); HUP reads the settings again; USR1 syncs now."
    )
    add_settings_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Until it is stopped. Raises ConfigSyncError."""
    early: list[int] = []
    # From here on a HUP is remembered: it may tell of settings that change while they are being read.
    signal.signal(signal.SIGHUP, lambda number, _frame: early.append(number))
    read = settings_reader(arguments, needs_service=True)

    def read_settings() -> Settings:
        settings = read()
        set_up_log(arguments, settings, is_brief=False)
        return settings

    settings = read_settings()
    require_targets(settings)
    return run_agent(settings, read_settings, early_hups=early)
