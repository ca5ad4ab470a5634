"""Who may connect to the host now: everybody while it is well, few and one after the other while it is not.

A thousand streams that lost one server come back together. Backoff spreads them in time; the gate keeps what is left
from standing in line inside the server:

1. *Well*: no limit.
2. After a failure, *probing*: one connect at a time, until the host answers one of them (with whatever status).
3. Then *recovering*: `at_once` at a time, until nobody waits and nobody connects any more; then it is well again.

A connect that takes longer than `overdue_s` gives its place away, though it goes on: a server that never answers for
one config must not hold up the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections import deque
from collections.abc import AsyncIterator

AT_ONCE = 4
"""Connects while the host recovers (network.md)."""
OVERDUE_S = 10.0
"""Twice the shipped `connect_timeout`: whoever is still connecting has been accepted and waits for an answer."""


class _Host(enum.Enum):
    WELL = "well"
    PROBING = "probing"
    RECOVERING = "recovering"


class ConnectGate:
    """One for each host, shared by its subscriptions; for one event loop."""

    __slots__ = ("_active", "_at_once", "_host", "_overdue_s", "_waiting")

    def __init__(self, *, at_once: int = AT_ONCE, overdue_s: float = OVERDUE_S) -> None:
        self._at_once = at_once
        self._overdue_s = overdue_s
        self._host = _Host.WELL
        self._active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def failed(self) -> None:
        """The host could not be reached, said that it is in trouble, or broke a stream."""
        self._host = _Host.PROBING

    def answered(self) -> None:
        """The host answered a connect."""
        if self._host is _Host.PROBING:
            self._host = _Host.RECOVERING
        self._admit()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn, first come first served; leave when the connect has ended either way."""
        await self._enter()
        is_held = True

        def leave() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self._active -= 1
                self._admit()

        overdue = asyncio.get_running_loop().call_later(self._overdue_s, leave)
        try:
            yield
        finally:
            overdue.cancel()
            leave()

    async def _enter(self) -> None:
        if not self._is_full():
            self._active += 1
            return
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(admitted)
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled():
                # Admitted and cancelled in one turn of the loop: the place goes to the next.
                self._active -= 1
                self._admit()
            else:
                with contextlib.suppress(ValueError):
                    self._waiting.remove(admitted)
            raise

    def _is_full(self) -> bool:
        match self._host:
            case _Host.WELL:
                return False
            case _Host.PROBING:
                return self._active >= 1
            case _Host.RECOVERING:
                return self._active >= self._at_once

    def _admit(self) -> None:
        while self._waiting and not self._is_full():
            admitted = self._waiting.popleft()
            if not admitted.done():
                self._active += 1
                admitted.set_result(None)
        if self._host is _Host.RECOVERING and self._active == 0:
            self._host = _Host.WELL
