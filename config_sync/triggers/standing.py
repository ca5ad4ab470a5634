"""How the agent is told of one config's changes: by its stream, by the list, or not at all. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from config_sync.client.listing import validity
from config_sync.errors import NotFound
from config_sync.triggers.polling import PollState
from config_sync.triggers.stream_state import NO_STREAM, StreamState, StreamWord

LIVE = "StreamLive"
POLLED = "Polled"
CONNECTING = "Connecting"
NOT_LISTED = "NotListed"

BARREN_LIVES = 3
"""Streams in a row that were accepted and brought no byte: by now a proxy that collects them is likely (network.md)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether changes are told, and how; or why not."""

    is_told: bool
    reason: str
    message: str


def is_streamless(state: StreamState) -> bool:
    """Whether this stream's last loss says that there are no streams to be had here, or none of any use.

    A 404 counts: either the list has the config, and only the watch is not there; or it does not, and will show when
    the config is created.
    """
    return state.reason in NO_STREAM or state.reason == NotFound.reason or state.barren >= BARREN_LIVES


def is_replacing(poll: PollState | None) -> bool:
    """Whether the list tells of the config."""
    return poll is not None and poll.info is not None


def standing(
    stream: StreamState | None, poll: PollState | None, *, is_polled: bool, every_s: float, now: float
) -> Standing:
    """What to say of one config; `stream` None: none is opened (``watch: poll``).

    `is_polled`: the list is looked at for it, every `every_s` seconds; `poll` is the outcome of the last look, if any.
    `now` is Unix time.
    """
    is_live = stream is not None and stream.word is StreamWord.LIVE
    if is_polled and poll is not None and poll.info is not None:
        how = f"the list of configs is looked at every {every_s:g} s"
        said = validity(poll.info, now)
        return Standing(True, POLLED, f"{_why(stream)}{how}{'' if said is None else f'; it says: {said}'}")
    if is_live:
        return Standing(True, LIVE, "told of changes as they happen")
    if is_polled and (stream is None or stream.reason != NotFound.reason) and poll is not None:
        if poll.loss is not None:
            return Standing(False, poll.loss.reason, poll.loss.message)
        return Standing(False, NOT_LISTED, "the list of configs that the token may read does not have it")
    if stream is None:
        return Standing(False, CONNECTING, "the list of configs has not been looked at yet")
    return Standing(False, stream.reason or CONNECTING, stream.message or "connecting")


def _why(stream: StreamState | None) -> str:
    if stream is None:
        return ""
    if stream.reason in NO_STREAM or stream.reason == NotFound.reason:
        return f"no stream ({stream.message}): "
    if stream.barren >= BARREN_LIVES:
        return "the streams bring no byte (does a proxy buffer them?): "
    return "no stream yet: "
