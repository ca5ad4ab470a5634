"""``config-sync demo``: the whole story on this machine, from a saved change to what the consumer sees.

Everything is real: the embedded service over a folder, the agent as its own process with its shipped defaults, and a
consumer that reloads on SIGHUP. The times come from the agent's own log and from the consumer's own clock.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from config_sync.cli import die_by
from config_sync.cli.demo_lines import Lines
from config_sync.devserver.server import RunningService, start
from config_sync.errors import ConfigSyncError, Exit
from config_sync.log import EVENT_RECEIVED, FILE_WRITTEN, RELOAD_DONE, SIGNAL_SENT, STREAM_CONNECTED

PATIENCE_S = 20.0
"""For any one step; each takes milliseconds unless the machine is on its knees."""

PAUSE_S = 0.8
"""Between changes: long enough to read along, and for each to be the first after quiet (`debounce`)."""

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""After each of them neither a process nor a file is left behind."""

CHANGES: tuple[Mapping[str, str | int], ...] = (
    {"greeting": "hello", "workers": 2},
    {"greeting": "hello again", "workers": 2},
    {"greeting": "hello again", "workers": 8, "password": "correct horse: battery # staple"},
    {"greeting": "goodbye", "workers": 8, "password": "no"},
)
"""What the config is at first, and its three changes; the last two hold text that careless YAML writers spoil."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the demo keeps things, all below one temporary directory."""

    root: str

    @property
    def source(self) -> str:
        """The config as the service serves it."""
        return os.path.join(self.root, "service", "demo-app.json")

    @property
    def file(self) -> str:
        """What the consumer reads."""
        return os.path.join(self.root, "app", "config.yaml")

    @property
    def pidfile(self) -> str:
        """Where the consumer says who it is."""
        return os.path.join(self.root, "app", "app.pid")

    @property
    def settings(self) -> str:
        """The agent's settings."""
        return os.path.join(self.root, "settings.yaml")


def configure(parser: argparse.ArgumentParser) -> None:
    """Nothing to choose."""
    parser.epilog = "Needs the extra 'serve'; writes only below a temporary directory, which it removes."


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # every command has this signature
    """0 when all three changes have reached the consumer. Raises ConfigSyncError."""
    came: list[signal.Signals] = []

    def end(number: int, _frame: object) -> None:
        for one in _ENDINGS:
            signal.signal(one, signal.SIG_IGN)  # the way out is short, and walked once
        came.append(signal.Signals(number))
        raise KeyboardInterrupt

    for number in _ENDINGS:
        signal.signal(number, end)
    try:
        _show()
    except KeyboardInterrupt:
        die_by(came[0] if came else signal.SIGINT)
    return Exit.DONE


def _show() -> None:
    with tempfile.TemporaryDirectory(prefix="config-sync-demo-") as root:
        places = Places(root)
        _prepare(places)
        with start(os.path.dirname(places.source)) as service:
            _say(f"service   {service.url} serves {places.source}, encrypted")
            with _agent(places, service) as agent, _consumer(places, agent) as consumer:
                for number, document in enumerate(CHANGES[1:], 1):
                    time.sleep(PAUSE_S)
                    _change(number, document, places, agent, consumer)
    _say(
        "",
        "Three changes, three files, three reloads. What to try next:",
        "  config-sync serve DIR          your own configs, served on this machine",
        "  config-sync once --file NAME=PATH --signal HUP --pidfile PIDFILE",
        "                                 one sync of one file, without any settings file",
        "  config-sync schema             every setting, for your editor",
        "  README.md, examples/           an env file for a unit, an init container, nginx",
    )


def _prepare(places: Places) -> None:
    os.mkdir(os.path.dirname(places.source))
    os.mkdir(os.path.dirname(places.file))
    _save(places, CHANGES[0])
    settings = f"""\
        agent:
          state_dir: {places.root}/state
          runtime_dir: {places.root}/run
          log: {{level: debug, format: json}}
        targets:
          demo-app:
            files:
              - {{path: {places.file}}}
            reload: {{signal: HUP, pidfile: {places.pidfile}}}
        """
    with open(places.settings, "w", encoding="utf-8") as file:
        file.write(textwrap.dedent(settings))


