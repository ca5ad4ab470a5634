"""What the agent answers on its control socket, and the word on its health."""

from __future__ import annotations

from collections.abc import Callable

from config_sync.agent.answers import told, told_of
from config_sync.agent.control import Answer, answer
from config_sync.agent.gate import Gate
from config_sync.agent.passes import Passes
from config_sync.agent.workers import Workers
from config_sync.errors import Exit, UsageError
from config_sync.fields import nearest
from config_sync.model import Order
from config_sync.status import Board
from config_sync.status.readiness import is_ready, startup_done

STUCK_S = 120.0
"""A pass that works for longer, waiting for nothing that has a deadline of its own, is stuck: liveness says so."""


class AgentCommands:
    """The agent's side of `control.Commands`."""

    def __init__(
        self, passes: Passes, board: Board, workers: Workers, *, reload_settings: Callable[[], Answer]
    ) -> None:
        self._passes = passes
        self._board = board
        self._workers = workers
        self._reload_settings = reload_settings
        self._gate = Gate(passes, board)

    async def sync(self, targets: tuple[str, ...], *, wait: bool) -> Answer:
        """See `control.Commands`."""
        names = targets or self._passes.names
        for name in names:
            self._known(name)
        asked = [(name, self._passes.ask(name)) for name in names]
        if not wait:
            return answer(Exit.DONE, f"asked for: {', '.join(names)}")
        outcomes = [(name, await future) for name, future in asked]
        return told(outcomes)

    async def await_version(self, targets: tuple[str, ...], version: int, *, timeout_s: float) -> Answer:
        """See `control.Commands`."""
        for name in targets:
            self._known(name)
        return await self._gate.passed(targets, version, timeout_s=timeout_s)

    async def reload(self, target: str) -> Answer:
        """See `control.Commands`."""
        self._known(target)
        return told([(target, await self._passes.ask(target, force_reload=True))])

    async def order(self, target: str, order: Order) -> Answer:
        """See `control.Commands`."""
        self._known(target)
        return told_of(target, order, await self._passes.order(target, order))

    async def reload_settings(self) -> Answer:
        """See `control.Commands`."""
        return self._reload_settings()

    def health(self, kind: str) -> Answer:
        """See `control.Commands`."""
        statuses = self._board.statuses()
        if kind == "live":
            stuck_s = self._workers.longest_s()
            is_ok, message = stuck_s < STUCK_S, "the loops make progress"
            message = message if is_ok else f"a pass has been working for {stuck_s:.0f} s"
        elif kind == "startup":
            is_ok = startup_done(statuses)
            message = "every required target was written" if is_ok else f"not written yet: {_unwritten(self._board)}"
        elif kind == "ready":
            is_ok = is_ready(statuses)
            message = "ready" if is_ok else "a required target is not written, or failed"
        else:
            raise UsageError(f"there is no health {kind!r}", hint="live, ready or startup")
        return answer(Exit.DONE if is_ok else Exit.DIFFERS, message)

    def _known(self, name: str) -> None:
        if name not in self._passes.names:
            near = nearest(name, self._passes.names)
            hint = f"did you mean {near!r}?" if near else "targets: " + ", ".join(self._passes.names)
            raise UsageError(f"the settings name no target {name!r}", hint=hint)


def _unwritten(board: Board) -> str:
    return ", ".join(one.target.name for one in board.statuses() if one.target.required and not one.is_up)
