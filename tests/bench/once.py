"""`once` for one file, by plain http and by TLS under a private CA, beside a script of the standard library.

Both start, fetch one config, decrypt it, look at it and leave it durable under a path that is new each time; `once`
also reads its settings, takes the lock, and leaves a record and a status file. By plain http both ask the embedded
service, a process of its own; by TLS a server of raw sockets in the measuring process (the service speaks no TLS).
"""

from __future__ import annotations

import itertools
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import trustme

from config_sync.crypto import encrypt
from config_sync.model import EncryptionKey
from tests.bench import floor_once
from tests.bench.machine import command, environment_in
from tests.bench.table import Row
from tests.bench.timing import Measured, Times, in_turn
from tests.certificates import served
from tests.faults import Behaviour, Conversation, FaultServer, answer
from tests.service import KEY, TOKEN, serve_process, write_config

NOTE = (
    "once: settings file, one JSON file, empty state directory each time; the floor fetches, decrypts and writes as "
    "durably (fsync of file and directory), with no settings, lock, record or status"
)
DOCUMENT = b'{"port": 8080, "hosts": ["a.example", "b.example"], "limits": {"rate": 1.5, "burst": 20}}'
FLOOR = f"stdlib script ({floor_once.DECRYPTS_BY})"
NAME = "app"


def rows(directory: Path, count: int) -> list[Row]:
    """`once` by http and TLS against the floor, and the floor by http against ``python -c pass``."""
    given = {"CONFIG_SERVICE_TOKEN": TOKEN, "CONFIG_SERVICE_KEY": KEY}
    environment = environment_in(directory, **given)
    configs = directory / "configs"
    write_config(configs, NAME, DOCUMENT)
    with serve_process(configs, env=given) as service:
        once, floor, nothing = _pair("http", directory, count, environment, host=service.url, ca_file=None)
    found = [Row(once.side(), floor.side(), count), Row(floor.side(), nothing.side(), count)]
    authority = trustme.CA()
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    context = served(authority.issue_cert("localhost"))
    sealed = encrypt(DOCUMENT, EncryptionKey(KEY), bytes(12))
    with FaultServer(_at_once(answer(200, sealed)), tls=context) as server:
        once, floor, _ = _pair("TLS, ca_file", directory, count, environment, host=server.url, ca_file=ca_file)
    return [*found, Row(once.side(), floor.side(), count)]


def _at_once(behaviour: Behaviour) -> Behaviour:
    """Without Nagle's wait of 40 ms for the client's delayed ACK of the session ticket (RFC 896, RFC 1122 4.2.3.2)."""

    def play(conversation: Conversation) -> bool | None:
        conversation.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return behaviour(conversation)

    return play


def _pair(
    what: str, directory: Path, count: int, environment: Mapping[str, str], *, host: str, ca_file: Path | None
) -> list[Times]:
    numbers = itertools.count()
    base = directory / ("plain" if ca_file is None else "tls")
    base.mkdir()

    def fresh_settings() -> Sequence[str]:
        place = base / f"once-{next(numbers)}"
        place.mkdir()
        settings = place / "settings.yaml"
        trust = "" if ca_file is None else f"  ca_file: {ca_file}\n"
        settings.write_text(
            f"service:\n  host: {host}\n{trust}"
            f"agent:\n  state_dir: {place}/state\n  runtime_dir: {place}/runtime\n"
            f"targets:\n  {NAME}:\n    files:\n      - {{path: {place}/app.json}}\n"
        )
        return ["--config", str(settings)]

    return in_turn(
        [
            Measured(f"once, {what}", command("once"), environment, prepare=fresh_settings),
            Measured(f"{FLOOR}, {what}", _floor(), environment, prepare=_arguments(base, host, ca_file)),
            Measured("python -c pass", [sys.executable, "-c", "pass"], environment),
        ],
        count,
    )


def _floor() -> list[str]:
    return [sys.executable, floor_once.__file__]


def _arguments(base: Path, host: str, ca_file: Path | None) -> Callable[[], Sequence[str]]:
    numbers = itertools.count()

    def fresh_path() -> Sequence[str]:
        place = base / f"floor-{next(numbers)}"
        place.mkdir()
        return [host, NAME, str(place / "app.json"), *([str(ca_file)] if ca_file is not None else [])]

    return fresh_path
