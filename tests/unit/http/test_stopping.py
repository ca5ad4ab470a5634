"""The stop ends a fetch wherever it waits, at once; and what was ended leaves nothing behind."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config_sync.errors import ServiceUnavailable, Stopped
from config_sync.http.fetching import Fetcher
from config_sync.http.tls import Tls
from config_sync.stop import Stop
from tests import faults
from tests.faults import FaultServer, answer
from tests.waiting import eventually

SOON_S = 20.0
"""A few milliseconds on a machine that is not busy; the fetches themselves have 90 s."""


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    made = Fetcher(Tls(), connect_timeout_s=90)
    yield made
    made.close()


class Running:
    """A fetch in a thread of its own, that only the stop can end."""

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self.stop = Stop()
        self.ended: float | None = None
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(fetcher, url), daemon=True)
        self.thread.start()

    def _run(self, fetcher: Fetcher, url: str) -> None:
        try:
            fetcher.get(url, {}, timeout_s=90, max_bytes=1 << 40, stop=self.stop)
        except BaseException as error:  # noqa: BLE001  # the test looks at it
            self.error = error
        self.ended = time.monotonic()

    def end(self) -> float:
        """Set the stop; how long the fetch took to end, in seconds."""
        began = time.monotonic()
        self.stop.set()
        self.thread.join(timeout=60)
        assert self.ended is not None
        assert isinstance(self.error, Stopped)
        return self.ended - began


@pytest.mark.parametrize(
    "behaviour",
    [faults.half_open, faults.drip_headers(), faults.drip_body(), faults.endless],
    ids=["silence", "dripping-headers", "dripping-body", "endless-body"],
)
def test_a_stop_from_another_thread_ends_a_fetch(fetcher: Fetcher, behaviour: faults.Behaviour) -> None:
    with FaultServer(behaviour) as server:
        running = Running(fetcher, server.url)
        eventually(lambda: server.requests)
        assert running.end() < SOON_S
        eventually(lambda: server.open_connections == 0)


def test_a_stop_ends_a_connect_that_hangs(fetcher: Fetcher) -> None:
    with faults.unanswering_port() as port:
        before = _connecting_to(port)  # those that fill its backlog
        running = Running(fetcher, f"http://127.0.0.1:{port}")
        eventually(lambda: _connecting_to(port) > before)
        assert running.end() < SOON_S


def test_a_stop_ends_a_handshake_that_hangs(fetcher: Fetcher) -> None:
    with FaultServer(faults.half_open) as server:  # it takes the client's greeting for the start of a request
        running = Running(fetcher, f"https://127.0.0.1:{server.port}")
        eventually(lambda: server.connections)
        assert running.end() < SOON_S


def test_a_stop_ends_the_wait_for_a_slot() -> None:
    fetcher = Fetcher(Tls(), slots=1)
    with FaultServer(faults.half_open) as server:
        first = Running(fetcher, server.url)
        eventually(lambda: server.requests)
        second = Running(fetcher, server.url)
        assert second.end() < SOON_S
        assert first.end() < SOON_S
    fetcher.close()


def test_the_wait_for_a_slot_counts_for_the_deadline() -> None:
    fetcher = Fetcher(Tls(), slots=1)
    with FaultServer(faults.half_open) as server:
        running = Running(fetcher, server.url)
        eventually(lambda: server.requests)
        with pytest.raises(ServiceUnavailable, match=r"waiting for one of our connections: not done within 0\.1 s"):
            fetcher.get(server.url, {}, timeout_s=0.1, max_bytes=1, stop=Stop())
        running.end()
    fetcher.close()


def test_nothing_is_sent_once_the_stop_is_set(fetcher: Fetcher) -> None:
    stop = Stop()
    stop.set()
    with FaultServer(answer(200)) as server:
        with pytest.raises(Stopped):
            fetcher.get(server.url, {}, timeout_s=5, max_bytes=1, stop=stop)
    assert server.connections == 0


def test_after_two_hundred_stopped_fetches_a_good_one_works(fetcher: Fetcher) -> None:
    with FaultServer(faults.half_open) as server:

        def fetch_and_stop(_: int) -> None:
            stop = Stop()
            timer = threading.Timer(0.005, stop.set)
            timer.start()
            with contextlib.suppress(Stopped):
                fetcher.get(server.url, {}, timeout_s=30, max_bytes=1, stop=stop)
            timer.join()

        with ThreadPoolExecutor(16) as threads:  # twice the slots: some are stopped while they wait for one
            list(threads.map(fetch_and_stop, range(200)))
        eventually(lambda: server.open_connections == 0)
        server.behaviour = answer(200, b"good")
        with ThreadPoolExecutor(8) as threads:  # every slot works
            bodies = threads.map(
                lambda _: fetcher.get(server.url, {}, timeout_s=60, max_bytes=10, stop=Stop()).body, range(8)
            )
            assert list(bodies) == [b"good"] * 8


def test_at_most_eight_fetches_are_under_way(fetcher: Fetcher) -> None:
    with FaultServer(faults.half_open) as server:
        running = [Running(fetcher, server.url) for _ in range(12)]
        eventually(lambda: len(server.requests) == 8)
        assert server.open_connections == 8
        for one in running:
            one.end()
    assert len(server.requests) <= 12


def test_a_private_ca_stays_the_only_one_after_a_plain_fetch_in_the_same_slot(
    ca_file: Path, good_tls: ssl.SSLContext
) -> None:
    fetcher = Fetcher(Tls(str(ca_file)), slots=1)
    with FaultServer(answer(200, b"plain")) as plain, FaultServer(answer(200, b"tls"), tls=good_tls) as server:
        for url, body in ((plain.url, b"plain"), (server.url, b"tls"), (plain.url, b"plain")):
            assert fetcher.get(url, {}, timeout_s=60, max_bytes=10, stop=Stop()).body == body
        fetcher.close()


def _connecting_to(port: int) -> int:
    """How many sockets are in SYN_SENT (02) towards the port: proc_net_tcp.txt of the kernel."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2] == f"0100007F:{port:04X}" and row[3] == "02" for row in rows)
