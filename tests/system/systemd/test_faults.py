"""What goes wrong with units is a clear sentence in the status line, the log, the exit code, and in `check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.system.systemd.machine import probed

pytestmark = pytest.mark.systemd


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, object]]:
    with probed("probe_faults", tmp_path_factory.mktemp("machine")) as found:
        yield found


_CANNOT = "{0} runs as {1} and cannot read /srv/app/app.json"
_DYNAMIC = "hint: a user that is made anew at each start owns nothing: add SupplementaryGroups= to its unit"

EXPECTED: Mapping[str, object] = {
    "a missing directory is in the status line": True,
    "check said so": True,
    "a sync ends with 10": 10,
    "one that is made too late": [10, True, True],
    "heals by a restart": [0, True],
    "systemd refuses one that must be there": [1, "exit-code", True],
    "a replaced directory is in the status line": True,
    "and what to do": [10, True],
    "the log says it too": True,
    "a restart heals it": True,
    "a missing key is in the status line": True,
    "check warned of it": True,
    "a sync without it": 3,
    "the log": True,
    "one with a path": [1, "exit-code", True],
    "who can read": {
        "reader": [0, _CANNOT.format("reader", "www-user"), "hint: add `group: www-user`"],
        "reader, group: www-user": [0],
        "dynamic": [0, _CANNOT.format("dynamic", "a dynamic user"), _DYNAMIC],
        "dynamic, group: www-user": [0, _CANNOT.format("dynamic", "a dynamic user"), _DYNAMIC],
        "root": [0],
        "root, group: www-user": [0],
        "member": [0, _CANNOT.format("member", "nobody"), "hint: add `group: www-user`"],
        "member, group: www-user": [0],
    },
    "a directory in the way": True,
    "a signal, by hand": [3, True],
    "a signal, in the unit": [1, True],
    "group: www-user": [1, True],
    "owner: www-user": [1, True],
    "with what install-systemd writes it starts": [0, 0],
    "and the file is given away": [True, "0o640"],
}


@pytest.mark.parametrize("what", EXPECTED)
def test_what_goes_wrong_is_said(results: Mapping[str, object], what: str) -> None:
    assert results.get(what) == EXPECTED[what], results["logs"]


def test_exposure_with_every_right_at_once(results: Mapping[str, object]) -> None:
    exposure = results["exposure with all rights"]
    assert isinstance(exposure, float)
    assert exposure <= 2.1, "1.8 for each drop-in alone"
