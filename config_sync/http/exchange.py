"""What bounds one request and its answer: the deadline and the stop, and the one place where fetches wait."""

from __future__ import annotations

import math
import select
import time
from collections.abc import Mapping

from config_sync.errors import Stopped
from config_sync.http.failures import DeadlinePassed
from config_sync.model import StopSignal


class Exchange:
    """One request and its answer: what bounds it, and how far it has come.

    `deadline` and `connect_deadline` are readings of time.monotonic. `is_reused`: no connection was made for it;
    `has_answer`: a byte of an answer has come; `has_ended`: the server closed the connection; `is_with_proxy`: the
    proxy is reached, or asked for a way.
    """

    def __init__(self, stop: StopSignal, *, timeout_s: float, connect_timeout_s: float) -> None:
        self._stop = stop
        now = time.monotonic()
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self.deadline = now + timeout_s
        self.connect_deadline = now + min(timeout_s, connect_timeout_s)
        self.stage = "waiting for one of our connections"
        self.is_connecting = False
        self.is_handshake = False
        self.is_reused = True
        self.has_answer = False
        self.has_ended = False
        self.is_with_proxy = False

    def check(self) -> float:
        """Seconds left.

        Raises:
            Stopped: the stop was set.
            DeadlinePassed: the exchange, or its connect, had its time.
        """
        self._check_stop()
        limit = self.connect_deadline if self.is_connecting else self.deadline
        left_s = limit - time.monotonic()
        if left_s <= 0:
            allowed_s = self._connect_timeout_s if limit < self.deadline else self._timeout_s
            raise DeadlinePassed(f"not done within {allowed_s:g} s")
        return left_s

    def begin_connect(self) -> None:
        """A connection is being made: the short time limit holds until `end_connect`, and counts from now."""
        self.is_connecting, self.is_reused = True, False
        self.connect_deadline = min(self.deadline, time.monotonic() + self._connect_timeout_s)

    def end_connect(self) -> None:
        """The connection, with TLS if there is any, stands."""
        self.is_connecting = self.is_handshake = False

    def wait(self, wanted: Mapping[int, int], *, at_most_s: float | None = None) -> frozenset[int]:
        """Wait until one of the descriptors is ready for its ``select.POLL…`` mask; the ready ones.

        Empty only when `at_most_s` seconds passed first.

        Raises:
            Stopped, DeadlinePassed: as `check`.
        """
        poll = select.poll()
        poll.register(self._stop.fileno(), select.POLLIN)
        for descriptor, mask in wanted.items():
            poll.register(descriptor, mask)
        while True:
            left_s = self.check()
            # Rounded up: a wait that ends too early by less than a millisecond would spin.
            ready = poll.poll(math.ceil(min(left_s, left_s if at_most_s is None else at_most_s) * 1000))
            self._check_stop()
            if ready or (at_most_s is not None and at_most_s < left_s):
                return frozenset(descriptor for descriptor, _ in ready)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped
