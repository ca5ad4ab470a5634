"""URLs built in one place, and what every request carries."""

from __future__ import annotations

import pytest

from config_sync.client import Endpoint
from config_sync.credentials import default_token
from config_sync.errors import CredentialError
from config_sync.model import ConfigName, ConfigRef, Secret

BASE = "https://h:8443/api/v1/service/configs"


def endpoint(host: str = "https://h:8443") -> Endpoint:
    return Endpoint(host, default_token({"CONFIG_SERVICE_TOKEN": "t"}))


@pytest.mark.parametrize(
    ("ref", "url"),
    [
        (ConfigRef(ConfigName("app")), f"{BASE}/app"),
        (ConfigRef(ConfigName("app"), "staging"), f"{BASE}/app?environment=staging"),
        (ConfigRef(ConfigName("app"), version=3), f"{BASE}/app?version=3"),
        (
            ConfigRef(ConfigName("app"), "eu west/1&x=ü", 3),
            f"{BASE}/app?environment=eu%20west%2F1%26x%3D%C3%BC&version=3",
        ),
        (ConfigRef(ConfigName("app"), "", 0), f"{BASE}/app"),
        (ConfigRef(ConfigName("a..b;c@d:e+f&g=ü")), f"{BASE}/a..b%3Bc%40d%3Ae%2Bf%26g%3D%C3%BC"),
    ],
    ids=["plain", "environment", "version", "both-quoted", "defaults", "quoted-name"],
)
def test_a_config_has_its_url(ref: ConfigRef, url: str) -> None:
    assert endpoint().config_url(ref) == url


def test_the_other_urls() -> None:
    assert endpoint().list_url() == BASE
    assert endpoint().formatted_url(ConfigName("app"), "env") == f"{BASE}/app/formatted?format=env"
    assert endpoint().watch_url(ConfigName("app")) == f"{BASE}/app/watch"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("https://h/", "https://h/api/v1/service/configs"),
        ("https://h/tenant/a/", "https://h/tenant/a/api/v1/service/configs"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC/api/v1/service/configs"),
    ],
    ids=["slash", "prefix", "international"],
)
def test_a_base_url_may_be_written_in_several_ways(host: str, url: str) -> None:
    assert endpoint(host).list_url() == url


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "a\r\nX-Admin: yes", "tokén", "a\0b"], ids=ascii)
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(CredentialError) as caught:
        endpoint().headers(Secret(token))
    assert "CONFIG_SERVICE_TOKEN" in caught.value.message
    assert not token or token not in f"{caught.value.message} {caught.value.hint}"


def test_the_token_is_in_no_repr() -> None:
    made = Endpoint("https://h", default_token({"CONFIG_SERVICE_TOKEN": "SECRET-CANARY"}))
    assert "SECRET-CANARY" not in f"{made!r} {made.token!r}"
