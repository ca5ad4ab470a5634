"""What two looks at the list mean, and when it is looked at."""

from __future__ import annotations

import asyncio

import pytest

from config_sync.client import ConfigInfo
from config_sync.errors import Forbidden, ServiceUnavailable, Stopped, SyncError, Unauthorized
from config_sync.workqueue import Wake
from tests.unit.triggers.polled import Listing, info, polling, ref
from tests.virtual_clock import run


def test_the_first_sight_marks_and_a_list_that_stays_does_not() -> None:
    async def story() -> None:
        listing = Listing([info()])
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(100)
        assert listing.looks == [0, 30, 60, 90]
        assert listing.told.wakes == [Wake.CONNECTED]

    run(story())


@pytest.mark.parametrize(
    "after",
    [[info(updated=9)], [info(is_valid=False)], [info(valid_from=-9)], [], [info("another")]],
    ids=["updated", "invalid", "valid-from", "gone", "gone-but-not-alone"],
)
def test_a_difference_marks_and_the_look_after_it_once_more(after: list[ConfigInfo]) -> None:
    async def story() -> None:
        listing = Listing([info()])
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(40)
            listing.entries = after
            await asyncio.sleep(200)
        assert [(when, wake) for when, wake, _ in listing.told.marks] == [
            (0, Wake.CONNECTED),
            (60, Wake.EVENT),
            (90, Wake.EVENT),
        ]

    run(story())


def test_a_time_that_lay_ahead_marks_when_it_has_come() -> None:
    async def story() -> None:
        listing = Listing([info(valid_from=100)])
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(300)
        assert [when for when, wake, _ in listing.told.marks if wake is Wake.EVENT] == [120, 150]

    run(story())


def test_a_config_that_is_not_there_yet_is_marked_when_it_comes() -> None:
    async def story() -> None:
        listing = Listing()
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(40)
            state = poller.state("app")
            assert state is not None
            assert (state.info, state.loss) == (None, None)
            listing.entries = [info()]
            await asyncio.sleep(30)
            assert listing.told.wakes == [Wake.CONNECTED, Wake.EVENT]

    run(story())


def test_any_number_of_configs_is_one_look_and_only_the_wanted_are_marked() -> None:
    async def story() -> None:
        listing = Listing([info(f"app-{number}") for number in range(1000)])
        poller = listing.poller()
        for number in range(500):
            poller.want(ref(f"app-{number}"))
        async with polling(poller):
            await asyncio.sleep(10)
            assert len(listing.looks) == 1
            assert len(listing.told.marks) == 500
            listing.entries = [info(f"app-{number}", updated=5) for number in range(1000)]
            await asyncio.sleep(30)
        assert len(listing.looks) == 2
        assert len(listing.told.marks) == 1000

    run(story())


def test_without_anything_wanted_nothing_is_looked_at_and_the_first_wish_is_met_at_once() -> None:
    async def story() -> None:
        listing = Listing([info(), info("b")])
        poller = listing.poller()
        async with polling(poller):
            await asyncio.sleep(100)
            assert listing.looks == []
            poller.want(ref())
            await asyncio.sleep(1)
            poller.want(ref("b"))  # with the next look: a thousand that come one after the other are no thousand looks
            await asyncio.sleep(1)
            assert listing.looks == [100]
            poller.drop("app")
            poller.drop("b")
            await asyncio.sleep(1000)
            assert listing.looks in ([100], [100, 130])
            assert poller.state("app") is None

    run(story())


def test_what_changed_during_an_outage_is_found_by_the_first_look_after_it() -> None:
    async def story() -> None:
        listing = Listing([info()])
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(10)
            listing.failure = ServiceUnavailable("away")
            await asyncio.sleep(3600)
            assert len(listing.looks) <= 130
            assert listing.told.wakes == [Wake.CONNECTED]
            listing.failure, listing.entries = None, [info(updated=99)]
            await asyncio.sleep(61)
        assert listing.told.wakes[1] is Wake.EVENT
        states = [(state.loss is not None, state.info is not None) for _, state in listing.states]
        assert states == [(False, True), (True, False), (False, True)]

    run(story())


