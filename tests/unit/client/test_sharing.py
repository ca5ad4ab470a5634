"""One fetch for all whom the same news woke, and never one that began before the news."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from config_sync.client import Fetched
from config_sync.client.sharing import KEPT_S, SharedFetches, tick
from config_sync.errors import ServiceUnavailable, Stopped, SyncError
from config_sync.model import ConfigName, ConfigRef
from config_sync.stop import Stop
from tests.fakes import HandClock
from tests.waiting import eventually

APP = ConfigRef(ConfigName("app"))
STAGING = ConfigRef(ConfigName("app"), "staging")


class Source:
    """Counts its fetches and tells each by its version; where `gate` is set, they wait for it."""

    def __init__(self) -> None:
        self.count = 0
        self.gate: threading.Event | None = None
        self.failure: Exception | None = None
        self._lock = threading.Lock()

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        with self._lock:
            failure, gate = self.failure, self.gate
            self.count += 1
            number = self.count
        if gate is not None:
            while not gate.wait(0.01):
                stop.check()
        if failure is not None:
            raise failure
        return Fetched(ref, b"sealed", version=number)


class Asker(threading.Thread):
    """One pass's fetch, in a thread."""

    def __init__(self, shared: SharedFetches, marked: int | None, *, stop: Stop | None = None) -> None:
        super().__init__(daemon=True)
        self.version: int | None = None
        self.error: BaseException | None = None
        self._shared, self._marked, self._stop_word = shared, marked, stop or Stop()
        self.start()

    def run(self) -> None:
        try:
            self.version = self._shared.fetch(APP, self._stop_word, marked=self._marked).version
        except (SyncError, Stopped, ZeroDivisionError) as error:
            self.error = error

    def ended(self) -> Asker:
        self.join(60)
        assert not self.is_alive()
        return self


def test_those_who_were_marked_before_it_started_share_a_fetch_that_is_done() -> None:
    source, clock = Source(), HandClock()
    shared, marked = SharedFetches(source.fetch, clock=clock), tick()
    versions = [shared.fetch(APP, Stop(), marked=marked).version for _ in range(10)]
    assert versions == [1] * 10


def test_each_config_and_environment_has_a_fetch_of_its_own() -> None:
    source = Source()
    shared, marked = SharedFetches(source.fetch, clock=HandClock()), tick()
    assert shared.fetch(APP, Stop(), marked=marked).ref == APP
    assert shared.fetch(STAGING, Stop(), marked=marked).ref == STAGING
    assert source.count == 2


def test_who_was_marked_since_gets_a_fetch_that_starts_later() -> None:
    shared = SharedFetches(Source().fetch, clock=HandClock())
    assert shared.fetch(APP, Stop(), marked=tick()).version == 1
    assert shared.fetch(APP, Stop(), marked=tick()).version == 2


def test_who_shares_nothing_fetches() -> None:
    shared = SharedFetches(Source().fetch, clock=HandClock())
    assert [shared.fetch(APP, Stop(), marked=None).version for _ in range(3)] == [1, 2, 3]


def test_an_old_answer_serves_nobody() -> None:
    clock = HandClock()
    shared, marked = SharedFetches(Source().fetch, clock=clock), tick()
    shared.fetch(APP, Stop(), marked=marked)
    clock.passed_s = KEPT_S
    assert shared.fetch(APP, Stop(), marked=marked).version == 1
    clock.passed_s = KEPT_S + 0.1
    assert shared.fetch(APP, Stop(), marked=marked).version == 2


def test_those_who_come_while_it_is_under_way_wait_for_it_and_who_was_marked_meanwhile_does_not() -> None:
    source = Source()
    source.gate = threading.Event()
    shared, marked = SharedFetches(source.fetch, clock=HandClock()), tick()
    first = Asker(shared, marked)
    eventually(lambda: source.count == 1)
    sharing = [Asker(shared, marked) for _ in range(5)]
    later = Asker(shared, tick())
    eventually(lambda: source.count == 2)
    source.gate.set()
    assert first.ended().version == 1
    # Whichever of the two was in the books when they came: both started after their mark.
    assert {one.ended().version for one in sharing} <= {1, 2}
    assert later.ended().version == 2
    assert source.count == 2


