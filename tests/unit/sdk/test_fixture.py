"""`config_sync.testing` as a program's own tests use it: in a pytest of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFTEST = 'pytest_plugins = ["config_sync.testing"]\n'

TESTS = """
import asyncio
import threading

import pytest

from config_sync import AsyncConfigClient, ConfigClient, NotFoundError, Snapshot
from config_sync.testing import ConfigService


def test_reads_its_port(config_service: ConfigService) -> None:
    config_service.write("my-app", {"port": 8080})
    config_service.write("my-app", {"port": 80}, environment="production")
    with ConfigClient(config_service.options()) as client:
        assert client.get("my-app", dict) == {"port": 8080}


def test_starts_empty_and_forgets(config_service: ConfigService) -> None:
    with ConfigClient(config_service.options()) as client:
        assert client.list() == []
        config_service.write("my-app", b'{"raw": 1.10}')
        assert client.get_bytes("my-app") == b'{"raw": 1.10}'
        config_service.remove("my-app")
        with pytest.raises(NotFoundError):
            client.get("my-app", dict)


def test_sees_a_change(config_service: ConfigService) -> None:
    config_service.write("my-app", {"port": 1})
    snapshot: Snapshot[dict[str, object]] = Snapshot()
    with ConfigClient(config_service.options()) as client:
        thread = threading.Thread(target=client.watch_and_decode, args=("my-app", dict, snapshot))
        thread.start()
        assert snapshot.wait_for_change(5, since=0)
        config_service.write("my-app", {"port": 2})
        assert snapshot.wait_for_change(5, since=1)
        assert snapshot.load() == {"port": 2}
    thread.join(60)


def test_async(config_service: ConfigService, monkeypatch: pytest.MonkeyPatch) -> None:
    config_service.write("my-app", {"port": 1})
    for name, value in config_service.environment.items():
        monkeypatch.setenv(name, value)

    async def story() -> None:
        async with AsyncConfigClient(config_service.async_options()) as client:
            assert await client.get("my-app", dict) == {"port": 1}
        async with AsyncConfigClient.from_env() as client:
            assert await client.get("my-app", dict) == {"port": 1}

    asyncio.run(story())


def test_an_outage(config_service: ConfigService) -> None:
    config_service.stop()


def test_what_cannot_be_served(config_service: ConfigService) -> None:
    with pytest.raises(ValueError, match="does not serve my-app: the document is not JSON"):
        config_service.write("my-app", b"{")
"""

WITHOUT_SERVE = """
import sys

sys.modules["starlette"] = None
pytest_plugins = ["config_sync.testing"]
"""


def run_pytest(folder: Path, conftest: str) -> tuple[int, str]:
    """A program's own test run."""
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_app.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_program_tests_itself_against_a_real_service(tmp_path: Path) -> None:
    code, said = run_pytest(tmp_path, CONFTEST)
    assert (code, "6 passed" in said) == (0, True), said


def test_without_the_extra_the_fixture_says_what_to_install(tmp_path: Path) -> None:
    code, said = run_pytest(tmp_path, WITHOUT_SERVE)
    assert code == 1
    assert "pip install 'config-sync[serve]'" in said
    assert "Traceback" not in said
