"""Putting the files in place: all or none, and nothing of anybody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.errors import Exit, FileError
from config_sync.units import UnitFile, Written, install
from config_sync.units.generated import sealed

ONE, TWO = UnitFile("/etc/one.conf", sealed("[A]\n")), UnitFile("/etc/deep/two.conf", sealed("[B]\n"))


def words(found: list[tuple[UnitFile, Written]]) -> list[str]:
    return [written.value for _, written in found]


def test_it_is_written_once_and_renewed_when_it_is_ours(tmp_path: Path) -> None:
    assert words(install([ONE, TWO], root=str(tmp_path))) == ["written", "written"]
    assert words(install([ONE, TWO], root=str(tmp_path))) == ["unchanged", "unchanged"]
    assert (tmp_path / "etc/deep/two.conf").read_text() == TWO.text
    assert (tmp_path / "etc/deep/two.conf").stat().st_mode & 0o7777 == 0o644
    newer = UnitFile(ONE.path, sealed("[A]\nX=1\n"))
    assert words(install([newer, TWO], root=str(tmp_path))) == ["written", "unchanged"]


def test_what_somebody_has_changed_keeps_all_from_being_written(tmp_path: Path) -> None:
    install([ONE], root=str(tmp_path))
    path = tmp_path / "etc/one.conf"
    path.write_text(path.read_text() + "Mine=1\n")
    newer = UnitFile(ONE.path, sealed("[A]\nX=1\n"))
    with pytest.raises(FileError, match=r"changed /etc/one.conf: nothing was written") as caught:
        install([TWO, newer], root=str(tmp_path))
    assert caught.value.exit_code == Exit.WRITE
    assert "--force" in (caught.value.hint or "")
    assert not (tmp_path / "etc/deep/two.conf").exists()
    assert words(install([TWO, newer], root=str(tmp_path), force=True)) == ["written", "written"]
    assert path.read_text() == newer.text


def test_what_has_no_place_any_more_is_removed_if_it_is_ours(tmp_path: Path) -> None:
    install([ONE], root=str(tmp_path))
    gone = UnitFile(ONE.path, None)
    assert words(install([gone], root=str(tmp_path))) == ["removed"]
    assert words(install([gone], root=str(tmp_path))) == []
    (tmp_path / "etc/one.conf").write_text("[Mine]\n")
    for force in (False, True):
        assert words(install([gone], root=str(tmp_path), force=force)) == []
        assert (tmp_path / "etc/one.conf").read_text() == "[Mine]\n", "it was never ours"
    (tmp_path / "etc/one.conf").write_text(sealed("[A]\n") + "Mine=1\n")
    with pytest.raises(FileError):
        install([gone], root=str(tmp_path))
    assert words(install([gone], root=str(tmp_path), force=True)) == ["removed"]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("a file")
    with pytest.raises(FileError, match="etc"):
        install([ONE], root=str(tmp_path))
