"""What every test may use, and what a run on a machine that lacks something does."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.lanes import NEEDS
from tests.service import serving

_missing: dict[str, str | None] = {}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what this machine cannot run, saying why. In CI a skip is a failure, see `pytest_sessionfinish`."""
    for marker in NEEDS:
        if item.get_closest_marker(marker) is None:
            continue
        if marker not in _missing:
            _missing[marker] = NEEDS[marker].missing()
        if reason := _missing[marker]:
            pytest.skip(reason)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With ``DEMAND_ALL_LANES=1`` a run that skipped anything has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("DEMAND_ALL_LANES") != "1" or not isinstance(reporter, pytest.TerminalReporter):
        return
    if skipped := reporter.stats.get("skipped"):
        reporter.write_line("")
        reporter.write_line(f"DEMAND_ALL_LANES: {len(skipped)} skipped, and every test must run here", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def public_path() -> Iterator[Path]:
    """A directory that every user may enter.

    Not below pytest's own: whoever opened those would open them to all tests, and each session of root shuts them anew
    while another one is in the middle of a test.
    """
    with tempfile.TemporaryDirectory(prefix="config-sync-", dir="/var/tmp") as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """The folder of `config_service`, empty."""
    directory = tmp_path / "configs"
    directory.mkdir()
    return directory


@pytest.fixture
def config_service(configs: Path) -> Iterator[RunningService]:
    """An embedded Config Service over `configs`, with the token and key of `tests.service`."""
    with serving(configs) as service:
        yield service
