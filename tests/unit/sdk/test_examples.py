"""Every example of the SDK really runs, against the embedded service, and stops as it should."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync import ConfigClient, Options
from config_sync.devserver.server import RunningService
from tests.service import KEY, TOKEN, serving, write_config
from tests.waiting import eventually

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "sdk"
TRIED = {"basic.py", "hot_reload.py", "with_pydantic.py", "with_asyncio.py", "fastapi_app.py"}


@pytest.fixture
def service(configs: Path) -> Iterator[RunningService]:
    """What basic.py's docstring makes."""
    write_config(configs, "my-app", {"port": 8080, "database": {"host": "db"}, "greeting": "hello"})
    with serving(configs) as running:
        yield running


@contextlib.contextmanager
def running(service: RunningService, *command: str) -> Iterator[subprocess.Popen[str]]:
    """An example under way; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, *command],
        env={"PATH": os.environ["PATH"], **service.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=EXAMPLES,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def rest_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """All else that it prints, to its end; not by `communicate`, which knows nothing of lines read ahead."""
    assert process.stdout is not None
    assert process.stderr is not None
    said = process.stdout.read(), process.stderr.read()
    process.wait(60)
    return said


def test_every_example_is_tried_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == TRIED


def test_basic(service: RunningService) -> None:
    with running(service, "basic.py") as process:
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert said.splitlines() == ["port 8080, database db:5432", "in staging: port 8080", "configs: my-app"]


def test_basic_tells_what_can_be_done(service: RunningService, configs: Path) -> None:
    (configs / "my-app.json").rename(configs / "other.json")
    with ConfigClient(Options(service.url, TOKEN, KEY)) as client:
        eventually(lambda: [one.name for one in client.list()] == ["other"])
    with running(service, "basic.py") as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "hint: client.list() tells the names" in errors


def test_pydantic(service: RunningService) -> None:
    with running(service, "with_pydantic.py") as process:
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert json.loads(said) == {"port": 8080, "database": {"host": "db", "port": 5432}}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_hot_reload(service: RunningService, configs: Path, number: signal.Signals) -> None:
    with running(service, "hot_reload.py") as process:
        assert line_of(process) == "port 8080, version 1"
        eventually(lambda: service.watchers("my-app") == 1)
        write_config(configs, "my-app", {"port": 9090})
        assert line_of(process) == "port 9090, version 2"
        process.send_signal(number)
        said, errors = rest_of(process)
    assert (process.returncode, said, errors) == (0, "stopped\n", "")


def test_asyncio(service: RunningService, configs: Path) -> None:
    with running(service, "with_asyncio.py") as process:
        assert line_of(process) == "port 8080"
        eventually(lambda: service.watchers("my-app") == 1)
        for port in (1, 2, 3):
            write_config(configs, "my-app", {"port": port})
            assert line_of(process) == f"version {port + 1}: port {port}"
        said, errors = rest_of(process)
    assert (process.returncode, said, errors) == (0, "stopped\n", "")


def test_fastapi(service: RunningService, configs: Path) -> None:
    with running(service, "-m", "uvicorn", "--port", "0", "fastapi_app:app") as process:
        assert process.stderr is not None
        url = ""
        while not url:
            line = process.stderr.readline()
            assert line, "uvicorn ended"
            url = found[0] if (found := re.search(r"http://127\.0\.0\.1:\d+", line)) else ""
        eventually(lambda: _get(url) == {"greeting": "hello", "version": 1})
        eventually(lambda: service.watchers("my-app") == 1)
        write_config(configs, "my-app", {"greeting": "good morning"})
        eventually(lambda: _get(url) == {"greeting": "good morning", "version": 2})
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGTERM)


def _get(url: str) -> object:
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: object = json.load(answer)
    return found
