"""``config-sync watch NAME``: one line a change, as it happens."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
from collections.abc import Callable
from datetime import UTC, datetime

from config_sync import log
from config_sync.agent.assembly import endpoint_of, service_at
from config_sync.agent.looking import looker
from config_sync.agent.workers import Threads
from config_sync.cli.loading import service_settings, text
from config_sync.cli.output import put, say
from config_sync.client import ConfigInfo
from config_sync.client.streams import HttpStreams
from config_sync.clock import SystemClock
from config_sync.errors import CredentialError, Exit, Forbidden, NotFound, SyncError, Unauthorized, UsageError
from config_sync.model import ChangeEvent, ConfigName, ConfigRef
from config_sync.settings import ServiceSettings
from config_sync.stop import Stop
from config_sync.triggers.fallback import Fallback
from config_sync.triggers.gate import ConnectGate
from config_sync.triggers.polling import Poller
from config_sync.triggers.standing import NOT_LISTED, POLLED, Standing
from config_sync.triggers.stream_state import NO_STREAM, StreamState, StreamWord
from config_sync.triggers.subscription import Subscription
from config_sync.workqueue import Wake

_FINAL_AT_FIRST: dict[str, type[SyncError]] = {
    kind.reason: kind for kind in (Unauthorized, Forbidden, NotFound, CredentialError)
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Which config."""
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="one JSON object a change, for scripts")
    parser.epilog = (
        "Ends with ^C. The stream is opened again when it is lost, for as long as it takes; where there is none, the "
        "list of configs is looked at, which knows no versions."
    )


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


class _Teller:
    """Says what happens to one config's watch; `end` is called with what a person must correct first."""

    def __init__(self, name: ConfigName, *, is_json: bool, may_poll: bool, end: Callable[[SyncError], None]) -> None:
        self._name = name
        self._is_json = is_json
        self._may_poll = may_poll
        self._end = end
        self.poller: Poller | None = None
        self._ever_told = False
        self._is_polled = False
        self._missing: SyncError | None = None
        """A 404 of the stream, until the list tells whether it is of the config."""
        self._seen: ConfigInfo | None = None

    def heard(self, _ref: ConfigRef, wake: Wake, event: ChangeEvent | None) -> None:
        """A stream brought an event, or the list is another one."""
        poll = self.poller.state(self._name) if self.poller is not None and self._is_polled else None
        if poll is not None and event is None:
            before, self._seen = self._seen, poll.info
            if wake is Wake.EVENT and before != poll.info:  # else the list is only asked for a second look
                self._put(None, None, None if poll.info is None else _time(poll.info.updated_at.timestamp()))
        elif wake is Wake.EVENT:
            at = None if event is None or event.timestamp is None else _time(event.timestamp)
            self._put(None if event is None else event.version, None if event is None else event.changed_by, at)

    def told(self, _ref: ConfigRef, state: StreamState) -> None:
        """The stream's state is another one."""
        if state.word is StreamWord.LIVE:
            say(f"config-sync: watching {self._name}")
            self._ever_told = True
        elif state.word is StreamWord.LOST and state.message is not None:
            if not self._ever_told and state.reason in _FINAL_AT_FIRST:
                # A wrong name or token is a mistake of the person who typed it: tell it and end, as `get` does.
                error = _FINAL_AT_FIRST[state.reason](state.message, hint=state.hint)
                if isinstance(error, NotFound) and self._may_poll:
                    self._missing = error
                else:
                    self._end(error)
            elif not self._is_polled and not (self._may_poll and state.reason in NO_STREAM):
                hint = f"\n  hint: {state.hint}" if state.hint else ""
                say(f"config-sync: {state.message}; trying again{hint}")

    def stands(self, _ref: ConfigRef, now: Standing) -> None:
        """How the config is followed is known anew."""
        was_polled, self._is_polled = self._is_polled, now.reason == POLLED
        if self._is_polled and not was_polled:
            say(f"config-sync: watching {self._name}: {now.message}")
            self._ever_told = True
        if self._ever_told or self.poller is None or self.poller.state(self._name) is None:
            return
        if self._missing is not None:
            self._end(self._missing)
        elif now.reason in _FINAL_AT_FIRST:
            self._end(_FINAL_AT_FIRST[now.reason](now.message))
        elif now.reason == NOT_LISTED:
            self._end(NotFound(f"config {self._name}: {now.message}", hint="see `config-sync list`"))

    def _put(self, version: int | None, changed_by: int | None, at: str | None) -> None:
        if self._is_json:
            told = {"config": self._name, "version": version, "changed_by": changed_by, "timestamp": at}
            put(json.dumps(told) + "\n")
        elif self._is_polled:
            put(f"{self._name}: {'no longer in the list' if at is None else f'changed at {at}'}\n")
        else:
            put(f"{self._name}: version {version}, changed by {changed_by}, at {at}\n")


async def _watch(name: ConfigName, service: ServiceSettings, *, is_json: bool) -> None:
    ended: list[SyncError] = []

    def end(error: SyncError) -> None:
        ended.append(error)
        watching.cancel()

    ref, clock, stop, endpoint = ConfigRef(name), SystemClock(), Stop(), endpoint_of(service)
    teller = _Teller(name, is_json=is_json, may_poll=service.watch != "stream", end=end)
    fallback = Fallback(
        looker(service_at(endpoint, service), Threads(), stop),
        may_poll=service.watch != "stream",
        every_s=service.poll_interval_s,
        reconnect=service.reconnect,
        on_mark=teller.heard,
        on_standing=teller.stands,
        chance=random.random,
        clock=clock,
    )
    teller.poller = fallback.poller

    def told(of: ConfigRef, state: StreamState) -> None:
        teller.told(of, state)
        fallback.stream_said(of, state)

    subscription = Subscription(
        ref,
        HttpStreams(endpoint, idle_timeout_s=service.idle_timeout_s),
        idle_timeout_s=service.idle_timeout_s,
        reconnect=service.reconnect,
        on_mark=teller.heard,
        on_state=told,
        on_heard=fallback.stream_heard,
        is_replaced=fallback.is_replaced,
        gate=ConnectGate(),
        chance=random.random,
        clock=clock,
    )
    runs = [fallback.poller.run()]
    if service.watch == "poll":
        fallback.poll_only(ref)
    else:
        runs.append(subscription.run())
    watching = asyncio.gather(*runs)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    stop.set()
    if ended:
        raise ended[0]


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
