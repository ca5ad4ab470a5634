from __future__ import annotations

import pytest

from config_sync.webserver.answers import HEALTH, Page, Request, Response, Site, answer, is_here, is_local_host

SITE = Site(
    health=lambda kind: (kind == "live", f"{kind} said"),
    metrics=lambda: "metrics\n",
    status=lambda: b"{}",
    page=lambda: Page("<html>", "aGFzaA=="),
)


def ask(
    target: str, *, method: str = "GET", host: str | None = "localhost:9180", is_from_here: bool = True
) -> Response:
    return answer(Request(method, target, host, is_from_here), SITE)


@pytest.mark.parametrize("path", HEALTH)
def test_health_is_200_or_503_with_one_line(path: str) -> None:
    made = ask(path)
    assert made.status == (200 if path == "/livez" else 503)
    assert made.body == f"{HEALTH[path]} said\n".encode()


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz", "/metrics"])
def test_health_and_metrics_are_for_everybody(path: str) -> None:
    assert ask(path, host="other.example", is_from_here=False).status in (200, 503)
    assert ask(path, host=None, is_from_here=False).status in (200, 503)


@pytest.mark.parametrize("path", ["/", "/status", "/?x=1", "/status?x"])
def test_the_status_is_for_this_machine(path: str) -> None:
    assert ask(path).status == 200
    assert ask(path, is_from_here=False).status == 403
    assert ask(path, host="rebound.example").status == 403
    assert ask(path, host=None).status == 403


@pytest.mark.parametrize(
    "path", ["/x", "/status/", "/livez/../status", "//", "http://localhost/status", "*", "", "/LIVEZ"]
)
def test_nothing_else_is_there(path: str) -> None:
    assert ask(path).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"])
def test_only_reading_is_possible(method: str) -> None:
    made = ask("/metrics", method=method)
    assert made.status == 405
    assert ("Allow", "GET, HEAD") in made.extra


def test_the_page_may_load_nothing_but_its_own_style() -> None:
    policy = dict(ask("/").extra)["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-aGFzaA=='")
    assert "script" not in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:80", "127.0.0.1", "127.0.0.1:9180", "127.1.2.3", "[::1]", "[::1]:9180"]
)
def test_this_machine_by_its_literal(host: str) -> None:
    assert is_local_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "", "example.com", "localhost.example.com", "127.0.0.1.example.com", "127.1", "::1", "[::2]", "[::1]x",
        "localhost:", "localhost:80:80", "0.0.0.0", "10.0.0.1", "localhost/", "user@localhost", "127.0.0.256",
        "[localhost]x",
    ],
)  # fmt: skip
def test_any_other_name_is_not_this_machine(host: str) -> None:
    assert not is_local_host(host)


def test_our_end_of_a_connection() -> None:
    assert all(is_here(one) for one in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"))
    assert not any(is_here(one) for one in ("10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "0.0.0.0", "x", ""))
