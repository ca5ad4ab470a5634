"""``tcp``: the consumer is well if it takes a connection, which is closed at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from config_sync.errors import ProbeFailed
from config_sync.fields import Field, JsonSchema, Node, Problems, Values, expanded, fields, refuse
from config_sync.kinds import Parsed
from config_sync.model import ReloadOrder
from config_sync.probes.kind import ProbeKind
from config_sync.stop import Stop


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """Connects to `port` of `host`, a name or an address."""

    host: str
    port: int

    @property
    def kind(self) -> str:
        """The word in the settings."""
        return "tcp"

    def describe(self) -> str:
        """``a connection to localhost:80``."""
        return f"a connection to {f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def look(self, _order: ReloadOrder, stop: Stop, *, timeout_s: float) -> None:
        """Somebody listens there and took the connection. Raises ProbeFailed, Stopped."""
        # Here, since only targets with such a probe need it: settings are read by commands that connect to nothing.
        from config_sync.http.connecting import connect, look_up
        from config_sync.http.exchange import Exchange
        from config_sync.http.failures import describe

        exchange = Exchange(stop, timeout_s=timeout_s, connect_timeout_s=timeout_s)
        try:
            connect(look_up(self.host, self.port, exchange), exchange).close()
        except OSError as error:
            raise ProbeFailed(
                f"{self.describe()} fails: {describe(error)}",
                hint="look at the consumer's own log: is it running, and does it listen there?",
            ) from error


_PLACE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")


def _parse_place(node: Node, problems: Problems) -> tuple[str, int]:
    text = expanded(node, problems, TCP.kind.expected).text
    found = _PLACE.fullmatch(text)
    if found is None or not 0 < int(found[3]) < 65536:
        hint = "write an address of IPv6 in brackets: '[::1]:80'" if text.count(":") > 1 else "such as 'localhost:80'"
        raise refuse(node, problems, f"expected {TCP.kind.expected}, not {text!r}", hint=hint)
    return found[1] or found[2], int(found[3])


def _place_schema() -> JsonSchema:
    return {"type": "string", "pattern": r"^(.*:[0-9]{1,5}|.*\$\{.*)$"}


TCP: Field[tuple[str, int]] = Field(
    "tcp",
    Parsed("HOST:PORT, quoted", _parse_place, _place_schema),
    "Where the consumer listens.",
    is_required=True,
    nullable=False,
)


def _build(values: Values) -> TcpProbe:
    return TcpProbe(*values[TCP])


TCP_KIND = ProbeKind("tcp", fields(TCP), _build, "A connection is accepted there.")
