"""Outages at the start, reloads with a true result, stops, a rotated token: of units in a booted systemd."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping

import pytest

from config_sync.errors import RenderRefused
from config_sync.formats.env import EnvFormat
from config_sync.model import Document
from tests.system.readers.nasty import measured
from tests.system.systemd.machine import probed

pytestmark = pytest.mark.systemd


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, object]]:
    document = json.dumps(taken())
    with probed("probe_life", tmp_path_factory.mktemp("machine"), files={"document.json": document}) as found:
        yield found


def taken() -> dict[str, str]:
    """The measured values that the dialect `env` takes, each under a name of its own."""
    found: dict[str, str] = {}
    for number, value in enumerate(measured()):
        with contextlib.suppress(RenderRefused):
            EnvFormat(dialect="env").render(Document(b"", {"v": value}))
            found[f"V{number:03}"] = value
    return found


EXPECTED: Mapping[str, object] = {
    "sysusers": 0,
    "tmpfiles": 0,
    "once is retried": True,
    "meanwhile": ["activating", "inactive"],
    "then the app starts": True,
    "with its file": '{"greeting": "hello"}',
    "once ran in one process": "0",
    "with ExecReload, first": [0, "active"],
    "with ExecReload, again": [0, "active"],
    "without ExecReload, first": [0, "active"],
    "without ExecReload, again": [0, "active"],
    "what it started with": ['{"greeting": "without again"}'],
    "a unit with all of them starts": 0,
    "not read back": [],
    "start": 0,
    "reloads": [  # whether it failed, answers in the log when it returned, the unit's state
        [False, 1, "active", "running"],
        [True, 1, "active", "running"],
        [True, 1, "active", "running"],
        [False, 1, "active", "running"],
    ],
    "the old token is refused, says the status line": True,
    "the new one brings the change": True,
    "in the same process": True,
    "the hook runs at the stop": True,
    "it was let finish": [True, "success exited 0\n"],
    "the hook has none of systemd's words": [],
    "before the reboot": [0, "active"],
    "the file is gone": True,
    "after it, without the service": [0, "active", '{"greeting": "from before the reboot"}'],
    "the status says where it is from": True,
    "life goes on when the service is back": True,
}


@pytest.mark.parametrize("what", EXPECTED)
def test_the_life_of_a_unit(results: Mapping[str, object], what: str) -> None:
    assert results.get(what) == EXPECTED[what], results["logs"]