def test_an_error_is_shared_and_each_has_an_exception_of_its_own() -> None:
    source = Source()
    source.gate = threading.Event()
    source.failure = ServiceUnavailable("away", hint="look", retry_after_s=7.0)
    shared, marked = SharedFetches(source.fetch, clock=HandClock()), tick()
    askers = [Asker(shared, marked) for _ in range(5)]
    eventually(lambda: source.count == 1)
    source.gate.set()
    errors = [one.ended().error for one in askers]
    with pytest.raises(ServiceUnavailable) as caught:
        shared.fetch(APP, Stop(), marked=marked)
    errors.append(caught.value)
    assert source.count == 1
    assert len({id(error) for error in errors}) == 6
    for error in errors:
        assert isinstance(error, ServiceUnavailable)
        assert (error.message, error.hint, error.retry_after_s) == ("away", "look", 7.0)


def ends_in_a_bug(source: Source, stop: Stop) -> None:
    assert source.gate is not None
    source.gate.set()


def is_stopped(source: Source, stop: Stop) -> None:
    stop.set()


@pytest.mark.parametrize("end", [ends_in_a_bug, is_stopped], ids=["bug", "stop"])
def test_a_fetch_that_ends_in_neither_is_made_again_by_who_waited(end: Callable[[Source, Stop], None]) -> None:
    source = Source()
    source.gate = threading.Event()
    if end is ends_in_a_bug:
        source.failure = ZeroDivisionError()
    shared, marked, stop = SharedFetches(source.fetch, clock=HandClock()), tick(), Stop()
    first = Asker(shared, marked, stop=stop)
    eventually(lambda: source.count == 1)
    source.failure = None
    waiting = Asker(shared, marked)
    end(source, stop)
    assert first.ended().version is None
    source.gate.set()
    assert waiting.ended().version == 2


def test_who_waits_ends_at_his_own_stop() -> None:
    source = Source()
    source.gate = threading.Event()
    shared, marked, stop = SharedFetches(source.fetch, clock=HandClock()), tick(), Stop()
    first = Asker(shared, marked)
    eventually(lambda: source.count == 1)
    waiting = Asker(shared, marked, stop=stop)
    stop.set()
    assert isinstance(waiting.ended().error, Stopped)
    source.gate.set()
    assert first.ended().version == 1


def test_what_is_damaged_is_shared_no_further() -> None:
    shared, marked = SharedFetches(Source().fetch, clock=HandClock()), tick()
    shared.fetch(APP, Stop(), marked=marked)
    shared.forget(APP)
    assert shared.fetch(APP, Stop(), marked=marked).version == 2


def test_answers_that_serve_nobody_any_more_are_not_kept() -> None:
    clock = HandClock()
    shared = SharedFetches(Source().fetch, clock=clock)
    for number in range(100):
        shared.fetch(ConfigRef(ConfigName(f"app-{number}")), Stop(), marked=tick())
        clock.passed_s += 1
    assert len(shared._flights) <= KEPT_S + 2


def test_under_fire_nobody_ever_gets_an_answer_from_before_his_mark() -> None:
    """Many threads mark and fetch; the world's number only grows, and a fetch reads it when it starts."""
    world = 0
    lock = threading.Lock()

    def fetch(ref: ConfigRef, stop: Stop) -> Fetched:
        with lock:
            return Fetched(ref, b"", version=world)

    shared = SharedFetches(fetch, clock=HandClock())
    wrong: list[tuple[int, int | None]] = []

    def change_and_look() -> None:
        nonlocal world
        for _ in range(300):
            with lock:
                world += 1
                mine = world
            found = shared.fetch(APP, Stop(), marked=tick()).version
            if found is None or found < mine:
                wrong.append((mine, found))

    threads = [threading.Thread(target=change_and_look, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert wrong == []
