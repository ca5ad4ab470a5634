"""Which proxy is meant: by a URL, by the environment, and by its exceptions. A password is shown by nothing."""

from __future__ import annotations

import base64

import pytest

from config_sync.http.proxy import Proxy, ProxyRefusal, is_excepted, of_environment, parse_proxy


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("text", "host", "port", "authorization"),
    [
        ("http://proxy.example:3128", "proxy.example", 3128, None),
        ("http://proxy.example:3128/", "proxy.example", 3128, None),
        ("proxy.example:3128", "proxy.example", 3128, None),
        ("http://proxy.example", "proxy.example", 80, None),
        ("http://192.0.2.1:8080", "192.0.2.1", 8080, None),
        ("http://[2001:db8::1]:8080", "2001:db8::1", 8080, None),
        ("http://ann:hunter2@proxy.example:3128", "proxy.example", 3128, basic("ann:hunter2")),
        ("http://ann:p%40%3Aw%2F%C3%A9@proxy.example:1", "proxy.example", 1, basic("ann:p@:w/é")),
        ("http://ann@proxy.example:1", "proxy.example", 1, basic("ann:")),
    ],
    ids=["plain", "slash", "no-scheme", "no-port", "v4", "v6", "auth", "encoded", "no-password"],
)
def test_a_url_becomes_an_address_and_a_header(text: str, host: str, port: int, authorization: str | None) -> None:
    assert parse_proxy(text) == Proxy(host, port, authorization)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("socks5://ann:hunter2@proxy.example:1080", "SOCKS proxies are not supported"),
        ("socks5h://proxy.example:1080", "SOCKS proxies are not supported"),
        ("https://ann:hunter2@proxy.example:3128", "TLS to the proxy itself is not supported"),
        ("ftp://ann:hunter2@proxy.example", "expected the URL of an HTTP proxy"),
        ("http://ann:hunter2@", "the host or port is malformed"),
        ("http://ann:hunter2@proxy.example:http", "the port is malformed"),
        ("http://ann:hunter2@proxy.example:0", "the host or port is malformed"),
        ("http://ann:hunter2@[::1", "malformed"),
        ("http://ann:hun/ter2@proxy.example:1", "without a path"),
        ("http://ann:hun ter2@proxy.example:1", "a blank"),
        ("http://ann:hunter2@proxy.example:1/path", "without a path"),
        ("http://proxy.example:1?hunter2", "without a path"),
        ("", "malformed"),
    ],
    ids=[
        "socks5", "socks5h", "tls", "ftp", "no-host", "port", "port-0", "v6", "slash-in-password", "blank", "path",
        "query", "empty",
    ],
)  # fmt: skip
def test_what_is_no_http_proxy_is_refused_without_quoting_it(text: str, says: str) -> None:
    with pytest.raises(ProxyRefusal, match=says) as caught:
        parse_proxy(text)
    for secret in ("hunter2", "ter2", "ann"):
        assert secret not in f"{caught.value} {caught.value.hint}"
    assert caught.value.__cause__ is None


def test_a_proxy_shows_its_origin_and_never_its_user() -> None:
    proxy = parse_proxy("http://ann:hunter2@proxy.example:3128")
    assert proxy.origin == "http://proxy.example:3128"
    for secret in ("ann", "hunter2", base64.b64encode(b"ann:hunter2").decode()):
        assert secret not in f"{proxy!r} {proxy} {proxy.origin}"


PROXY = "http://proxy.example:1"


@pytest.mark.parametrize(
    ("url", "environ", "found"),
    [
        ("https://config.example", {"HTTPS_PROXY": PROXY}, True),
        ("https://config.example", {"https_proxy": PROXY, "HTTPS_PROXY": "socks5://no"}, True),
        ("https://config.example", {"https_proxy": "", "HTTPS_PROXY": PROXY}, True),
        ("https://config.example", {"HTTP_PROXY": PROXY}, False),
        ("http://config.example", {"HTTP_PROXY": PROXY}, True),
        ("http://config.example", {"HTTPS_PROXY": PROXY}, False),
        ("https://config.example", {"ALL_PROXY": PROXY}, True),
        ("http://config.example", {"all_proxy": PROXY, "http_proxy": PROXY}, True),
        ("https://config.example", {}, False),
        ("https://config.example", {"HTTPS_PROXY": PROXY, "NO_PROXY": "config.example"}, False),
        ("https://config.example", {"HTTPS_PROXY": PROXY, "no_proxy": "", "NO_PROXY": "*"}, False),
        ("https://localhost:8080", {"HTTPS_PROXY": PROXY}, False),
        ("http://127.0.0.1:8080", {"ALL_PROXY": PROXY}, False),
    ],
    ids=[
        "https", "lower-first", "empty-is-unset", "other-scheme", "http", "other-scheme-too", "all", "both", "none",
        "excepted", "all-excepted", "this-machine", "loopback",
    ],
)  # fmt: skip
def test_the_environment_names_a_proxy_by_scheme(url: str, environ: dict[str, str], found: bool) -> None:
    assert of_environment(url, environ) == (Proxy("proxy.example", 1) if found else None)


def test_a_variable_that_is_no_proxy_is_named_and_not_quoted() -> None:
    with pytest.raises(ProxyRefusal, match=r"^\$HTTPS_PROXY: SOCKS") as caught:
        of_environment("https://config.example", {"HTTPS_PROXY": "socks5://ann:hunter2@x"})
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("host", "no_proxy", "excepted"),
    [
        ("config.example", "config.example", True),
        ("a.config.example", "config.example", True),
        ("a.config.example", ".config.example", True),
        ("config.example", ".config.example", True),
        ("a.config.example", "*.config.example", True),
        ("badconfig.example", "config.example", False),
        ("config.example", "other.example, CONFIG.example", True),
        ("config.example", "other.example config.example", True),
        ("config.example", "config.example:443", True),
        ("config.example", "config.example:8443", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("2001:db8::1", "2001:db8::/32", True),
        ("2001:db8::1", "[2001:db8::1]", True),
        ("2001:db8::1", "[2001:db8::1]:443", True),
        ("config.example", "", False),
        ("config.example", ",, .", False),
        ("config.example", "*", True),
        ("config.example", "10.0.0.0/8", False),
    ],
)
def test_what_no_proxy_excepts(host: str, no_proxy: str, excepted: bool) -> None:
    assert is_excepted(host, 443, no_proxy) is excepted
