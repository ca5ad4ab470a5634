"""What is refused before anything is sent, the published order and defaults, and the one warning."""

from __future__ import annotations

import dataclasses
import inspect
import logging
from urllib.parse import unquote, urlsplit

import config_client
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import config_sync
from config_sync import AsyncConfigClient, AsyncOptions, ConfigClient, ConfigClientError, Format, GetOptions, Options
from config_sync.sdk.options import config_ref
from config_sync.sdk.requests import Requests
from tests.faults import FaultServer, answer
from tests.service import KEY, TOKEN
from tests.unit.sdk.asking import SHAPES, ask, gives

HOST = "https://config.example.com"
VARIABLES = {"CONFIG_SERVICE_HOST": HOST, "CONFIG_SERVICE_TOKEN": TOKEN, "CONFIG_SERVICE_KEY": KEY}


def test_the_options_have_the_published_order_and_defaults() -> None:
    theirs = [(one.name, one.default) for one in dataclasses.fields(config_client.Options)]
    for mine in (Options, AsyncOptions):
        assert [(one.name, one.default) for one in dataclasses.fields(mine)] == theirs
    assert dataclasses.astuple(GetOptions()) == ("", 0)


def test_every_published_name_is_here_and_takes_what_it_took() -> None:
    assert set(config_client.__all__) <= set(config_sync.__all__)
    for name in ("get", "get_raw", "get_bytes", "get_formatted", "list", "watch", "watch_and_decode", "close"):
        theirs = inspect.signature(getattr(config_client.ConfigClient, name)).parameters
        for kind in (ConfigClient, AsyncConfigClient):
            mine = inspect.signature(getattr(kind, name)).parameters
            assert [(one.name, one.default, one.kind) for one in mine.values()] == [
                (one.name, one.default, one.kind) for one in theirs.values()
            ]
    for name in config_client.__all__:
        theirs_is_error = isinstance(getattr(config_client, name), type) and issubclass(
            getattr(config_client, name), Exception
        )
        if theirs_is_error:
            assert issubclass(getattr(config_sync, name), ConfigClientError)


def test_formats_look_as_published() -> None:
    for mine, theirs in zip(Format, config_client.Format, strict=True):
        assert (mine.name, mine.value, str(mine), mine == theirs.value) == (
            theirs.name, theirs.value, str(theirs), True,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("host", one) for one in ("", "config.example.com", "ftp://a", "https://", "http://[::1", "http://a:99999")],
        *[("host", one) for one in ("https://user:pw@a", "https://a?b", "https://a#b", "https://a b", "http://a:0")],
        ("host", 7),
        ("host", "https://" + "\u00fc" * 70),
        *[("service_token", one) for one in ("", "two words", "line\n", "caf\u00e9", 7)],
        *[("encryption_key", one) for one in ("", KEY[:-1], KEY + "0", "g" * 64, " " + KEY[1:], 7)],
        *[("request_timeout", one) for one in (0, -1.0, float("nan"), float("inf"), True, None, "10")],
        *[("retry_count", one) for one in (-1, 1.5, True, None)],
        *[("retry_delay", one) for one in (-0.1, float("nan"), float("inf"), None)],
        ("on_error", "print"),
        ("on_change", 7),
        ("http_client", object()),
        ("http_client", "client"),
    ],
    ids=repr,
)
def test_an_invalid_option_is_refused_and_not_quoted(name: str, value: object) -> None:
    options: dict[str, object] = {"host": HOST, "service_token": TOKEN, "encryption_key": KEY, name: value}
    for make in (Options, AsyncOptions):
        with pytest.raises(ConfigClientError, match=f"^Options\\.{name} ") as caught:
            make(**options)  # type: ignore[arg-type]
        assert TOKEN not in str(caught.value)
        assert KEY[:-1] not in str(caught.value)


def test_a_sync_client_is_no_async_one() -> None:
    with httpx.Client() as client, pytest.raises(ConfigClientError, match=r"must be an httpx\.AsyncClient"):
        AsyncOptions(HOST, TOKEN, KEY, client)  # type: ignore[arg-type]
    with pytest.raises(ConfigClientError, match=r"must be an httpx\.Client"):
        Options(HOST, TOKEN, KEY, httpx.AsyncClient())  # type: ignore[arg-type]


