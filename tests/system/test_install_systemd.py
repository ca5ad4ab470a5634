"""`install-systemd` as a process: what it shows, and what it refuses. What it writes is tried in a booted systemd."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.program import AS_NOBODY, Home, assert_refused, home_at

SETTINGS = """\
service: {host: https://config.example}
targets:
  app: {files: [{path: /srv/app/app.json}], reload: {systemd: app}}
  other: {files: [{path: /srv/other/app.json}], reload: {systemd: other}}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = home_at(tmp_path / "h", "")
    home.configure(SETTINGS)
    return home


def test_it_shows_each_file_with_its_path_and_says_what_to_do_next(home: Home) -> None:
    ended = home.ask("install-systemd", "app", "--print")
    assert ended.returncode == 0, ended.stderr
    paths = [line[2:] for line in ended.stdout.splitlines() if line.startswith("# /etc/")]
    assert paths == [
        "/etc/sysusers.d/config-sync.conf",
        "/etc/systemd/system/config-sync.service",
        "/etc/systemd/system/config-sync.service.d/40-settings.conf",
        "/etc/systemd/system/config-sync.service.d/50-app.conf",
        "/etc/tmpfiles.d/config-sync-app.conf",
        "/etc/polkit-1/rules.d/50-config-sync-app.rules",
    ]
    assert f"Environment=CONFIG_SYNC_CONFIG={home.settings}\n" in ended.stdout
    assert "/srv/other" not in ended.stdout
    assert "other.service" not in ended.stdout
    told = ended.stderr.partition("next:\n")
    assert "put it into /etc/credstore/config-service-token" in told[0]
    commands = [line.split()[0] for line in told[2].splitlines()]
    assert commands == ["systemd-sysusers", "systemd-tmpfiles", "systemctl", "systemctl", "systemctl"]


def test_without_a_name_all_targets_get_what_they_need(home: Home) -> None:
    shown = home.ask("install-systemd", "--print").stdout
    assert "50-app.conf" in shown
    assert "50-other.conf" in shown


def test_a_target_that_is_none_is_a_usage_error_with_the_nearest(home: Home) -> None:
    assert_refused(home.ask("install-systemd", "othr", "--print"), 2, "did you mean 'other'?")


def test_settings_that_need_this_shell_are_refused_since_the_unit_has_none_of_it(home: Home) -> None:
    home.configure("targets: {app: {files: [{path: '${SOME_DIR}/app.json'}]}}")
    env = {"CONFIG_SERVICE_HOST": "http://x", "SOME_DIR": "/srv"}
    refused = home.command("--config", str(home.settings), "install-systemd", env=env)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "service.host" in refused.stderr
    assert "SOME_DIR" in refused.stderr
    assert "a unit sees no variable of this shell" in refused.stderr


@pytest.mark.root
def test_only_root_may_write() -> None:
    with tempfile.TemporaryDirectory(prefix="config-sync-", dir="/var/tmp") as place:
        os.chmod(place, 0o755)
        home = home_at(Path(place) / "h", "")
        home.configure(SETTINGS)
        words = ("--config", str(home.settings), "install-systemd")
        assert_refused(home.command(*words, before=AS_NOBODY), 10, "run it as root, or see with --print")
