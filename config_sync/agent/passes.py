"""The work at the heart of the agent: marks in, passes run, outcomes settled.

All of it happens in the event loop, but the passes themselves: they are `reconcile` in a worker thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from config_sync.agent.bugs import bug_outcome
from config_sync.agent.counting import Counting
from config_sync.agent.ordering import Ordered, Waiting
from config_sync.agent.settle import Again, Pace, is_behind
from config_sync.agent.story import Storyteller
from config_sync.agent.workers import Workers
from config_sync.client.sharing import tick
from config_sync.clock import Clock
from config_sync.errors import Stopped
from config_sync.model import ChangeEvent, Order, Outcome, Record, Result, Target
from config_sync.reconciler import Occasion, Reconciler
from config_sync.records import Records
from config_sync.settings import ServiceSettings
from config_sync.status import Board
from config_sync.status.users import Users
from config_sync.stop import Stop
from config_sync.workqueue import Wake, Work, WorkQueue

Asked = asyncio.Future[Outcome | None]
"""What a command waits for: the outcome of a pass that starts after it asked; None: there was none any more."""


@dataclass(slots=True)
class _Watched:
    target: Target
    pace: Pace
    asked: list[Asked]
    is_reload_forced: bool = False
    orders: list[Waiting] = field(default_factory=list)
    followers: list[Asked] = field(default_factory=list)


class Passes:
    """Who is looked at when. `reconciler` may be replaced at any time: passes finish with the one they began with."""

    def __init__(
        self,
        reconciler: Reconciler,
        *,
        records: Records,
        board: Board,
        workers: Workers,
        stop: Stop,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self.reconciler = reconciler
        self.offline_start_s = 0.0
        """How old a cached revision may be that serves without the service (see `Occasion`)."""
        self._records = records
        self._board = board
        self._stop = stop
        self._clock = clock
        self._chance = chance
        self._loop = asyncio.get_running_loop()
        self._queue = WorkQueue()
        self._watched: dict[str, _Watched] = {}
        self._users = Users()
        self._marked: dict[str, int] = {}
        """The tick of each target's newest mark that no pass has taken."""
        self._hints: dict[str, ChangeEvent] = {}
        self._news = asyncio.Event()
        self._started_at = self._loop.time()
        self._teller = Storyteller(self._loop.time)
        self._counting = Counting(self._loop.time)
        self._workers = workers
        self.on_unmet: Callable[[Target], None] = lambda _: None
        """An event told of a change, and none came with the last of the re-checks."""
        workers.on_room = self._ring

    # ---- the roster of targets

    def watch(self, targets: Iterable[Target], service: ServiceSettings, *, wake: Wake) -> None:
        """Know exactly these targets; mark those that are new or changed, or all with `Wake.SETTINGS`."""
        wanted = {target.name: target for target in targets}
        for name in [name for name in self._watched if name not in wanted]:
            self._forget(name)
        before, self._watched = self._watched, {}  # in the order of the settings from now on
        for name, target in wanted.items():
            known = before.get(name)
            self._watched[name] = _Watched(
                target,
                self._pace(service),
                asked=known.asked if known is not None else [],
                is_reload_forced=known is not None and known.is_reload_forced,
                orders=known.orders if known is not None else [],
                followers=known.followers if known is not None else [],
            )
            self._users.put(target)
            self._queue.add(name, target.debounce)
            self._board.expect(target, self._records.get(name) or Record())
            self._mark(name, wake)
        self._board.arrange(wanted)
        self._ring()

    def _forget(self, name: str) -> None:
        gone = self._watched.pop(name)
        for asked in (*gone.asked, *gone.followers):
            if not asked.done():
                asked.set_result(None)
        for told in gone.orders:
            told.answer(None)
        self._users.drop(name)
        self._counting.forget(name)
        self._queue.drop(name)
        self._marked.pop(name, None)
        self._board.forget(name)

    def _pace(self, service: ServiceSettings) -> Pace:
        return Pace(
            retry=service.retry,
            reconnect=service.reconnect,
            resync_s=service.resync_s,
            started_at=self._started_at,
            chance=self._chance,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The targets, in settings order."""
        return tuple(self._watched)

    # ---- marks

    def mark(self, name: str, wake: Wake) -> None:
        """This target may be out of date."""
        self._mark(name, wake)
        self._ring()

    def mark_config(self, config: str, wake: Wake, event: ChangeEvent | None) -> None:
        """Every target that uses the config unpinned may be out of date."""
        if event is not None and event.config == config:
            self._hints[config] = event
            self._board.heard(event)
        elif wake is Wake.EVENT:
            self._hints.pop(config, None)  # it told of another change than the one we know of
        if wake is Wake.EVENT:
            self._counting.heard(self._users.of(config))
        for name in self._users.of(config):
            self._mark(name, wake)
        self._ring()

    def mark_all(self, wake: Wake) -> None:
        """Any target may be out of date."""
        for name in self._watched:
            self._mark(name, wake)
        self._ring()

    def _mark(self, name: str, wake: Wake) -> None:
        self._marked[name] = tick()
        self._queue.mark(name, wake, self._loop.time())

    def ask(self, name: str, *, force_reload: bool = False) -> Asked:
        """Mark the target and wait for the outcome of a pass that starts from now on."""
        watched = self._watched[name]
        asked: Asked = self._loop.create_future()
        watched.asked.append(asked)
        watched.is_reload_forced = watched.is_reload_forced or force_reload
        # A reload alone needs no look at the service; beside another mark it gets one.
        self.mark(name, Wake.RELOAD_RETRY if force_reload else Wake.COMMAND)
        return asked

    def next_of(self, name: str) -> Asked:
        """The outcome of the pass that ends next, whatever leads to it."""
        follower: Asked = self._loop.create_future()
        if (watched := self._watched.get(name)) is not None:
            watched.followers.append(follower)
        else:
            follower.set_result(None)
        return follower

    def order(self, name: str, order: Order) -> asyncio.Future[Ordered]:
        """Have it done between two passes, and wait for the outcome of the one that follows."""
        future: asyncio.Future[Ordered] = self._loop.create_future()
        self._watched[name].orders.append(Waiting(order, future))
        self.mark(name, Wake.COMMAND)
        return future

    # ---- passes

    def _ring(self) -> None:
        """Look at the queue again. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody looks any more
            self._loop.call_soon_threadsafe(self._news.set)

    async def run(self) -> None:
        """Start what is due, while there is room, until cancelled."""
        while True:
            self._news.clear()
            while self._workers.has_room and not self._stop.is_set():
                work = self._queue.take(self._loop.time())
                if work is None:
                    break
                self._start(work)
            at = self._queue.next_at() if self._workers.has_room else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(at):
                    await self._news.wait()

    def _start(self, work: Work) -> None:
        watched = self._watched[work.key]
        asked, watched.asked = watched.asked, []
        forced, watched.is_reload_forced = watched.is_reload_forced, False
        orders, watched.orders = watched.orders, []
        target, reconciler = watched.target, self.reconciler
        named = [ref.name for ref in target.configs if ref.name in self._hints]
        hints: dict[str, ChangeEvent] = {name: self._hints[name] for name in named}
        # A timer alone is news of its own, of this instant.
        marked = self._marked.pop(work.key, None) or tick()
        self._counting.begun(work.key)

        def published(record: Record) -> None:
            self._counting.in_place(work.key)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._board.published, work.key, record)

        occasion = Occasion(
            wakes=work.wakes,
            hints=hints,
            is_forced_reload=forced,
            offline_start_s=self.offline_start_s,
            on_published=published,
            marked=marked,
        )

        def job() -> None:
            started = self._loop.time()
            outcome: Outcome | None = None
            try:
                for told in orders:
                    told.have_done(reconciler, target)
                outcome = reconciler.reconcile(target, occasion, self._stop)
            except Stopped:
                pass
            except Exception as error:  # noqa: BLE001  # the one border where a bug of ours becomes an outcome
                outcome = bug_outcome(work.key, error, took_s=self._loop.time() - started)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._finish, work, occasion, target, outcome, asked, orders)

        self._workers.start(work.key, job)

    def _finish(
        self,
        work: Work,
        occasion: Occasion,
        target: Target,
        outcome: Outcome | None,
        asked: list[Asked],
        orders: list[Waiting],
    ) -> None:
        now, watched = self._loop.time(), self._watched.get(work.key)
        if outcome is None or watched is None:
            self._queue.settle(work.key, now, again_in=None)
        else:
            record = self._records.get(work.key) or Record()
            recovered = self._board.settled(outcome, record) if not outcome.is_given_up else None
            # Of several configs a hint says nothing: the version on record is that of the first.
            hint = next(iter(occasion.hints.values())) if len(target.configs) == 1 and occasion.hints else None
            again = watched.pace.after(
                outcome,
                wakes=work.wakes,
                hint=hint,
                record=record,
                now=now,
                is_partly=is_behind(target, occasion.hints, record),
                hold_left_s=self._hold_left_s(record),
            )
            self._counting.finished(outcome, goes_on=again.wake is Wake.RECHECK)
            self._teller.tell(outcome, target=target, record=record, recovered=recovered, again=again, wakes=work.wakes)
            if outcome.is_given_up:  # that was about something else than what is on disk: have a look at this
                self._board.published(work.key, record)
                again = Again(0.0, Wake.COMMAND)
            self._queue.settle(work.key, now, again_in=again.in_s, wake=again.wake)
            if Wake.RECHECK in work.wakes and again.wake is not Wake.RECHECK and outcome.result is Result.UNCHANGED:
                self.on_unmet(target)
        followers: list[Asked] = []
        if watched is not None:
            followers, watched.followers = watched.followers, []
        for future in (*asked, *followers):
            if not future.done():
                future.set_result(outcome)
        for told in orders:
            told.answer(outcome, self._records.get(work.key))
        self._ring()

    def _hold_left_s(self, record: Record) -> float | None:
        until = record.hold.until_at if record.hold is not None else None
        return None if until is None else until - self._clock.now()
