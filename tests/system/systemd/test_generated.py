"""From settings to a running agent by `install-systemd`, in a booted systemd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.system.systemd.machine import probed

pytestmark = pytest.mark.systemd


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, object]]:
    with probed("probe_generated", tmp_path_factory.mktemp("machine")) as found:
        yield found


def test_x(results):
    for k, v in results.items():
        if k != "logs":
            print(k, "=", v)
    print(results["logs"])
    assert 0
