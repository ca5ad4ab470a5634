"""``agent.history`` and ``agent.offline_start``."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.unit.settings.given import SMALLEST, load_text, problem_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("never", 0.0), ("0s", 0.0), ("90m", 5400.0), ("30d", 30 * 86400.0), ("always", math.inf)],
    ids=["never", "zero", "minutes", "days", "always"],
)
def test_an_age_or_a_word(tmp_path: Path, text: str, seconds: float) -> None:
    found = load_text(tmp_path, f"{SMALLEST}    agent: {{offline_start: {text}, history: 3}}\n")
    assert (found.agent.offline_start_s, found.agent.history) == (seconds, 3)


@pytest.mark.parametrize("text", ["sometimes", "7", "-1d", "{}", "true", "400d"])
def test_another_age_is_refused_with_what_was_expected(tmp_path: Path, text: str) -> None:
    problem = problem_of(tmp_path, f"agent: {{offline_start: {text}}}")
    assert problem.path == "agent.offline_start"
    assert "expected" in problem.message


@pytest.mark.parametrize("text", ["0", "-1", "1001", "all", "1.5"])
def test_a_history_is_from_1_to_1000(tmp_path: Path, text: str) -> None:
    problem = problem_of(tmp_path, f"agent: {{history: {text}}}")
    assert problem.path == "agent.history"
    assert "a whole number from 1 to 1000" in problem.message
