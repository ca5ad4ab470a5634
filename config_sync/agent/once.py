"""One full sync: every target attempted once, those that may heal again until the deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config_sync.agent.assembly import Memory
from config_sync.backoff import Backoff, Delays
from config_sync.client.sharing import tick
from config_sync.clock import Clock
from config_sync.errors import Exit, FileError, ServiceUnavailable, SyncError
from config_sync.model import Outcome, Present, Record, Target
from config_sync.reconciler import Occasion, Reconciler
from config_sync.status import Board
from config_sync.stop import Stop
from config_sync.workqueue import Wake


@dataclass(frozen=True, slots=True)
class Policy:
    """How long to retry (seconds from the start), and what else the command line said."""

    retry_for_s: float
    retry: Backoff
    may_reload: bool
    is_fresh: bool
    offline_start_s: float = 0.0
    """How old a cached revision may be that serves at the deadline, in seconds; 0: none."""


class OneSync:
    """`once`, without its command line."""

    def __init__(
        self,
        targets: tuple[Target, ...],
        reconciler: Reconciler,
        *,
        memory: Memory,
        board: Board,
        policy: Policy,
        stop: Stop,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._targets = targets
        self._reconciler = reconciler
        self._memory = memory
        self._board = board
        self._policy = policy
        self._stop = stop
        self._clock = clock
        self._chance = chance
        self.outcomes: dict[str, Outcome] = {}

    def run(self, tell: Callable[[Outcome, float | None], None]) -> int:
        """Sync everything; returns the exit code. `tell` hears every outcome, with the seconds until its retry.

        Raises:
            Stopped: TERM or INT came.
        """
        deadline = self._clock.monotonic() + self._policy.retry_for_s
        delays = Delays(self._policy.retry, self._chance)
        for target in self._targets:
            self._board.expect(target, self._memory.records.get(target.name) or Record())
        left = self._targets
        wake = Wake.START
        while True:
            attempted = left
            marked = tick()
            for target in attempted:
                self._attempt(target, wake, marked)
            left = tuple(target for target in attempted if _may_heal(self.outcomes[target.name].error))
            now = self._clock.monotonic()
            if left and now >= deadline and not self._policy.is_fresh:
                for target in left:
                    self._start_offline(target)
            again_in_s: float | None = None
            if left and now < deadline:
                # A last attempt is made at the deadline itself: a service that came back just before is not missed.
                again_in_s = min(delays.next(self._floor(left)), deadline - now)
            for target in attempted:
                is_retried = again_in_s is not None and target in left
                tell(self.outcomes[target.name], again_in_s if is_retried else None)
            if again_in_s is None:
                return self._exit_code()
            if self._stop.wait(again_in_s):
                self._stop.check()
            wake = Wake.RETRY

    def _attempt(self, target: Target, wake: Wake, marked: int) -> None:
        before = self.outcomes.get(target.name)
        is_reload_only = (
            before is not None and isinstance(before.error, SyncError) and before.error.exit_code == Exit.RELOAD
        )
        occasion = Occasion(
            wakes=frozenset({Wake.RELOAD_RETRY if is_reload_only else wake}),
            marked=marked,
            may_reload=self._policy.may_reload,
        )
        self._settled(target, self._reconciler.reconcile(target, occasion, self._stop))

    def _start_offline(self, target: Target) -> None:
        """At the deadline: the cache does for a service that is away."""
        occasion = Occasion(may_reload=self._policy.may_reload, offline_start_s=self._policy.offline_start_s)
        failed = self.outcomes[target.name]
        if isinstance(failed.error, ServiceUnavailable):
            self._settled(target, self._reconciler.start_offline(target, failed, occasion, self._stop))

    def _settled(self, target: Target, outcome: Outcome) -> None:
        self.outcomes[target.name] = outcome
        record = self._memory.records.get(target.name) or Record()
        self._board.settled(outcome, record)

    def _floor(self, left: tuple[Target, ...]) -> float | None:
        floors = [
            error.retry_after_s
            for target in left
            if isinstance(error := self.outcomes[target.name].error, ServiceUnavailable)
            and error.retry_after_s is not None
        ]
        return max(floors, default=None)

    def _exit_code(self) -> int:
        for target in self._targets:
            outcome = self.outcomes[target.name]
            if outcome.error is not None and target.required and not self.is_excused(target):
                return int(outcome.error.exit_code)
        return int(Exit.DONE)

    def is_excused(self, target: Target) -> bool:
        """Whether the service could not be reached, but everything is on disk as it was last written."""
        error = self.outcomes[target.name].error
        if self._policy.is_fresh or not isinstance(error, ServiceUnavailable):
            return False
        record = self._memory.records.get(target.name)
        if record is None:
            return False
        try:
            states = [(spec.path, self._memory.disk.observe(spec)) for spec in record.known(target).files]
        except FileError:
            return False
        is_whole = record.has_written(target)
        return is_whole and all(
            isinstance(state, Present) and state.digest == record.written.get(path) for path, state in states
        )


def _may_heal(error: SyncError | None) -> bool:
    return error is not None and error.transient
