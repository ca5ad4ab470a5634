"""Where the health and metrics server listens: ``:9180``, ``127.0.0.1:9180``, ``[::1]:9180`` or ``unix:PATH``."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from typing import TypeAlias

from config_sync.fields import JsonSchema, Node, Problems, expanded, refuse
from config_sync.kinds import Parsed, quoted
from config_sync.model import AbsolutePath

MAX_SOCKET_PATH = 107
"""Bytes that fit into a socket's address (unix(7))."""


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """`host` is an address in numbers; None: every address of this machine."""

    host: str | None
    port: int

    def __str__(self) -> str:
        """As the settings spell it."""
        host = self.host or ""
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a socket."""

    path: AbsolutePath

    def __str__(self) -> str:
        """As the settings spell it."""
        return f"unix:{self.path}"


ListenAddress: TypeAlias = TcpAddress | UnixAddress

EXPECTED = 'an address such as ":9180", "127.0.0.1:9180", "[::1]:9180" or "unix:/run/config-sync/http.sock"'


def _parse(node: Node, problems: Problems) -> ListenAddress:
    one = expanded(node, problems, EXPECTED)
    if one.text.startswith("unix:"):
        return _unix(one.text.removeprefix("unix:"), node, problems)
    found = re.fullmatch(r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[^:\[\]]*)):(?P<port>[0-9]{1,5})", one.text, re.ASCII)
    if found is None:
        is_port = re.fullmatch(r"[0-9]{1,5}", one.text, re.ASCII)
        hint = f'write ":{one.text}" for every address of this machine' if is_port else None
        raise refuse(node, problems, f"expected {EXPECTED}, not {quoted(one.text)}", hint=hint)
    port = int(found["port"])
    if not 1 <= port <= 65535:
        raise refuse(node, problems, f"expected a port from 1 to 65535, not {port}")
    host = found["v6"] if found["v4"] is None else found["v4"]
    if host == "" and found["v4"] is not None:
        return TcpAddress(None, port)
    try:
        address = ipaddress.IPv4Address(host) if found["v6"] is None else ipaddress.IPv6Address(host)
    except ValueError:
        hint = "write an address in numbers: what a name means can change"
        raise refuse(node, problems, f"expected {EXPECTED}, not {quoted(one.text)}", hint=hint) from None
    return TcpAddress(str(address), port)


def _unix(path: str, node: Node, problems: Problems) -> UnixAddress:
    try:
        address = UnixAddress(AbsolutePath(path))
    except ValueError as error:
        raise refuse(node, problems, f"{error}, not {quoted(path)}") from None
    if len(os.fsencode(address.path)) > MAX_SOCKET_PATH:
        raise refuse(node, problems, f"the path of a socket has at most {MAX_SOCKET_PATH} bytes")
    return address


def _schema() -> JsonSchema:
    return {"type": "string", "pattern": r"^(unix:/|\[[0-9A-Fa-f:.]+\]:[0-9]|[0-9.]*:[0-9])"}


LISTEN_ADDRESS = Parsed(EXPECTED, _parse, _schema)