def _save(places: Places, document: Mapping[str, str | int]) -> float:
    """Replace the config at the service; the Unix time at which it was there."""
    temp = places.source + ".new"
    with open(temp, "w", encoding="utf-8") as file:
        json.dump(document, file)
    at = time.time()
    os.replace(temp, places.source)
    return at


@contextlib.contextmanager
def _agent(places: Places, service: RunningService) -> Iterator[Lines]:
    """The agent as its own process; its log lines."""
    argv = [sys.executable, "-m", "config_sync", "--config", places.settings, "run"]
    # A credential of the user's own would come before the demo's.
    others = {name: value for name, value in os.environ.items() if not name.startswith("CONFIG_SERVICE_")}
    others.pop("CREDENTIALS_DIRECTORY", None)
    environ = {**others, **service.environment}
    with _process(argv, environ=environ, stream="stderr") as lines:
        lines.find(lambda line: line.get("event") == STREAM_CONNECTED, PATIENCE_S, "the agent's stream")
        lines.find(lambda line: line.get("event") == FILE_WRITTEN, PATIENCE_S, "the first file")
        _say(f"agent     wrote {places.file} and watches the service")
        yield lines


@contextlib.contextmanager
def _consumer(places: Places, agent: Lines) -> Iterator[Lines]:
    argv = [sys.executable, "-m", "config_sync.cli.demo_consumer", places.file, places.pidfile]
    with _process(argv, environ=dict(os.environ), stream="stdout") as lines:
        first = lines.find(lambda line: "sees" in line, PATIENCE_S, "the consumer's first look")
        _say("consumer  started; it sees", *_indented(first))
        agent.drain()  # what the agent did at its start is not part of the story
        yield lines


@contextlib.contextmanager
def _process(argv: list[str], *, environ: Mapping[str, str], stream: str) -> Iterator[Lines]:
    pipes = {"stdout": subprocess.DEVNULL, "stderr": None, stream: subprocess.PIPE}
    # In a group of its own: ^C is for the demo, which then ends the others.
    with subprocess.Popen(argv, env=environ, process_group=0, **pipes) as process:  # type: ignore[call-overload]  # a table of pipes
        try:
            yield Lines(process.stdout or process.stderr)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _change(number: int, document: Mapping[str, str | int], places: Places, agent: Lines, consumer: Lines) -> None:
    saved_at = _save(places, document)
    _say("", f"change {number}  saved at the service")
    for event, what in (
        (EVENT_RECEIVED, "event     the agent heard of it"),
        (FILE_WRITTEN, "file      fetched, decrypted, rendered and written, durably"),
        (SIGNAL_SENT, "signal    SIGHUP sent, to a process that handles it"),
    ):
        line = agent.find(_is(event), PATIENCE_S, event)
        _say(f"  {_after(line, saved_at)}  {what}")
    seen = consumer.find(lambda line: "sees" in line, PATIENCE_S, "the consumer's next look")
    at = seen.get("at")
    spent_s = float(at) - saved_at if isinstance(at, int | float) else 0.0
    _say(f"  {_milliseconds(spent_s)}  consumer  now sees", *_indented(seen))
    done = agent.find(_is(RELOAD_DONE), PATIENCE_S, RELOAD_DONE)
    _say(f"  {_after(done, saved_at)}  settled   it is still alive after the signal, so the reload is no longer owed")


def _is(event: str) -> Callable[[Mapping[str, object]], bool]:
    return lambda line: line.get("event") == event


def _after(line: Mapping[str, object], saved_at: float) -> str:
    written = line.get("timestamp")
    if not isinstance(written, str):
        raise ConfigSyncError("the agent's log has a line without a time")
    return _milliseconds(datetime.fromisoformat(written).timestamp() - saved_at)


def _milliseconds(spent_s: float) -> str:
    return f"{'+' + format(spent_s * 1000, '.1f'):>8} ms"


def _indented(seen: Mapping[str, object]) -> list[str]:
    return [" " * 24 + line for line in str(seen.get("sees")).splitlines()]


def _say(*lines: str) -> None:
    print("\n".join(lines), flush=True)