def test_retry_after_is_a_floor() -> None:
    async def story() -> None:
        listing = Listing(failure=ServiceUnavailable("later", retry_after_s=250.0))
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(249)
            assert len(listing.looks) == 1
            await asyncio.sleep(10)
            assert len(listing.looks) == 2

    run(story())


@pytest.mark.parametrize(
    ("failure", "is_at_once"),
    [(Unauthorized("401"), True), (Forbidden("403"), True), (ServiceUnavailable("away"), False)],
    ids=["unauthorized", "forbidden", "away"],
)
def test_new_credentials_end_a_wait_for_a_person_and_no_other(failure: SyncError, is_at_once: bool) -> None:
    async def story() -> None:
        listing = Listing(failure=failure)
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(1)
            poller.retry_now()
            poller.drop("app")
            poller.want(ref())
            await asyncio.sleep(1)
        assert (len(listing.looks) == 2) == is_at_once

    run(story())


def test_a_stop_ends_it_quietly() -> None:
    async def story() -> None:
        listing = Listing()

        async def look() -> tuple[ConfigInfo, ...]:
            raise Stopped

        listing.look = look  # type: ignore[method-assign]
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller) as task:
            await asyncio.wait_for(asyncio.shield(task), 60)

    run(story())


def test_cancelling_takes_no_time() -> None:
    async def story() -> float:
        listing = Listing(takes_s=1000)
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(2)
        return asyncio.get_running_loop().time()

    assert run(story()) == 2


@pytest.mark.parametrize("failure", [ServiceUnavailable("away"), Unauthorized("401")], ids=["away", "unauthorized"])
def test_a_wish_after_an_outage_in_which_nobody_wanted_anything_any_more_is_met_at_once(failure: SyncError) -> None:
    async def story() -> None:
        listing = Listing(failure=failure)
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(1)
            poller.drop("app")
            await asyncio.sleep(1000)  # the wait for the host is over, and nothing is wanted
            listing.failure, listing.entries = None, [info()]
            looks = len(listing.looks)
            poller.want(ref())
            await asyncio.sleep(1)
            assert len(listing.looks) == looks + 1
            assert listing.told.wakes == [Wake.CONNECTED]

    run(story())


def test_a_look_that_brings_the_list_is_not_made_again_for_credentials_that_changed_meanwhile() -> None:
    async def story() -> None:
        listing = Listing([info()], takes_s=2)
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(1)
            poller.retry_now()  # the look is under way
            await asyncio.sleep(10)
            poller.retry_now()  # nobody is waited for
            await asyncio.sleep(10)
            assert listing.looks == [0]

    run(story())


@pytest.mark.parametrize(
    ("failure", "looks"),
    [(Unauthorized("401"), [0, 2]), (ServiceUnavailable("later", retry_after_s=100.0), [0])],
    ids=["for-a-person", "for-the-host"],
)
def test_credentials_that_change_during_a_look_end_the_wait_for_a_person_that_follows(
    failure: SyncError, looks: list[float]
) -> None:
    async def story() -> None:
        listing = Listing(failure=failure, takes_s=2)
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(1)
            poller.retry_now()
            await asyncio.sleep(20)
            assert listing.looks == looks

    run(story())


def test_new_credentials_ask_for_no_list_that_nobody_wants() -> None:
    async def story() -> None:
        listing = Listing([info()])
        poller = listing.poller()
        async with polling(poller):
            await asyncio.sleep(1)
            poller.retry_now()
            await asyncio.sleep(100)
            poller.want(ref())
            poller.drop("app")
            await asyncio.sleep(100)
            assert listing.looks == []

    run(story())


def test_a_wish_of_another_during_a_look_is_met_by_that_look() -> None:
    async def story() -> None:
        listing = Listing([info(), info("b")], takes_s=2)
        poller = listing.poller()
        poller.want(ref())
        async with polling(poller):
            await asyncio.sleep(1)
            poller.drop("app")
            poller.want(ref("b"))
            await asyncio.sleep(10)
            assert listing.looks == [0]
            assert listing.told.wakes == [Wake.CONNECTED]

    run(story())
