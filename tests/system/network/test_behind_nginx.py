"""A real nginx with TLS between the agent and the service: whatever it does to streams, the file ends right."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import Home, home_at
from tests.service import write_config
from tests.system.network.proxy import Proxy, proxy_at
from tests.system.network.serving import service_process
from tests.system.network.surroundings import (
    NAME,
    condition,
    error_of,
    file_of,
    is_connected,
    lasting_port,
    number_in,
    publishes,
    settings_of,
    until_number,
    until_published,
)
from tests.waiting import eventually

pytestmark = pytest.mark.nginx

WATCH = f"/{NAME}/watch"


@pytest.fixture
def proxy(tmp_path: Path) -> Proxy:
    return proxy_at(tmp_path / "p")


@pytest.fixture
def home(tmp_path: Path, proxy: Proxy, configs: Path) -> Home:
    write_config(configs, NAME, {"n": 1})
    home = home_at(tmp_path / "h", proxy.url)
    home.configure(settings_of(home, ca_file=str(proxy.ca_file)))
    return home


@pytest.fixture
def upstream(configs: Path) -> Iterator[int]:
    """The port of a service that sends a comment every second."""
    port = lasting_port()
    with service_process(configs, port=port):
        yield port


def passing(port: int, *more: str) -> str:
    """A location that hands everything on."""
    return "\n".join([f"proxy_pass http://127.0.0.1:{port};", "proxy_http_version 1.1;", *more])


def until_cut(proxy: Proxy, *, times: int = 1) -> None:
    """Wait until so many more streams have ended."""
    before = proxy.asked(WATCH)
    eventually(lambda: proxy.asked(WATCH) >= before + times, within_s=60)


@contextlib.contextmanager
def settled_agent(home: Home) -> Iterator[None]:
    """An agent with the first version on disk, its consumer told, and TERM at the end answered by 0."""
    with home.agent() as agent:
        until_number(home, 1)
        until_published(home, 1)
        yield
        assert agent.end() == 0
        assert "Traceback" not in agent.err


@pytest.mark.parametrize("buffering", ["off", "on"])
def test_a_change_comes_by_the_stream_where_the_proxy_leaves_it_alone(
    home: Home, proxy: Proxy, configs: Path, upstream: int, buffering: str
) -> None:
    """Also with buffering on: the service says ``X-Accel-Buffering: no``."""
    home.configure(settings_of(home, ca_file=str(proxy.ca_file), idle_timeout="90s", connect_timeout="30s"))
    with proxy.running(passing(upstream, f"proxy_buffering {buffering};")), settled_agent(home):
        eventually(lambda: is_connected(home), within_s=60)
        for number in range(2, 6):
            write_config(configs, NAME, {"n": number})
            until_number(home, number)
            until_published(home, number)
        assert proxy.asked(WATCH) == 0, "one stream, which is still open: it is noted at its end"


def test_where_the_proxy_holds_the_stream_back_the_resync_finds_the_change(
    home: Home, proxy: Proxy, configs: Path, upstream: int
) -> None:
    """Buffering that the service cannot talk it out of: no byte of a stream arrives before some kilobytes of it."""
    home.configure(settings_of(home, ca_file=str(proxy.ca_file), resync="2s", idle_timeout="1s"))
    with proxy.running(passing(upstream, "proxy_buffering on;", "proxy_ignore_headers X-Accel-Buffering;")):
        with settled_agent(home):
            for number in range(2, 5):
                write_config(configs, NAME, {"n": number})
                until_number(home, number)
                until_published(home, number)
            eventually(lambda: home.target(NAME).get("state") == "synced")
            assert home.command("health", "ready").returncode == 0


def test_where_the_proxy_holds_every_stream_back_the_list_is_polled_and_that_is_told(
    home: Home, proxy: Proxy, configs: Path, upstream: int
) -> None:
    """The resync is an hour away: streams that bring no byte give way to the list of configs."""
    home.configure(settings_of(home, ca_file=str(proxy.ca_file), idle_timeout="1s", poll_interval="1s"))
    with proxy.running(passing(upstream, "proxy_buffering on;", "proxy_ignore_headers X-Accel-Buffering;")):
        with settled_agent(home):
            eventually(lambda: condition(home, "Connected").get("reason") == "Polled", within_s=120)
            for number in range(2, 4):
                write_config(configs, NAME, {"n": number})
                until_number(home, number, within_s=120)
                until_published(home, number)


def test_the_service_behind_the_proxy_restarts_and_what_changed_meanwhile_arrives(
    home: Home, proxy: Proxy, configs: Path
) -> None:
    port = lasting_port()
    with proxy.running(passing(port)), service_process(configs, port=port) as first, settled_agent(home):
        eventually(lambda: is_connected(home), within_s=60)
        first.terminate()
        first.wait(60)
        eventually(lambda: proxy.asked(WATCH, status=502) >= 2, within_s=60)
        eventually(lambda: not is_connected(home), within_s=60)
        write_config(configs, NAME, {"n": 2})
        assert number_in(home) == 1, "the last good file stays"
        assert home.command("health", "ready").returncode == 0
        with service_process(configs, port=port):
            until_number(home, 2)
            eventually(lambda: is_connected(home), within_s=60)
            until_published(home, 2)


def test_idle_cuts_lose_no_change_and_write_nothing_twice(home: Home, proxy: Proxy, configs: Path) -> None:
    """Nginx gives up an upstream that is silent for a second (60 as shipped), in the middle of the answer."""
    port = lasting_port()
    with (
        service_process(configs, port=port, keep_alive_s=600),
        proxy.running(passing(port, "proxy_read_timeout 1s;")),
        settled_agent(home),
    ):
        for number in range(2, 7):
            write_config(configs, NAME, {"n": number})
            until_number(home, number)
            until_published(home, number)
            until_cut(proxy)
        inode = file_of(home).stat().st_ino
        until_cut(proxy, times=3)
        assert file_of(home).stat().st_ino == inode
        assert publishes(home) == 6


@pytest.mark.parametrize("buffering", ["off", "on"])
def test_a_body_of_several_megabytes_arrives_whole(
    home: Home, proxy: Proxy, configs: Path, upstream: int, buffering: str
) -> None:
    home.configure(settings_of(home, ca_file=str(proxy.ca_file), max_size="8MiB"))
    with proxy.running(passing(upstream, f"proxy_buffering {buffering};")), settled_agent(home):
        for number in (2, 3):
            write_config(configs, NAME, {"n": number, "filling": ["0123456789abcdef" * 64] * 5000})
            until_number(home, number)
            assert file_of(home).stat().st_size > 5_000_000
        until_published(home, 3)


def test_a_body_over_the_limit_is_refused_and_the_last_good_file_stays(
    home: Home, proxy: Proxy, configs: Path, upstream: int
) -> None:
    with proxy.running(passing(upstream)), settled_agent(home):
        write_config(configs, NAME, {"n": 2, "filling": "0123456789abcdef" * 100_000})
        eventually(lambda: "over 1048576" in str(error_of(home).get("message")), within_s=60)
        assert "max_size" in str(error_of(home).get("hint"))
        assert number_in(home) == 1
        write_config(configs, NAME, {"n": 3})
        until_number(home, 3)


@pytest.mark.parametrize(
    ("status", "of_file", "of_watch"),
    [
        (200, "WrongContentType", "WrongContentType"),
        (404, "NotFound", "NotFound"),
        (500, "ServiceUnavailable", "ServiceUnavailable"),
        (503, "ServiceUnavailable", "ServiceUnavailable"),
    ],
    ids=["all_is_well", "not_found", "broken", "later"],
)
def test_an_error_page_of_the_proxy_is_told_and_never_reaches_the_file(
    home: Home, proxy: Proxy, configs: Path, upstream: int, status: int, of_file: str, of_watch: str
) -> None:
    home.configure(settings_of(home, ca_file=str(proxy.ca_file), resync="1s"))
    page = f'default_type text/html;\nreturn {status} "<html><h1>CANARY: one moment please</h1></html>";'
    with contextlib.ExitStack() as stack:
        before = stack.enter_context(contextlib.ExitStack())
        before.enter_context(proxy.running(passing(upstream)))
        stack.enter_context(settled_agent(home))
        good = file_of(home).read_bytes()
        before.close()
        with proxy.running(page):
            write_config(configs, NAME, {"n": 2})
            eventually(lambda: proxy.asked(f"/{NAME}", status=status) >= 2, within_s=60)
            eventually(lambda: proxy.asked(WATCH, status=status) >= 2, within_s=60)
            eventually(lambda: error_of(home).get("reason") == of_file, within_s=60)
            eventually(lambda: condition(home, "Connected").get("reason") == of_watch, within_s=60)
            told = home.command("status").stdout
            assert "CANARY" not in told
            assert "CANARY" not in (home.root / "run" / "status.json").read_text()
            assert file_of(home).read_bytes() == good
            assert publishes(home) == 1
        with proxy.running(passing(upstream)):
            until_number(home, 2)
            until_published(home, 2)
            eventually(lambda: is_connected(home), within_s=60)
