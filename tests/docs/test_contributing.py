"""The worked example of CONTRIBUTING.md is a reload kind that works, from the settings to the outcome."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from config_sync.errors import ReloadFailed, Stopped
from config_sync.fields import MapNode, Place, Problems, ScalarNode, parse_table
from config_sync.model import Reload, ReloadResult
from config_sync.reloads import ReloadKind
from config_sync.stop import Stop
from tests.docs.sections import ROOT
from tests.unit.reloads.test_command import ORDER


@pytest.fixture
def kind() -> Iterator[ReloadKind]:
    """The kind that the page defines."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    module = ModuleType("note_of_contributing")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(source, "CONTRIBUTING.md", "exec"), module.__dict__)
        found: object = module.__dict__["NOTE_KIND"]
        yield cast("ReloadKind", found)
    finally:
        del sys.modules[module.__name__]


def build(kind: ReloadKind, path: str) -> Reload:
    """As the settings ``{note: PATH}`` make it."""
    place = Place("settings.yaml", 1, 1, "reload")
    problems = Problems()
    node = MapNode(place, {"note": ScalarNode(place, path)}, {"note": place})
    reload = kind.build(parse_table(kind.fields, node, problems))
    assert problems.errors == []
    return reload


def test_it_tells(kind: ReloadKind, tmp_path: Path) -> None:
    notes = tmp_path / "changes"
    reload = build(kind, str(notes))
    assert reload.run(ORDER, Stop()) is ReloadResult.RELOADED
    assert notes.read_text() == "app 8\n"
    assert (reload.kind, reload.describe()) == ("note", f"a line in {notes}")


def test_it_fails_as_a_kind_fails(kind: ReloadKind, tmp_path: Path) -> None:
    stop = Stop()
    with pytest.raises(ReloadFailed):
        build(kind, str(tmp_path / "missing" / "changes")).run(ORDER, stop)
    stop.set()
    with pytest.raises(Stopped):
        build(kind, str(tmp_path / "changes")).run(ORDER, stop)
