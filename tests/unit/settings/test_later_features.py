from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.settings.given import problem_of

FILES = "files: [{path: /srv/a.json}]"

LATER: dict[str, tuple[str, str]] = {
    "listen": ("agent: {listen: ':9180'}", "agent.listen"),
}


@pytest.mark.parametrize(("text", "path"), LATER.values(), ids=LATER.keys())
def test_key_of_a_later_version_is_refused_as_such(tmp_path: Path, text: str, path: str) -> None:
    problem = problem_of(tmp_path, text)

    assert problem.path == path
    assert "is not in this version" in problem.message
