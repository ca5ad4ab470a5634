"""How passes and orders ended, as the answer to who asked: by the socket, or in a process without an agent."""

from __future__ import annotations

from config_sync.agent.control import Answer, Json, answer
from config_sync.agent.ordering import Ordered
from config_sync.errors import Exit, NoAgent
from config_sync.model import Hold, Order, Outcome, Resume, Rollback


def told(outcomes: list[tuple[str, Outcome | None]]) -> Answer:
    """How passes ended; the code is that of the first that failed. Raises NoAgent."""
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


def told_of(name: str, order: Order, ordered: Ordered) -> Answer:
    """What became of an order. Raises ConfigSyncError where it was not done."""
    outcome = ordered.outcome
    if ordered.refused is not None:
        raise ordered.refused
    if not ordered.is_recorded and outcome is not None and outcome.error is not None:  # a bug, before it was recorded
        raise outcome.error
    if not ordered.is_recorded or (outcome is None and isinstance(order, Rollback)):
        raise NoAgent(f"the agent let go of {name} before it was done", hint="it is stopping, or has new settings")
    if isinstance(order, Hold):
        until = f"until 'config-sync resume {name}'" if order.for_s is None else f"for {order.for_s:g} s"
        return answer(Exit.DONE, f"{name}: held {until}, as it is on disk")
    if outcome is None:
        return answer(Exit.DONE, f"{name}: resumed")
    hold = ordered.record.hold if ordered.record is not None else None
    if isinstance(order, Resume) or outcome.error is not None or hold is None:
        return told([(name, outcome)])
    reload = f", {outcome.reload.value}" if outcome.reload is not None else ""
    return answer(Exit.DONE, f"{name}: {hold.reason}{reload}; held until 'config-sync resume {name}'")
