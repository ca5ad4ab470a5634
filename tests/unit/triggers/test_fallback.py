"""Streams where they are to be had, the list where not: what is polled, and what is said of it."""

from __future__ import annotations

import pytest

from config_sync.errors import Retry
from config_sync.triggers.fallback import Fallback
from config_sync.triggers.polling import PollState
from config_sync.triggers.standing import Standing, is_streamless, standing
from config_sync.triggers.stream_state import Loss, StreamState, StreamWord
from tests.unit.triggers.polled import EVERY_S, Listing, info, ref
from tests.unit.triggers.watching import RECONNECT
from tests.virtual_clock import EPOCH, run, running_clock

LOST = StreamWord.LOST
AWAY = Loss("ServiceUnavailable", "away")
REFUSED = Loss("Forbidden", "403", retry=Retry.SLOW)


@pytest.mark.parametrize(
    ("state", "is_so"),
    [
        (StreamState(LOST, reason="WatchNotOffered"), True),
        (StreamState(LOST, reason="NotAnEventStream"), True),
        (StreamState(LOST, reason="NotFound"), True),
        (StreamState(LOST, reason="StreamSilent", barren=2), False),
        (StreamState(LOST, reason="StreamSilent", barren=3), True),
        (StreamState(LOST, reason="StreamEnded", barren=3), True),
        (StreamState(LOST, reason="ServiceUnavailable"), False),
        (StreamState(LOST, reason="Unauthorized"), False),
        (StreamState(LOST, reason="TlsFailed"), False),
    ],
    ids=["204", "html", "404", "silent-twice", "silent-thrice", "ended-thrice", "away", "401", "tls"],
)
def test_which_losses_say_that_there_are_no_streams(state: StreamState, is_so: bool) -> None:
    assert is_streamless(state) == is_so


LIVE = StreamState(StreamWord.LIVE)
NOT_OFFERED = StreamState(LOST, reason="WatchNotOffered", message="204")
NOWHERE = StreamState(LOST, reason="NotFound", message="404")


@pytest.mark.parametrize(
    ("stream", "poll", "is_polled", "is_told", "reason"),
    [
        (StreamState(), None, False, False, "Connecting"),
        (LIVE, None, False, True, "StreamLive"),
        (NOT_OFFERED, None, True, False, "WatchNotOffered"),
        (NOT_OFFERED, PollState(info()), True, True, "Polled"),
        (NOT_OFFERED, PollState(), True, False, "NotListed"),
        (NOT_OFFERED, PollState(loss=REFUSED), True, False, "Forbidden"),
        (NOWHERE, PollState(info()), True, True, "Polled"),
        (NOWHERE, PollState(), True, False, "NotFound"),
        (NOWHERE, PollState(loss=REFUSED), True, False, "NotFound"),
        (LIVE, PollState(info()), True, True, "Polled"),
        (LIVE, PollState(loss=AWAY), True, True, "StreamLive"),
        (None, None, True, False, "Connecting"),
        (None, PollState(info()), True, True, "Polled"),
        (None, PollState(), True, False, "NotListed"),
        (None, PollState(loss=AWAY), True, False, "ServiceUnavailable"),
    ],
    ids=[
        "connecting",
        "live",
        "204-before-the-first-look",
        "204-listed",
        "204-not-listed",
        "204-and-no-list",
        "404-listed",
        "404-not-listed",
        "404-and-no-list",
        "barren-and-listed",
        "barren-and-no-list",
        "poll-before-the-first-look",
        "poll-listed",
        "poll-not-listed",
        "poll-and-no-list",
    ],
)
def test_what_is_said_of_a_config(
    stream: StreamState | None, poll: PollState | None, is_polled: bool, is_told: bool, reason: str
) -> None:
    said = standing(stream, poll, is_polled=is_polled, every_s=30, now=EPOCH)
    assert (said.is_told, said.reason) == (is_told, reason)
    assert said.message


LOOKED_AT = "the list of configs is looked at every 30 s"


@pytest.mark.parametrize(
    ("stream", "poll", "said"),
    [
        (NOT_OFFERED, PollState(info()), f"no stream (204): {LOOKED_AT}"),
        (None, PollState(info(is_valid=False)), f"{LOOKED_AT}; it says: not valid"),
        (
            StreamState(LOST, reason="StreamSilent", barren=4),
            PollState(info()),
            f"the streams bring no byte (does a proxy buffer them?): {LOOKED_AT}",
        ),
    ],
    ids=["204", "invalid", "barren"],
)
def test_it_says_why_it_polls_and_what_the_list_warns_of(stream: StreamState, poll: PollState, said: str) -> None:
    assert standing(stream, poll, is_polled=True, every_s=30, now=EPOCH).message == said


def fallback(listing: Listing, told: list[Standing], *, may_poll: bool = True) -> Fallback:
    return Fallback(
        listing.look,
        may_poll=may_poll,
        every_s=EVERY_S,
        reconnect=RECONNECT,
        on_mark=listing.told.mark,
        on_standing=lambda _, now: told.append(now),
        chance=lambda: 0.5,
        clock=running_clock(),
    )


def test_a_refused_stream_is_replaced_once_the_list_has_the_config_and_until_a_byte_comes() -> None:
    async def story() -> None:
        listing, told = Listing([info()]), list[Standing]()
        one = fallback(listing, told)
        one.stream_said(ref(), NOT_OFFERED)
        assert not one.is_replaced(ref())
        one.poller._succeeded({"app": info()})
        assert one.is_replaced(ref())
        one.stream_said(ref(), StreamState(LOST, reason="ServiceUnavailable", message="away"))
        assert one.is_replaced(ref())
        one.stream_said(ref(), LIVE)
        assert one.is_replaced(ref())
        one.stream_heard(ref())
        assert not one.is_replaced(ref())
        assert [now.reason for now in told] == ["WatchNotOffered", "Polled", "Polled", "Polled", "StreamLive"]

    run(story())


def test_streams_only_means_that_nothing_is_ever_replaced() -> None:
    async def story() -> None:
        told: list[Standing] = []
        one = fallback(Listing([info()]), told, may_poll=False)
        one.stream_said(ref(), NOT_OFFERED)
        one.poller._succeeded({"app": info()})
        assert not one.is_replaced(ref())
        assert [now.reason for now in told] == ["WatchNotOffered"]

    run(story())


def test_a_config_that_nobody_asks_for_any_more_is_forgotten() -> None:
    async def story() -> None:
        told: list[Standing] = []
        one = fallback(Listing([info()]), told)
        one.poll_only(ref())
        one.forget("app")
        one.poller._succeeded({"app": info()})
        assert [now.reason for now in told] == ["Connecting"]

    run(story())
