"""``config-sync watch NAME``: one line a change, as it happens."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
from datetime import UTC, datetime

from config_sync import log
from config_sync.agent.assembly import endpoint_of
from config_sync.cli.loading import service_settings, text
from config_sync.cli.output import put, say
from config_sync.client.streams import HttpStreams
from config_sync.clock import SystemClock
from config_sync.errors import CredentialError, Exit, Forbidden, NotFound, SyncError, Unauthorized, UsageError
from config_sync.model import ChangeEvent, ConfigName, ConfigRef
from config_sync.settings import ServiceSettings
from config_sync.triggers.gate import ConnectGate
from config_sync.triggers.stream_state import StreamState, StreamWord
from config_sync.triggers.subscription import Subscription
from config_sync.workqueue import Wake

_FINAL_AT_FIRST: dict[str, type[SyncError]] = {
    kind.reason: kind for kind in (Unauthorized, Forbidden, NotFound, CredentialError)
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Which config."""
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="one JSON object a change, for scripts")
    parser.epilog = "Ends with ^C. The stream is opened again when it is lost, for as long as it takes."


def run(arguments: argparse.Namespace) -> int:
    """Until it is stopped. Raises UsageError, SettingsError."""
    try:
        name = ConfigName(text(arguments, "name") or "")
    except ValueError as error:
        raise UsageError(str(error)) from None
    settings = service_settings(arguments)
    is_json: object = arguments.json
    with contextlib.ExitStack() as held:
        if text(arguments, "log_level") is None:
            # What the log would say of the stream is told in plain words here.
            nowhere = held.enter_context(open(os.devnull, "w"))
            log.set_up(level="error", form="json", stream=nowhere)
        asyncio.run(_watch(name, settings.service, is_json=is_json is True))
    return Exit.DONE


async def _watch(name: ConfigName, service: ServiceSettings, *, is_json: bool) -> None:
    ended: list[SyncError] = []
    ever_live: list[bool] = []

    def heard(ref: ConfigRef, wake: Wake, event: ChangeEvent | None) -> None:
        if wake is not Wake.EVENT:
            return
        at = None if event is None or event.timestamp is None else _time(event.timestamp)
        version = None if event is None else event.version
        changed_by = None if event is None else event.changed_by
        if is_json:
            line = json.dumps({"config": ref.name, "version": version, "changed_by": changed_by, "timestamp": at})
        else:
            line = f"{ref.name}: version {version}, changed by {changed_by}, at {at}"
        put(line + "\n")

    def told(_ref: ConfigRef, state: StreamState) -> None:
        if state.word is StreamWord.LIVE:
            say(f"config-sync: watching {name}")
            ever_live.append(True)
        elif state.word is StreamWord.LOST and state.message is not None:
            if not ever_live and state.reason in _FINAL_AT_FIRST:
                # A wrong name or token is a mistake of the person who typed it: tell it and end, as `get` does.
                ended.append(_FINAL_AT_FIRST[state.reason](state.message, hint=state.hint))
                watching.cancel()
                return
            hint = f"\n  hint: {state.hint}" if state.hint else ""
            say(f"config-sync: {state.message}; trying again{hint}")

    endpoint = endpoint_of(service)
    subscription = Subscription(
        ConfigRef(name),
        HttpStreams(endpoint, idle_timeout_s=service.idle_timeout_s),
        idle_timeout_s=service.idle_timeout_s,
        reconnect=service.reconnect,
        on_mark=heard,
        on_state=told,
        gate=ConnectGate(),
        chance=random.random,
        clock=SystemClock(),
    )
    watching = asyncio.create_task(subscription.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    if ended:
        raise ended[0]


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
