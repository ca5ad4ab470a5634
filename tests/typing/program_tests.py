"""A program's own tests, as their type checker sees them."""

from __future__ import annotations

from typing import assert_type

from config_sync import AsyncConfigClient, AsyncOptions, ConfigClient, Options
from config_sync.testing import ConfigService


def test_reads_its_port(config_service: ConfigService) -> None:
    config_service.write("app", {"port": 8080}, environment="production")
    assert_type(config_service.options(retry_count=1), Options)
    assert_type(config_service.async_options(), AsyncOptions)
    assert_type(config_service.environment, dict[str, str])
    with ConfigClient(config_service.options()) as client:
        assert client.get("app", dict) == {"port": 8080}
    AsyncConfigClient(config_service.async_options())
