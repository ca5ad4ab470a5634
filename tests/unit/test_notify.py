"""What a service manager hears, on a real datagram socket."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A listening socket and the NOTIFY_SOCKET that names it."""
    name = f"config-sync-test-{os.getpid()}"
    is_abstract = request.param == "abstract"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(60)
        listener.bind(f"\0{name}" if is_abstract else str(tmp_path / "notify"))
        yield listener, f"@{name}" if is_abstract else str(tmp_path / "notify")


def test_each_message_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    listener, address = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
    assert notifier.watchdog_s == 30.0
    assert all(
        [
            notifier.extend(12.5),
            notifier.status("waiting for my-service:\nREADY=1"),
            notifier.ready(status="3 targets"),
            notifier.watchdog(),
            notifier.stopping(),
        ]
    )
    assert [listener.recv(4096) for _ in range(5)] == [
        b"EXTEND_TIMEOUT_USEC=12500000",
        b"STATUS=waiting for my-service: READY=1",
        b"READY=1\nSTATUS=3 targets",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


def test_reloading_carries_its_moment_in_the_same_datagram(manager: tuple[socket.socket, str]) -> None:
    listener, address = manager
    before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert Notifier.from_environment({"NOTIFY_SOCKET": address}).reloading()
    first, second = listener.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    key, _, moment = second.partition("=")
    assert key == "MONOTONIC_USEC"
    assert before_us <= int(moment) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


@pytest.mark.parametrize("address", ["", "relative", "/", "@", "vsock:2:1234"])
def test_without_a_usable_socket_nothing_is_sent_and_nothing_fails(address: str) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address} if address else {})
    assert not notifier.ready()
    assert not notifier.watchdog()


@pytest.mark.parametrize("address", ["/nonexistent/notify", "/" + "x" * 300, "/nul\0inside"])
def test_a_socket_that_cannot_be_reached_is_no_error(address: str) -> None:
    assert not Notifier.from_environment({"NOTIFY_SOCKET": address}).ready()


def test_a_manager_that_does_not_read_holds_nobody_for_ever(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
            filler.setblocking(False)
            filler.connect(str(tmp_path / "notify"))
            with contextlib.suppress(BlockingIOError):
                while True:
                    filler.send(b"x")
            started_at = time.monotonic()
            assert not Notifier.from_environment({"NOTIFY_SOCKET": str(tmp_path / "notify")}).ready()
            assert time.monotonic() - started_at < 300


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"WATCHDOG_USEC": "2000000"}, 2.0, id="everyone"),
        pytest.param({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 2.0, id="us"),
        pytest.param({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, None, id="another"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="off"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="nonsense"),
        pytest.param({}, None, id="none"),
    ],
)
def test_the_watchdog_is_heard_only_where_it_is_meant(given: dict[str, str], expected: float | None) -> None:
    assert Notifier.from_environment({"NOTIFY_SOCKET": "/run/x"} | given).watchdog_s == expected
