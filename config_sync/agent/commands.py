"""What the agent answers on its control socket, and the word on its health."""

from __future__ import annotations

from collections.abc import Callable

from config_sync.agent.control import Answer, Json, answer
from config_sync.agent.passes import Passes
from config_sync.agent.workers import Workers
from config_sync.errors import Exit, NoAgent, UsageError
from config_sync.fields import nearest
from config_sync.model import Outcome
from config_sync.status import Board
from config_sync.status.board import is_ready, startup_done

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

    async def sync(self, targets: tuple[str, ...], *, wait: bool) -> Answer:
        """See `control.Commands`."""
        names = targets or self._passes.names
        for name in names:
            self._known(name)
        asked = [(name, self._passes.ask(name)) for name in names]
        if not wait:
            return answer(Exit.DONE, f"asked for: {', '.join(names)}")
        outcomes = [(name, await future) for name, future in asked]
        return _told(outcomes)

    async def reload(self, target: str) -> Answer:
        """See `control.Commands`."""
        self._known(target)
        return _told([(target, await self._passes.ask(target, force_reload=True))])

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


def _told(outcomes: list[tuple[str, Outcome | None]]) -> Answer:
    targets: list[Json] = []
    code = int(Exit.DONE)
    for name, outcome in outcomes:
        if outcome is None:
            raise NoAgent(
                f"the agent let go of {name} before it was looked at", hint="it is stopping, or has new settings"
            )
        error = outcome.error
        told: Json = {
            "name": name,
            "result": outcome.result.value,
            "reason": outcome.reason,
            "error": error.message if error is not None else None,
            "hint": error.hint if error is not None else None,
            "reload": outcome.reload.value if outcome.reload is not None else None,
        }
        failed = int(error.exit_code) if error is not None else 0
        targets.append(told)
        code = code or failed
    return answer(code, "done" if code == 0 else "failed", targets=targets)
