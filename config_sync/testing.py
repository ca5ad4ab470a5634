"""The embedded Config Service for a program's own tests, as a pytest fixture.

In the program's ``conftest.py``::

    pytest_plugins = ["config_sync.testing"]

and in a test::

    def test_reads_its_port(config_service: ConfigService) -> None:
        config_service.write("my-app", {"port": 8080})
        with ConfigClient(config_service.options()) as client:
            assert client.get("my-app", dict) == {"port": 8080}

Needs pytest, and the extra ``serve``. The service is a real one, over HTTP on a loopback port of its own.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService, start
from config_sync.document import parse_document
from config_sync.errors import DocumentRefused, UsageError
from config_sync.sdk.client import ConfigClient
from config_sync.sdk.errors import NotFoundError
from config_sync.sdk.options import AsyncOptions, GetOptions, Options, config_name

__all__ = ["ConfigService", "config_service"]

_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.005


class ConfigService:
    """A running embedded service over an empty folder of its own."""

    def __init__(self, running: RunningService, directory: Path) -> None:
        self._running = running
        self._directory = directory

    @property
    def url(self) -> str:
        """Its base URL."""
        return self._running.url

    @property
    def environment(self) -> dict[str, str]:
        """The three ``CONFIG_SERVICE_*`` variables, for `from_env` or a process of one's own."""
        return self._running.environment

    def options(
        self,
        *,
        request_timeout: float = 10.0,
        retry_count: int = 0,
        retry_delay: float = 0.01,
        on_error: Callable[[Exception], None] | None = None,
        on_change: Callable[[str], None] | None = None,
    ) -> Options:
        """For a `ConfigClient` of it. The defaults are a test's: nothing is retried, lost streams come back at once."""
        return Options(
            self.url,
            self._running.token.reveal(),
            self._running.key.raw.hex(),
            request_timeout=request_timeout,
            retry_count=retry_count,
            retry_delay=retry_delay,
            on_error=on_error,
            on_change=on_change,
        )

    def async_options(self) -> AsyncOptions:
        """The same for an `AsyncConfigClient`; set callbacks on what it gives."""
        one = self.options()
        return AsyncOptions(
            one.host,
            one.service_token,
            one.encryption_key,
            request_timeout=one.request_timeout,
            retry_count=one.retry_count,
            retry_delay=one.retry_delay,
        )

    def write(self, name: str, document: object, *, environment: str = "") -> None:
        """Make `document` the newest version of a config, and return once the service gives it.

        Bytes are served as they are, anything else as JSON. Watchers are told, unless it is what was there already.

        Raises:
            ConfigClientError: the name is invalid.
            ValueError: the service does not serve it: it is no JSON document.
        """
        raw = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
        try:
            parse_document(raw)
        except DocumentRefused as error:
            raise ValueError(f"the service does not serve {name}: {error}") from None
        path = self._path(name, environment)
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_bytes(raw)
        temporary.replace(path)
        with ConfigClient(self.options()) as client:
            opts = GetOptions(environment=environment)
            if not _eventually(lambda: _bytes_of(client, name, opts) == raw):
                raise TimeoutError(f"the service does not serve {name} within {_WITHIN_S:g} s")

    def remove(self, name: str, *, environment: str = "") -> None:
        """Take a config away; returns once the service answers 404 (or, in an environment, the one for all)."""
        path = self._path(name, environment)
        raw = path.read_bytes()
        path.unlink()
        with ConfigClient(self.options()) as client:
            opts = GetOptions(environment=environment)
            _eventually(lambda: _bytes_of(client, name, opts) != raw)

    def watchers(self, name: str) -> int:
        """How many streams are open on a config: what to wait for before a change that must be seen."""
        return self._running.watchers(name)

    def stop(self) -> None:
        """End it before the test does: every stream ends, and connects are refused."""
        self._running.stop()

    def _path(self, name: str, environment: str) -> Path:
        folder = self._directory / config_name(environment) if environment else self._directory
        return folder / f"{config_name(name)}.json"


@pytest.fixture
def config_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConfigService]:
    """An embedded Config Service with no configs yet, for one test."""
    directory = tmp_path_factory.mktemp("config-service")
    try:
        running = start(os.fspath(directory))
    except UsageError as error:
        pytest.fail(f"{error.message}: {error.hint}", pytrace=False)
    with running:
        yield ConfigService(running, directory)


def _bytes_of(client: ConfigClient, name: str, opts: GetOptions) -> bytes | None:
    try:
        return client.get_bytes(name, opts)
    except NotFoundError:
        return None


def _eventually(predicate: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _WITHIN_S
    while not predicate():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True
