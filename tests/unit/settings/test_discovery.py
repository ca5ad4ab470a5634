from __future__ import annotations

from collections.abc import Mapping

import pytest
from pyfakefs.fake_filesystem import FakeFilesystem
from pyfakefs.helpers import reset_ids, set_uid

from config_sync.errors import Exit, SettingsError
from config_sync.settings import default_runtime_dir, default_state_dir, find_settings, load
from config_sync.settings.discovery import DEFAULT_PATH


def test_path_on_the_command_line_wins(fs: FakeFilesystem) -> None:
    for path in ("/a.yaml", "/b.yaml", DEFAULT_PATH):
        fs.create_file(path)

    assert find_settings("/a.yaml", {"CONFIG_SYNC_CONFIG": "/b.yaml"}) == "/a.yaml"


def test_variable_wins_over_the_default(fs: FakeFilesystem) -> None:
    for path in ("/b.yaml", DEFAULT_PATH):
        fs.create_file(path)

    assert find_settings(None, {"CONFIG_SYNC_CONFIG": "/b.yaml"}) == "/b.yaml"


@pytest.mark.parametrize("environ", [{}, {"CONFIG_SYNC_CONFIG": ""}], ids=["unset", "empty"])
def test_default_is_in_etc(fs: FakeFilesystem, environ: Mapping[str, str]) -> None:
    fs.create_file("/etc/config-sync/settings.yaml", contents="service: {watch: stream}\n")

    path = find_settings(None, environ)

    assert path == "/etc/config-sync/settings.yaml"
    assert load(path, environ={}, needs_service=False).service.watch == "stream"


@pytest.mark.parametrize(
    ("explicit", "environ", "path", "origin"),
    [
        ("/a.yaml", {}, "/a.yaml", "--config"),
        (None, {"CONFIG_SYNC_CONFIG": "/b.yaml"}, "/b.yaml", "$CONFIG_SYNC_CONFIG"),
        (None, {}, DEFAULT_PATH, "the default"),
    ],
    ids=["command-line", "variable", "default"],
)
def test_missing_file_says_where_its_name_came_from_and_how_to_do_without(
    fs: FakeFilesystem, explicit: str | None, environ: Mapping[str, str], path: str, origin: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        find_settings(explicit, environ)

    assert caught.value.exit_code is Exit.SETTINGS
    assert caught.value.message.startswith(f"no settings file {path} ({origin}")
    assert "--file NAME=/path/of/file.yaml" in (caught.value.hint or "")
    assert "config-sync schema" in (caught.value.hint or "")


def test_unreadable_file_is_found_and_told_when_it_is_read(fs: FakeFilesystem) -> None:
    fs.create_file("/a.yaml", st_mode=0o100000)
    set_uid(1000)
    try:
        path = find_settings("/a.yaml", {})
        with pytest.raises(SettingsError, match=r"cannot read /a\.yaml: Permission denied"):
            load(path, environ={}, needs_service=False)
    finally:
        reset_ids()


STATE: dict[str, tuple[Mapping[str, str], bool, str]] = {
    "systemd": ({"STATE_DIRECTORY": "/var/lib/private/cs"}, False, "/var/lib/private/cs"),
    "systemd-several": ({"STATE_DIRECTORY": "/var/lib/one:/var/lib/two"}, True, "/var/lib/one"),
    "root": ({"HOME": "/root", "XDG_STATE_HOME": "/x"}, True, "/var/lib/config-sync"),
    "xdg": ({"HOME": "/home/ann", "XDG_STATE_HOME": "/x/state"}, False, "/x/state/config-sync"),
    "xdg-relative": ({"HOME": "/home/a", "XDG_STATE_HOME": "state"}, False, "/home/a/.local/state/config-sync"),
    "home": ({"HOME": "/home/ann"}, False, "/home/ann/.local/state/config-sync"),
    "home-is-the-root": ({"HOME": "/"}, False, "/.local/state/config-sync"),
}  # fmt: skip

RUNTIME: dict[str, tuple[Mapping[str, str], bool, str]] = {
    "systemd": ({"RUNTIME_DIRECTORY": "/run/cs"}, False, "/run/cs"),
    "systemd-several": ({"RUNTIME_DIRECTORY": "/run/one:/run/two"}, True, "/run/one"),
    "root": ({"XDG_RUNTIME_DIR": "/run/user/0"}, True, "/run/config-sync"),
    "xdg": ({"XDG_RUNTIME_DIR": "/run/user/1000"}, False, "/run/user/1000/config-sync"),
    "no-session": ({"HOME": "/home/ann"}, False, "/home/ann/.local/state/config-sync/run"),
    "no-session-in-a-unit": ({"STATE_DIRECTORY": "/var/lib/cs"}, False, "/var/lib/cs/run"),
}


@pytest.mark.parametrize(("environ", "is_root", "expected"), STATE.values(), ids=STATE.keys())
def test_state_directory_by_situation(environ: Mapping[str, str], is_root: bool, expected: str) -> None:
    assert default_state_dir(environ, is_root=is_root) == expected


@pytest.mark.parametrize(("environ", "is_root", "expected"), RUNTIME.values(), ids=RUNTIME.keys())
def test_runtime_directory_by_situation(environ: Mapping[str, str], is_root: bool, expected: str) -> None:
    assert default_runtime_dir(environ, is_root=is_root) == expected


def test_user_without_any_home_still_gets_a_state_directory() -> None:
    assert default_state_dir({}, is_root=False).endswith("/config-sync")


def test_settings_name_the_directories_over_the_environment(fs: FakeFilesystem) -> None:
    fs.create_file("/a.yaml", contents="agent: {state_dir: /srv/state}\n")

    found = load("/a.yaml", environ={"STATE_DIRECTORY": "/s", "RUNTIME_DIRECTORY": "/r"}, needs_service=False)

    assert (found.agent.state_dir, found.agent.runtime_dir) == ("/srv/state", "/r")
