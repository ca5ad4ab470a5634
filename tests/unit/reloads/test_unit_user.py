"""As whom a unit runs, where no systemd answers: out of its files, as systemd puts them together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config_sync.reloads.unit_user import offline, reader_of


def write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_etc_wins_over_usr_and_drop_ins_over_both(tmp_path: Path) -> None:
    write(tmp_path, "usr/lib/systemd/system/app.service", "[Service]\nUser=old\n")
    write(tmp_path, "etc/systemd/system/app.service", "[Unit]\nUser=no\n[Service]\n# User=no\nUser=daemon\nGroup=bin\n")
    write(tmp_path, "usr/lib/systemd/system/app.service.d/20.conf", "[Service]\nUser=games\nSupplementaryGroups=a b\n")
    write(tmp_path, "etc/systemd/system/app.service.d/20.conf", "[Service]\nSupplementaryGroups=a\n")
    write(tmp_path, "run/systemd/system/app.service.d/30.conf", "[Service]\nSupplementaryGroups=c\nGroup=\n")
    found = offline("app.service", str(tmp_path))
    assert found == {"User": "daemon", "Group": "", "SupplementaryGroups": "a c"}


def test_an_instance_has_its_template_s_file_and_no_guess_at_its_specifiers(tmp_path: Path) -> None:
    write(tmp_path, "etc/systemd/system/app@.service", "[Service]\nUser=%i\nGroup=bin\n")
    write(tmp_path, "etc/systemd/system/app@one.service.d/x.conf", "[Service]\nDynamicUser=yes\n")
    assert offline("app@one.service", str(tmp_path)) == {"Group": "bin", "DynamicUser": "yes"}
    assert offline("nosuch.service", str(tmp_path)) is None


@pytest.mark.parametrize(
    ("told", "name", "uid"),
    [
        pytest.param({}, "root", 0, id="nobody-said"),
        pytest.param({"User": "daemon"}, "daemon", 1, id="by-name"),
        pytest.param({"User": "1", "Group": "bin"}, "daemon", 1, id="by-number"),
        pytest.param({"DynamicUser": "yes", "User": "nosuch-user"}, "a dynamic user", None, id="dynamic"),
        pytest.param({"DynamicUser": "yes", "User": "daemon"}, "daemon", 1, id="dynamic-but-there"),
    ],
)
def test_the_reader_is_the_user_with_its_groups(told: dict[str, str], name: str, uid: int | None) -> None:
    reader = reader_of(told)
    assert reader is not None
    assert (reader.name, reader.uid) == (name, uid)


def test_groups_add_up_and_a_user_that_does_not_exist_is_nobody_to_ask_about() -> None:
    reader = reader_of({"User": "daemon", "Group": "bin", "SupplementaryGroups": "games sys"})
    assert reader is not None
    assert {2, 3, 60} <= reader.gids
    assert set(os.getgrouplist("daemon", 2)) <= reader.gids
    assert reader_of({"User": "nosuch-user"}) is None
    assert reader_of({"SupplementaryGroups": "nosuch-group"}) is None
