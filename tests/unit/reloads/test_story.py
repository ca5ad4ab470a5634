"""What hooks are told: placeholders, environment, story."""

from __future__ import annotations

import json

import pytest

from config_sync.model import AbsolutePath, ReloadOrder
from config_sync.reloads.story import hook_environment, names_files, placeholder_problem, story, substitute

ONE = (AbsolutePath("/etc/app/config.yaml"),)
PAIR = (AbsolutePath("/etc/app/tls.crt"), AbsolutePath("/etc/app/tls.key"))
APART = (AbsolutePath("/etc/app/a.yaml"), AbsolutePath("/srv/app/a.yaml"), AbsolutePath("/srv/app/b.yaml"))


def order(files: tuple[AbsolutePath, ...] = ONE, *, version: int | None = 7) -> ReloadOrder:
    return ReloadOrder(
        "app", files, files[:1], "outdated", attempt=2, version=version, changed_by=42, saved_at=1.25, written_at=1.5
    )


@pytest.mark.parametrize(
    ("files", "word", "expected"),
    [
        pytest.param(ONE, "{file}", "/stage/config.yaml", id="file"),
        pytest.param(ONE, "--config={file}", "--config=/stage/config.yaml", id="inside-a-word"),
        pytest.param(PAIR, "{file:tls.key}", "/stage/tls.key", id="file-by-name"),
        pytest.param(PAIR, "{dir}/tls.crt", "/stage/tls.crt", id="dir"),
        pytest.param(ONE, "{name}-{name}", "my {file} target-my {file} target", id="name-not-looked-at-again"),
        pytest.param(ONE, '{"a": {file }}{files}{}{{', '{"a": {file }}{files}{}{{', id="other-braces-stay"),
    ],
)
def test_placeholders_become_the_paths_to_show(files: tuple[AbsolutePath, ...], word: str, expected: str) -> None:
    paths = {path: f"/stage/{path.name}" for path in files}
    assert substitute(["check", word], name="my {file} target", paths=paths) == ("check", expected)


@pytest.mark.parametrize(
    ("files", "word", "says"),
    [
        pytest.param(PAIR, "{file}", "needs a target with one file", id="file-of-two"),
        pytest.param(PAIR, "{file:tls.pem}", "none of its files", id="no-such-name"),
        pytest.param(APART, "{file:a.yaml}", "2 of its files", id="ambiguous-name"),
        pytest.param(APART, "{dir}", "in one directory", id="dir-of-two"),
    ],
)
def test_a_placeholder_without_one_meaning_is_refused(files: tuple[AbsolutePath, ...], word: str, says: str) -> None:
    assert says in (placeholder_problem([word], files) or "")
    with pytest.raises(ValueError, match=says):
        substitute([word], name="app", paths={path: path for path in files})


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["nginx", "-t"], False),
        (["x", "{name}"], False),
        (["x", "a={file}"], True),
        (["x", "{file:a}"], True),
        (["{dir}"], True),
    ],
    ids=["none", "name", "file", "by-name", "dir"],
)
def test_whether_a_checker_names_its_files(argv: list[str], expected: bool) -> None:
    assert names_files(argv) is expected


def test_the_environment_is_an_allow_list_and_no_channel_or_credential_leaks() -> None:
    ours = {
        "PATH": "/opt/bin",
        "LANG": "de_DE.UTF-8",
        "HOME": "/home/agent",
        "NOTIFY_SOCKET": "/run/systemd/notify",
        "CREDENTIALS_DIRECTORY": "/run/credentials/x",
        "LISTEN_FDS": "1",
        "LISTEN_PID": "1",
        "WATCHDOG_USEC": "1",
        "JOURNAL_STREAM": "8:1",
        "INVOCATION_ID": "ab",
        "CONFIG_SERVICE_TOKEN": "canary",
        "CONFIG_SERVICE_KEY_FILE": "/canary",
        "SSLKEYLOGFILE": "/canary",
        "LD_PRELOAD": "/canary",
        "CONFIG_SYNC_CONFIG": "/canary",
    }
    assert hook_environment(ours, order(PAIR)) == {
        "PATH": "/opt/bin",
        "LANG": "de_DE.UTF-8",
        "HOME": "/home/agent",
        "CONFIG_SYNC_TARGET": "app",
        "CONFIG_SYNC_REASON": "outdated",
        "CONFIG_SYNC_VERSION": "7",
        "CONFIG_SYNC_PREVIOUS_VERSION": "",
        "CONFIG_SYNC_FILES": "/etc/app/tls.crt\n/etc/app/tls.key",
        "CONFIG_SYNC_CHANGED": "/etc/app/tls.crt",
        "CONFIG_SYNC_ATTEMPT": "2",
    }


def test_there_is_a_path_even_where_the_agent_has_none() -> None:
    assert "/usr/bin" in hook_environment({}, order())["PATH"].split(":")


def test_the_story_is_one_json_object_with_null_for_the_unknown() -> None:
    assert json.loads(story(order(version=None))) == {
        "target": "app",
        "reason": "outdated",
        "attempt": 2,
        "version": None,
        "previous_version": None,
        "changed_by": 42,
        "saved_at": 1.25,
        "written_at": 1.5,
        "files": ["/etc/app/config.yaml"],
        "changed": ["/etc/app/config.yaml"],
    }
