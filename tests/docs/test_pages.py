"""All pages: their links lead somewhere, and what ARCHITECTURE.md names is there, and all of it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from config_sync import __version__
from config_sync.cli import COMMANDS
from tests.docs.sections import PACKAGE, ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "systemd").glob("*.md"), *(ROOT / "examples").rglob("*.md")])
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def _anchor(heading: str) -> str:
    """As GitHub makes it: lower case, without punctuation, dashes for blanks."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\[[^\]]+\]\(([^)\s]+)\)", _without_code(page.read_text(encoding="utf-8"))):
        assert "://" not in target, "a page of ours links within the repository only"
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", _without_code(found.read_text(encoding="utf-8")), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, target


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_commands_that_a_page_shows_exist(page: Path) -> None:
    known = {one.name for one in COMMANDS}
    for block in re.findall(r"^```console\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^\$ config-sync (.*)$", block, re.MULTILINE):
            words = re.sub(r"--(config|log-level) \S+ ", "", line).split()
            assert words[0] in known, line


def test_every_room_is_named() -> None:
    modules = sorted(path for path in PACKAGE.rglob("*.py") if (path.parent / "__init__.py").exists())
    rooms = [path for path in modules if path.name != "__init__.py" or path.parent == PACKAGE]
    for path in rooms:
        place = "/".join(("config_sync", *path.relative_to(PACKAGE).parts[:-1])) + "/"
        section = ARCHITECTURE.split(f"**`{place}`**", 1)[1].split("\n**`config_sync/", 1)[0]
        assert f"| `{path.name}` |" in section, path


def test_every_path_that_it_names_is_there() -> None:
    named = set(
        re.findall(
            r"`((?:tests|agent|cli|files|formats|http|process|reloads|triggers|reconciler)/[\w./]+)`", ARCHITECTURE
        )
    )
    assert named
    assert [name for name in sorted(named) if not ((ROOT / name).exists() or (PACKAGE / name).exists())] == []


def test_every_dependency_has_its_reason() -> None:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = whole["project"]["optional-dependencies"]
    wanted = [
        *whole["project"]["dependencies"],
        *(one for name, ones in extras.items() if name != "all" for one in ones),
        *whole["dependency-groups"]["dev"],
    ]
    names = {re.split(r"[<>=~!\[; ]", str(one), maxsplit=1)[0] for one in wanted}
    section = ARCHITECTURE.split("## Dependencies", 1)[1].split("\n## ", 1)[0]
    assert [name for name in sorted(names) if f"`{name}`" not in section] == []


def test_the_changelog_tells_of_this_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(__version__)}\]", changes, re.MULTILINE)


def test_the_unit_s_readme_names_what_the_units_say() -> None:
    told = (ROOT / "systemd" / "README.md").read_text(encoding="utf-8")
    for unit in (ROOT / "systemd").glob("*.service"):
        assert f"({unit.name})" in told


def test_regenerate_is_a_program_that_checks() -> None:
    script = ROOT / ".ci" / "regenerate"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
