"""What bounds one exchange, also where bytes are always there and nothing ever waits."""

from __future__ import annotations

import select
import socket
import time

import pytest

from config_sync.errors import Stopped
from config_sync.http.exchange import Exchange
from config_sync.http.failures import DeadlinePassed
from config_sync.http.wire import Backend, Wire
from config_sync.stop import Stop


def test_bytes_that_are_there_are_not_read_after_the_stop_or_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"a" * 1000)
        ours.setblocking(False)
        backend, stop = Backend(), Stop()
        wire = Wire(ours, backend)
        backend.exchange = Exchange(stop, timeout_s=60, connect_timeout_s=60)
        assert wire.read(1) == b"a"
        stop.set()
        with pytest.raises(Stopped):
            wire.read(1)
        backend.exchange = Exchange(Stop(), timeout_s=0, connect_timeout_s=60)
        with pytest.raises(DeadlinePassed):
            wire.read(1)


def test_a_wait_ends_with_what_is_ready() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        exchange = Exchange(Stop(), timeout_s=60, connect_timeout_s=60)
        assert exchange.wait({ours.fileno(): select.POLLIN}, at_most_s=0.01) == frozenset()
        theirs.send(b"a")
        wanted = {ours.fileno(): select.POLLIN, theirs.fileno(): select.POLLIN}
        assert exchange.wait(wanted) == {ours.fileno()}


def test_the_limit_of_the_connect_ends_with_the_connect() -> None:
    exchange = Exchange(Stop(), timeout_s=60, connect_timeout_s=0)
    exchange.begin_connect()
    with pytest.raises(DeadlinePassed, match="within 0 s"):
        exchange.check()
    exchange.end_connect()
    assert exchange.check() > 50


def test_a_wait_is_not_ended_early_by_its_rounding() -> None:
    exchange = Exchange(Stop(), timeout_s=0.0505, connect_timeout_s=60)
    began = time.monotonic()
    with pytest.raises(DeadlinePassed):
        exchange.wait({})
    assert time.monotonic() - began >= 0.0505
