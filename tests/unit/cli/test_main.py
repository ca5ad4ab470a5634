"""The command's border: what it makes of words, errors and bugs."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from config_sync import __version__
from config_sync.cli import COMMANDS, GROUPS, main, overview
from config_sync.cli.parsing import module_of, parser_for
from config_sync.errors import Exit


@pytest.mark.parametrize("command", COMMANDS, ids=[one.name for one in COMMANDS])
def test_every_line_of_the_table_is_a_working_command(command: object) -> None:
    one = next(known for known in COMMANDS if known is command)
    assert one.group in GROUPS
    assert f"  {one.name} " in overview()
    assert callable(module_of(one).run)
    assert parser_for(one).format_help().startswith(f"usage: config-sync {one.name} ")


@pytest.mark.parametrize("words", [["--version"], ["once", "--version"]], ids=" ".join)
def test_the_version_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == Exit.DONE
    assert capsys.readouterr().out == f"config-sync {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["onse"], "did you mean 'config-sync once'?"),
        (["frobnicate"], "see 'config-sync --help'"),
        (["once", "--frech"], "did you mean --fresh?"),
        (["once", "--frech=1"], "did you mean --fresh?"),
        (["once", "left", "over"], "config-sync once does not take left over"),
        (["list", "--zzzzzz"], "see 'config-sync list --help'"),
        (["sync", "--wai"], "did you mean --wait?"),
        (["--config", "x"], "--config x: no command is named"),
        (["--config"], "--config: no command is named"),
        (["reload"], "TARGET"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_line_says_what_was_meant(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == Exit.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 2


@pytest.mark.parametrize(
    "words", [["--config", "FILE", "check"], ["check", "--config", "FILE"]], ids=["before", "after"]
)
def test_options_for_all_stand_before_or_after_the_command(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("targets: {a: {fils: []}}\ntargts: {}\n")
    assert main([str(settings) if word == "FILE" else word for word in words]) == Exit.SETTINGS
    err = capsys.readouterr().err
    assert err.splitlines()[0] == f"config-sync: 3 problems in {settings}"
    for said in ("did you mean 'files'?", "did you mean 'targets'?"):
        assert said in err


def test_a_bug_is_one_line_and_a_place_and_never_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    words = cast("list[str]", [b"once"])  # what no shell can give: the nearest thing to a bug that can be had
    assert main(words) == Exit.BUG
    err = capsys.readouterr().err
    assert err.startswith("config-sync: a bug in config-sync: TypeError\n  hint: please report it; it came from ")
    assert "Traceback" not in err
    assert len(err.splitlines()) == 2
