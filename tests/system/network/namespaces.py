"""Two network namespaces and a cable between them (network_namespaces(7), veth(4)). Nothing of it outlives its holders.

A namespace lives as long as the process that sits in it: no name in ``/run/netns``, so a killed test leaves none.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.lanes import on_path
from tests.waiting import eventually

SERVICE, AGENT = "192.0.2.1", "192.0.2.2"
"""Of TEST-NET-1 (RFC 5737): nobody's addresses, in networks that only these two processes see."""
_LONG_S = "900"


@dataclass(frozen=True, slots=True)
class Side:
    """One namespace, by the process that holds it."""

    pid: int

    @property
    def before(self) -> tuple[str, ...]:
        """What starts a command in it (nsenter(1))."""
        return ("nsenter", f"--net=/proc/{self.pid}/ns/net")

    def ip(self, *words: str) -> None:
        """``ip WORDS`` in it."""
        subprocess.run([*self.before, on_path("ip") or "ip", *words], check=True)


@dataclass(frozen=True, slots=True)
class Cable:
    """Both sides; `cut` and `mend` by one of the ways in `WAYS`."""

    service: Side
    agent: Side

    def cut(self, way: str) -> None:
        """From here on nothing gets through, and nobody is told."""
        WAYS[way][0](self)

    def mend(self, way: str) -> None:
        """As it was before the cut."""
        WAYS[way][1](self)


def _link(side: Callable[[Cable], Side], word: str) -> Callable[[Cable], None]:
    return lambda cable: side(cable).ip("link", "set", "dev", "cable", word)


def _blackhole(verb: str) -> Callable[[Cable], None]:
    """The service hears everything, and no answer of it arrives."""
    return lambda cable: cable.service.ip("route", verb, "blackhole", f"{AGENT}/32")


WAYS: Mapping[str, tuple[Callable[[Cable], None], Callable[[Cable], None]]] = MappingProxyType(
    {
        "at_the_far_end": (_link(lambda cable: cable.service, "down"), _link(lambda cable: cable.service, "up")),
        "at_the_near_end": (_link(lambda cable: cable.agent, "down"), _link(lambda cable: cable.agent, "up")),
        "answers_swallowed": (_blackhole("add"), _blackhole("del")),
    }
)
"""How a link dies, and how it is brought back."""


@contextlib.contextmanager
def cable() -> Iterator[Cable]:
    """Two namespaces that reach each other at `SERVICE` and `AGENT`, and nothing else."""
    with _side() as service, _side() as agent:
        service.ip("link", "add", "cable", "type", "veth", "peer", "name", "far")
        service.ip("link", "set", "far", "netns", str(agent.pid))
        agent.ip("link", "set", "far", "name", "cable")
        for side, address in ((service, SERVICE), (agent, AGENT)):
            side.ip("address", "add", f"{address}/24", "dev", "cable")
            side.ip("link", "set", "lo", "up")
            side.ip("link", "set", "cable", "up")
        yield Cable(service, agent)


@contextlib.contextmanager
def _side() -> Iterator[Side]:
    own = os.readlink("/proc/self/ns/net")
    with subprocess.Popen(["unshare", "--net", "sleep", _LONG_S], stdin=subprocess.DEVNULL) as holder:
        try:
            eventually(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != own or holder.poll() is not None)
            assert holder.poll() is None, "no namespace is to be had"
            eventually(lambda: Path(f"/proc/{holder.pid}/comm").read_text().strip() == "sleep")
            yield Side(holder.pid)
        finally:
            holder.kill()