def test_options_that_became_invalid_are_refused_when_used() -> None:
    options = Options(HOST, TOKEN, KEY)
    options.retry_count = -1
    with pytest.raises(ConfigClientError, match="retry_count"):
        ConfigClient(options)


@pytest.mark.parametrize("missing", VARIABLES)
def test_a_missing_variable_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    for kind in (ConfigClient, AsyncConfigClient):
        made = kind.from_env()
        assert HOST in repr(made)
        if isinstance(made, ConfigClient):
            made.close()
    for is_set in (True, False):
        monkeypatch.setenv(missing, "")
        if not is_set:
            monkeypatch.delenv(missing)
        for kind in (ConfigClient, AsyncConfigClient):
            with pytest.raises(ConfigClientError, match=missing):
                kind.from_env()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", ["get_raw", "get_bytes", "get_formatted"])
@pytest.mark.parametrize(
    "name", ["", ".", "..", "../list", "a/b", "a\\b", "a?b", "a#b", "a%2fb", "a b", "a\nb", "a\0b", "\ud800", "a" * 254]
)
def test_a_name_that_would_leave_its_segment_is_refused_before_any_request(shape: str, method: str, name: str) -> None:
    with FaultServer(answer(200)) as server:
        with pytest.raises(ConfigClientError, match="not a config name") as caught:
            ask(shape, server.url, method, name=name)
    assert type(caught.value) is ConfigClientError
    assert server.connections == 0


@given(st.text())
def test_any_name_stays_in_its_segment_or_is_refused(name: str) -> None:
    requests = Requests(Options("https://config.example.com/base", TOKEN, KEY))
    try:
        url = requests.config(config_ref(name, GetOptions(environment=name))).url
    except ConfigClientError:
        return
    parts = urlsplit(url)
    segments = parts.path.split("/")
    assert segments[:-1] == ["", "base", "api", "v1", "service", "configs"]
    assert unquote(segments[-1]) == name
    assert unquote(parts.query) == f"environment={name}"
    assert url.isascii()


@pytest.mark.parametrize("shape", SHAPES)
def test_options_of_a_request_travel(shape: str) -> None:
    with FaultServer(gives({"a": 1})) as server:
        ask(shape, server.url, opts=GetOptions("stag ing&x", 7))
        ask(shape, server.url + "/", opts=GetOptions())
    assert [one.target for one in server.requests] == [
        "/api/v1/service/configs/app?environment=stag%20ing%26x&version=7",
        "/api/v1/service/configs/app",
    ]


@pytest.mark.parametrize(
    "opts", [GetOptions(version=-1), GetOptions(version=2**63), GetOptions(environment="\ud800")], ids=ascii
)
def test_invalid_options_of_a_request_are_refused_before_it(opts: GetOptions) -> None:
    with FaultServer(answer(200)) as server, pytest.raises(ConfigClientError, match="GetOptions"):
        ask("sync", server.url, opts=opts)
    assert server.connections == 0


def test_an_unknown_format_is_refused() -> None:
    with ConfigClient(Options(HOST, TOKEN, KEY)) as client:
        with pytest.raises(ConfigClientError, match="a format is one of"):
            client.get_formatted("app", "toml")  # type: ignore[arg-type]


def test_plain_http_to_another_machine_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    for host in ("http://plain.example", "http://plain.example:8080", "http://127.0.0.1:1", "http://[::1]:1", HOST):
        with ConfigClient(Options(host, TOKEN, KEY)):
            pass
    assert [one.message for one in caplog.records if one.levelno >= logging.WARNING] == [
        "plain.example is plain http: others on the way can read the token, and swap one config for another"
    ]


def test_plain_http_works() -> None:
    with FaultServer(gives({"a": 1})) as server:
        assert ask("sync", f"http://0.0.0.0:{server.port}") == {"a": 1}


def test_repr_hides_the_secrets() -> None:
    options, others = Options(HOST, TOKEN, KEY), AsyncOptions(HOST, TOKEN, KEY)
    with ConfigClient(options) as client:
        shown = f"{options!r} {others!r} {client!r} {AsyncConfigClient(others)!r} {Requests(options)!r}"
    assert HOST in shown
    assert TOKEN not in shown
    assert KEY not in shown
