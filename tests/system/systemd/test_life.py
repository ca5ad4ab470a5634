"""Outages at the start, reloads with a true result, stops, a rotated token: of units in a booted systemd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.system.systemd.machine import probed

pytestmark = pytest.mark.systemd


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, object]]:
    with probed("probe_life", tmp_path_factory.mktemp("machine")) as found:
        yield found


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
}


@pytest.mark.parametrize("what", EXPECTED)
def test_the_life_of_a_unit(results: Mapping[str, object], what: str) -> None:
    assert results.get(what) == EXPECTED[what], results["logs"]
