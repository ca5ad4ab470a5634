"""The worked examples of CONTRIBUTING.md work: a reload kind, from the settings to the outcome, and a format."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from config_sync.document import parse_document
from config_sync.errors import ReloadFailed, RenderRefused, Stopped
from config_sync.fields import MapNode, Node, Place, Problems, ScalarNode, parse_table
from config_sync.formats.kind import FormatKind
from config_sync.model import Format, Reload, ReloadResult
from config_sync.reloads import ReloadKind
from config_sync.stop import Stop
from tests.docs.sections import ROOT
from tests.unit.reloads.test_command import ORDER


def source_of(word: str) -> str:
    """The example of the page that defines this name."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    sources: list[str] = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (source,) = [one for one in sources if re.search(rf"^{word} = ", one, re.MULTILINE)]
    return source


def defined_by(word: str) -> object:
    """What the example defines under that name; while it runs its module is known: dataclasses look it up."""
    module = ModuleType(f"{word.lower()}_of_contributing")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source_of(word), "CONTRIBUTING.md", "exec"), module.__dict__)
        found: object = module.__dict__[word]
        return found
    finally:
        del sys.modules[module.__name__]


@pytest.fixture
def kind() -> ReloadKind:
    """The reload kind that the page defines."""
    return cast("ReloadKind", defined_by("NOTE_KIND"))


@pytest.fixture
def lines() -> FormatKind:
    """The format that the page defines."""
    return cast("FormatKind", defined_by("LINES"))


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


def bound(lines: FormatKind, **options: str) -> Format:
    """The format as the settings ``lines: {…}`` make it."""
    place = Place("settings.yaml", 1, 1, "lines")
    problems = Problems()
    entries: dict[str, Node] = {key: ScalarNode(place, text, "bool") for key, text in options.items()}
    values = parse_table(lines.fields, MapNode(place, entries, dict.fromkeys(entries, place)), problems)
    assert problems.errors == []
    return lines.build(values, lambda path: path)


def test_the_format_writes_what_its_readers_get_back(lines: FormatKind) -> None:
    document = parse_document('["b", "é", "a"]'.encode())
    assert bound(lines).render(document) == "b\né\na\n".encode()
    assert bound(lines, sorted="true").render(document).decode().split() == ["a", "b", "é"]
    assert (lines.name, lines.suffixes, bound(lines).name) == ("lines", (".list",), "lines")


@pytest.mark.parametrize(("raw", "pointer"), [(b'{"a":"hunter2"}', ""), (b'["a","hunter2\\n"]', "/1"), (b"[1]", "/0")])
def test_the_format_refuses_the_rest_with_the_pointer_and_what_can_carry_it(
    lines: FormatKind, raw: bytes, pointer: str
) -> None:
    with pytest.raises(RenderRefused) as refused:
        bound(lines).render(parse_document(raw))
    assert refused.value.pointer == pointer
    assert "format: yaml" in (refused.value.hint or "")
    assert "hunter2" not in refused.value.message


def test_one_line_of_the_table_makes_it_a_format_of_the_settings(
    tmp_path: Path,
) -> None:
    program = (
        "import sys\n"
        f"{source_of('LINES')}\n"
        "from config_sync import formats\n"
        "formats.FORMATS = {**formats.FORMATS, LINES.name: LINES}  # the one line of the table\n"
        "from config_sync.settings import load, reference\n"
        "settings = load(sys.argv[1], environ={}, needs_service=False)\n"
        "print([spec.format.name for spec in settings.targets[0].files], '`lines.sorted`' in reference())\n"
    )
    path = tmp_path / "settings.yaml"
    path.write_text("targets: {a: {files: [{path: /srv/a.list, lines: {sorted: true}}, {path: /srv/a.json}]}}")
    told = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True)
    assert told.stderr == ""
    assert told.stdout == "['lines', 'json'] True\n"
