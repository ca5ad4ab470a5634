from __future__ import annotations

from collections.abc import Iterable

import pytest

from config_sync.fields import Field
from config_sync.formats import FORMATS
from config_sync.settings import reference
from config_sync.settings.agent import AGENT
from config_sync.settings.file import FILE
from config_sync.settings.reload import WORKING_KINDS
from config_sync.settings.root import ROOT
from config_sync.settings.service import SERVICE
from config_sync.settings.target import TARGET


def working(table: Iterable[Field[object]], prefix: str = "") -> list[str]:
    return [prefix + one.key for one in table if not one.not_yet]


KEYS = [
    *working(ROOT),
    *working(SERVICE, "service."),
    *working(AGENT, "agent."),
    *working(TARGET),
    *(key for key in working(FILE) if key not in FORMATS),
    *(key for kind in FORMATS.values() for key in working(kind.fields, f"{kind.name}.")),
    *(key for kind in WORKING_KINDS for key in working(kind.fields)),
    "service.retry.first",
    "agent.log.level",
    "debounce.max",
    "validate.in_place",
    "probe.tcp",
    "probe.within",
    "service.proxy",
    "service.client_cert",
    "schema",
]


@pytest.mark.parametrize("key", KEYS)
def test_reference_has_a_row_for_every_key_that_works(key: str) -> None:
    assert f"\n| `{key}` | " in reference()


def test_every_row_has_three_cells_and_no_empty_one() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]

    for row in rows:
        cells = [cell.strip() for cell in row.replace("\\|", "").strip("|").split("|")]
        assert len(cells) == 3, row
        assert all(cells), row


def test_reference_is_the_same_every_time_and_ends_with_one_newline() -> None:
    assert reference() == reference()
    assert reference().endswith("|\n")
