"""The key ``schema`` of a target."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from config_sync import schema_check
from tests.unit.settings.given import load_text, problem_of

TARGET = "targets: {{a: {{schema: {schema}, files: [{{path: /srv/a.json}}]}}}}"


def test_it_is_a_path_in_which_variables_count_and_defaults_may_have_it(tmp_path: Path) -> None:
    given = load_text(tmp_path, TARGET.format(schema="'${DIR:-/etc}/a.schema.json'"))
    assert given.targets[0].schema == "/etc/a.schema.json"
    by_default = "defaults: {schema: /etc/b.json}\ntargets: {a: {files: [{path: /srv/a.json}]}}"
    assert load_text(tmp_path, by_default).targets[0].schema == "/etc/b.json"
    assert load_text(tmp_path, TARGET.format(schema="null")).targets[0].schema is None


@pytest.mark.parametrize("schema", ["a.schema.json", "''", "{}"])
def test_anything_else_is_refused_at_its_place(tmp_path: Path, schema: str) -> None:
    assert problem_of(tmp_path, TARGET.format(schema=schema)).path == "targets.a.schema"


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    problem = problem_of(tmp_path, TARGET.format(schema="/etc/a.json"))
    assert problem.message == schema_check.MISSING
    assert "pip install 'config-sync[schema]'" in problem.message
