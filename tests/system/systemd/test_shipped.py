"""The shipped units do what systemd/README.md says, in a booted systemd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.system.systemd.machine import probed

pytestmark = pytest.mark.systemd


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, object]]:
    with probed("probe_shipped", tmp_path_factory.mktemp("machine")) as found:
        yield found


EXPECTED: Mapping[str, object] = {
    "the embedded service answers": True,
    "start": [0, "", "active"],
    "the file stands when start returns": True,
    "its owner, group and mode": [6991, 6992, "0o640"],
    "status text": "1 of 1 targets synced",
    "uid and capabilities": ["6991", 1 << 5, 1 << 5],  # CAP_KILL, for the signal
    "the consumer sees the file": True,
    "a change reaches the consumer": True,
    "reload with good settings": 0,
    "reload with bad settings fails": True,
    "and it runs on": ["active", "running"],
    "stop": "success exited 0\n",
    "start of an instance": 0,
    "status of an instance": True,
    "reload of an instance": 0,
    "start of a wider instance": 0,
    "it gives the file away": [65534, 6992],
    "the other's process sees it": True,
    "and hears of a change": True,
    "start of the unit with its agent": 0,
    "the unit has its environment": True,
    "and is not restarted by the first sync": True,
    "the environment file": "MY_SERVICE_GREETING='hello'\nMY_SERVICE_DB__URL='postgres://db'\n",
    "a change restarts it": True,
}


@pytest.mark.parametrize("what", EXPECTED)
def test_in_a_booted_systemd(results: Mapping[str, object], what: str) -> None:
    assert results.get(what) == EXPECTED[what], results["logs"]
