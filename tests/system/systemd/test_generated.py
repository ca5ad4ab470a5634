"""From the README's smallest settings to a running agent, by `install-systemd` and what it says to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.system.systemd.machine import probed

pytestmark = pytest.mark.systemd


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, object]]:
    with probed("probe_generated", tmp_path_factory.mktemp("machine")) as found:
        yield found


EXPECTED: Mapping[str, object] = {
    "--print writes nothing": [0, True, False],
    "install-systemd": [0, True],
    "and again": [0, True],
    "verify": [0, "", ""],
    "what it says to do next": [0, 0, 0, 0, 0],
    "the directory is setgid": "0o2750",
    "the consumer waits while the agent has nothing": True,
    "and the status line says what for": True,
    "the consumer then": ["inactive", False],
    "then both are up": True,
    "the consumer had its files": "greeting: hello\nhas hello\n",
    "capabilities": [0, 0, 0, 0],
    "it is the static user": True,
    "mode and group of the file": ["0o640", True],
    "the token is in no environment": True,
    "a change reloads the consumer": True,
    "and the stamp another": True,
    "nobody else is told": False,
    "the agent's user may not tell another unit": [True, False],
    "nor stop its own": [True, "active"],
    "polkit's refusal is in the status line": True,
    "the file is there": True,
    "a reload by hand": [11, True],
    "with the rule the reload is made up for": True,
    "the watchdog starts a new agent": True,
    "the new one is ready": True,
    "systemd says why": True,
    "the journal shows where it hung": True,
    "no line without its priority": [],
    "failures are warnings in the journal": True,
}


@pytest.mark.parametrize("what", EXPECTED)
def test_from_settings_to_a_running_agent(results: Mapping[str, object], what: str) -> None:
    assert results.get(what) == EXPECTED[what], results["logs"]


def test_exposure_is_that_of_the_shipped_unit_but_for_a_group(results: Mapping[str, object]) -> None:
    assert float(str(results["exposure"])) <= 1.4, "group-owner.conf is 1.4"
