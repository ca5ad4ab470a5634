"""How the agent is told of a target's configs, as the one condition `Connected`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from config_sync.errors import NotFound
from config_sync.model import Condition, ConditionType, Target, Truth

_BY_STREAM = "StreamLive"
"""The reason of a link that is a stream; another reason of one that works names what stands in for it (polling)."""
_ABSENT = (NotFound.reason, "NotListed")
"""The reasons of a link to a config that the service does not have."""


@dataclass(frozen=True, slots=True)
class Linked:
    """How the agent is told of one config's changes. `since`: Unix seconds of the last change."""

    is_connected: bool
    reason: str
    message: str
    since: float


def is_absent(config: str, linked: Linked, targets: Iterable[Target]) -> bool:
    """Whether the service does not have the config, and none of the targets needs it: nothing is wrong then."""
    is_gone = not linked.is_connected and linked.reason in _ABSENT
    return is_gone and all(config not in _needed(target) for target in targets)


def connected(target: Target, known: Mapping[str, Linked]) -> Condition:
    """True only if every stream the target depends on is live; the message names the first that is not.

    An optional config that the service does not have counts for nothing.
    """
    unpinned = [ref.name for ref in target.configs if ref.version is None]
    watched = [name for name in unpinned if name not in known or not is_absent(name, known[name], (target,))]
    links = [(name, known[name]) for name in watched if name in known]
    kind = ConditionType.CONNECTED
    if not watched:
        return Condition(kind, Truth.UNKNOWN, "Pinned", "pinned versions are not watched", 0.0)
    if len(links) < len(watched):
        return Condition(kind, Truth.UNKNOWN, "NotWatching", "no stream has been opened", 0.0)
    for name, link in links:
        if not link.is_connected:
            return Condition(kind, Truth.FALSE, link.reason, f"{name}: {link.message}", link.since)
    since = max(link.since for _, link in links)
    for name, link in links:
        if link.reason != _BY_STREAM:
            return Condition(kind, Truth.TRUE, link.reason, f"{name}: {link.message}", since)
    return Condition(kind, Truth.TRUE, _BY_STREAM, "told of changes as they happen", since)


def _needed(target: Target) -> frozenset[str]:
    """The names of its configs that are not optional."""
    return frozenset(ref.name for ref in target.configs if ref not in target.optional)
