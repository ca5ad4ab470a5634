"""The reference is complete and current."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import pytest

import config_sync
from tests.unit.sdk.reference import GROUPS, members, public, render

PAGE = Path(__file__).resolve().parents[3] / "examples" / "sdk" / "REFERENCE.md"
PUBLIC = dict(public())


def test_every_public_name_is_in_the_reference() -> None:
    assert {name for names in GROUPS.values() for name in names} == set(config_sync.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_has_a_docstring(name: str) -> None:
    kind = PUBLIC[name]
    assert (inspect.getdoc(kind) or "").partition("\n")[0].endswith(".")
    for member, _, text in members(kind):
        assert text.partition("\n")[0].rstrip().endswith((".", "``.", ":")), f"{name}.{member}"


@pytest.mark.parametrize("name", ["ConfigClient", "AsyncConfigClient"])
def test_every_call_tells_what_it_raises(name: str) -> None:
    silent = {member for member, _, text in members(PUBLIC[name]) if "Raises" not in text}
    assert silent == {"close"}


def test_every_option_is_explained() -> None:
    text = inspect.getdoc(config_sync.Options) or ""
    assert [one.name for one in dataclasses.fields(config_sync.Options) if one.name.split("_")[-1] not in text] == []


def test_the_page_is_current() -> None:
    """`python -m tests.unit.sdk.reference >examples/sdk/REFERENCE.md` mends it."""
    assert PAGE.read_text() == render()
