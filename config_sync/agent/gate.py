"""A deployment's gate: has this version, or a newer one, arrived at the consumer? (``sync --wait --version N``)"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from config_sync.agent.control import Answer, answer
from config_sync.agent.passes import Passes
from config_sync.errors import Exit, NoAgent, RolledBack, SyncError, UsageError
from config_sync.model import Outcome, Target
from config_sync.status import Board
from config_sync.status.board import TargetStatus
from config_sync.status.holding import said_of
from config_sync.status.state import REFUSALS, is_local
from config_sync.workqueue import Wake

ASK_AGAIN_S = 30.0
"""A stream tells of the version at once; where it is down, or told too early, nobody waits for the next resync."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`code` None: not yet; else how the gate ends, with the reason. `said` is one clause."""

    code: int | None
    said: str
    hint: str | None = None


def judge(status: TargetStatus, wanted: int) -> Verdict:
    """Whether `wanted` has arrived, can never arrive as things stand, or may still come. Pure."""
    record, error = status.record, status.error
    on_disk = f"version {record.version} is on disk" if record.version is not None else "no version is known on disk"
    is_written = record.version is not None and record.version >= wanted
    is_right = status.is_there and not is_local(error)
    if is_written and not is_right:
        on_disk = f"version {record.version} was written, and is not on disk as it should be"
        if record.hold is None:
            said = on_disk if error is None else f"{on_disk}: {error.message}"
            return Verdict(None, said, error.hint if error is not None else None)
    elif is_written:
        if not status.reload_pending:
            return Verdict(int(Exit.DONE), on_disk)
        return Verdict(None, f"{on_disk}, and its consumer has not been told", error.hint if error else None)
    if record.hold is not None:
        hint = f"'config-sync resume {status.target.name}' ends that"
        return Verdict(int(Exit.REJECTED), f"{on_disk}, and {said_of(record.hold)}", hint)
    skipping = record.skipping
    if skipping is not None and skipping.refused_version is not None and skipping.refused_version >= wanted:
        return Verdict(int(RolledBack.exit_code), f"{on_disk}: {error.message if error else skipping.reason}")
    if error is not None:
        said = f"{on_disk}: {error.message}"
        of = error.refused.version if error.refused is not None else None
        is_of_it = of is not None and of >= wanted
        is_refused = isinstance(error, REFUSALS) and error.exit_code is not Exit.RELOAD
        return Verdict(int(error.exit_code) if is_refused and is_of_it else None, said, error.hint)
    return Verdict(None, on_disk)


class Gate:
    """Waits at it. In the event loop."""

    def __init__(self, passes: Passes, board: Board) -> None:
        self._passes = passes
        self._board = board

    async def passed(self, names: tuple[str, ...], version: int, *, timeout_s: float) -> Answer:
        """Exit code 0 once every one of the targets has it; else that of the first that has not, with the reason.

        Raises:
            UsageError: a target's config is pinned to an older version by the settings.
            NoAgent: the agent let go of a target meanwhile.
        """
        for name in names:
            _check_pinned(self._status(name).target, version)
        deadline = asyncio.get_running_loop().time() + timeout_s
        verdicts = await asyncio.gather(*(self._wait(name, version, deadline, timeout_s) for name in names))
        code = next((one.code for one in verdicts if one.code), int(Exit.DONE))
        lines = [f"{name}: {one.said}" for name, one in zip(names, verdicts, strict=True)]
        hint = next((one.hint for one in verdicts if one.code and one.hint), None)
        return answer(code or Exit.DONE, "\n".join(lines), hint=hint)

    async def _wait(self, name: str, version: int, deadline: float, timeout_s: float) -> Verdict:
        loop = asyncio.get_running_loop()
        future = self._passes.ask(name)
        while True:
            following = self._passes.next_of(name)
            waits: set[asyncio.Future[Outcome | None]] = {following, future}
            left_s = min(ASK_AGAIN_S, deadline - loop.time())
            done, _ = await asyncio.wait(waits, timeout=max(0.0, left_s), return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                if one.result() is None:
                    raise NoAgent(f"the agent let go of {name}", hint="it is stopping, or has new settings")
            verdict = judge(self._status(name), version)
            if verdict.code is not None:
                return verdict
            if loop.time() >= deadline:
                return _late(verdict, self._status(name).error, version, timeout_s, self._status(name).reload_pending)
            if not done:
                self._passes.mark(name, Wake.COMMAND)
            if future.done():
                future = following

    def _status(self, name: str) -> TargetStatus:
        for one in self._board.statuses():
            if one.target.name == name:
                return one
        raise NoAgent(f"the agent let go of {name}", hint="it has new settings")


def _late(verdict: Verdict, error: SyncError | None, version: int, timeout_s: float, is_pending: bool) -> Verdict:
    code = int(error.exit_code) if error is not None else int(Exit.RELOAD if is_pending else Exit.NOT_FOUND)
    said = f"version {version} has not arrived within {timeout_s:g} s: {verdict.said}"
    return Verdict(code, said, verdict.hint or "see 'config-sync status'")


def _check_pinned(target: Target, version: int) -> None:
    main = next((ref for ref in target.configs if ref not in target.optional), target.configs[0])
    if main.version is not None and main.version < version:
        raise UsageError(
            f"target {target.name!r}: the settings pin config {main.name} to version {main.version}",
            hint="change 'version' there",
        )
