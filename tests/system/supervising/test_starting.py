"""The application starts when its files are right, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import refused_port
from tests.program import Home
from tests.service import write_config
from tests.system.supervising.applications import LIVES, application, read


def test_it_starts_with_the_files_in_place_and_its_exit_code_is_ours(home: Home) -> None:
    app = application(home, "exit 7\n")
    with app.behind() as started:
        assert started.process.wait(60) == 7
    assert read({"a": 1}) in app.notes
    assert len(app.pids) == 1


def test_it_has_our_standard_streams(home: Home) -> None:
    app = application(home, "echo to stdout; echo to stderr >&2\n")
    with app.behind() as started:
        assert started.process.wait(60) == 0
        started.close()
    assert started.out == "to stdout\n"
    assert "to stderr\n" in started.err


def test_it_waits_for_a_config_that_comes_later(home: Home, configs: Path) -> None:
    (configs / "app.json").unlink()
    home.configure(f"""\
        service: {{retry: {{first: 100ms, max: 200ms}}, reconnect: {{first: 100ms, max: 200ms}}}}
        targets: {{app: {{files: [{{path: {home.root}/app.json}}]}}}}
        """)
    app = application(home, "exit 0\n")
    with app.behind() as started:
        started.until_said("target.failed")
        assert app.notes == []
        write_config(configs, "app", {"late": True})
        assert started.process.wait(60) == 0
    assert read({"late": True}) in app.notes


def test_only_the_targets_that_are_named_are_waited_for(home: Home) -> None:
    home.configure(f"""\
        targets:
          app: {{files: [{{path: {home.root}/app.json}}]}}
          other: {{files: [{{path: {home.root}/other.json}}]}}
        """)
    app = application(home, "exit 0\n")
    with app.behind("app") as started:
        assert started.process.wait(60) == 0
    assert not (home.root / "other.json").exists()


def test_after_a_restart_it_starts_with_files_that_were_compared_first(home: Home, configs: Path) -> None:
    app = application(home, "exit 0\n")
    with app.behind() as started:
        assert started.process.wait(60) == 0
    write_config(configs, "app", {"a": 2})
    with app.behind() as started:
        assert started.process.wait(60) == 0
    assert app.notes[-1] == read({"a": 2})
    assert len(app.pids) == 2, "started once each time, and never with the old file"


def test_in_an_outage_it_starts_with_the_files_that_are_there(home: Home) -> None:
    app = application(home, "exit 0\n")
    with app.behind() as started:
        assert started.process.wait(60) == 0
    with refused_port() as port, app.behind(env={"CONFIG_SERVICE_HOST": f"http://127.0.0.1:{port}"}) as started:
        assert started.process.wait(60) == 0
    assert app.count(read({"a": 1})) == 2


def test_it_has_our_environment_without_what_is_ours_alone(home: Home) -> None:
    app = application(home, "env >seen\n")
    with app.behind(env={"GREETING": "hello", "NOTIFY_SOCKET": "/nowhere"}) as started:
        assert started.process.wait(60) == 0
    seen = (home.root / "seen").read_text()
    assert "GREETING=hello" in seen
    secrets = (home.environ["CONFIG_SERVICE_TOKEN"], home.environ["CONFIG_SERVICE_KEY"], "NOTIFY_SOCKET")
    assert not [one for one in secrets if one in seen]


def test_it_gets_no_credential_under_whatever_name_the_settings_have_it(home: Home) -> None:
    home.configure(f"""\
        service: {{token: {{env: MY_TOKEN}}, key: {{env: MY_KEY}}}}
        targets: {{app: {{files: [{{path: {home.root}/app.json}}]}}}}
        """)
    app = application(home, "env >seen\n")
    token, key = home.environ["CONFIG_SERVICE_TOKEN"], home.environ["CONFIG_SERVICE_KEY"]
    with app.behind(env={"MY_TOKEN": token, "MY_KEY": key, "MINE": "stays"}) as started:
        assert started.process.wait(60) == 0
    seen = (home.root / "seen").read_text()
    assert "MINE=stays" in seen
    assert not [one for one in (token, key, "MY_TOKEN", "MY_KEY") if one in seen]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("exec",), 2, "no application is named"),
        (("exec", "nope", "--", "true"), 2, "no target 'nope'"),
        (("exec", "--on-change", "TERM", "--", "true"), 2, "--on-change: 'TERM' is neither"),
        (("exec", "--grace", "soon", "--", "true"), 2, "--grace"),
        (("exec", "--env", "app", "--", "true"), 2, "has no file of format env"),
        (("exec", "--", "no-such-program"), 127, "no-such-program could not be started: no-such-program was not found"),
        (("exec", "--", "/etc"), 126, "/etc is a directory"),
        (("exec", "--", "/no/such/program"), 127, "/no/such/program does not exist"),
    ],
)
def test_what_cannot_work_is_one_line_a_hint_and_an_exit_code(
    home: Home, words: tuple[str, ...], code: int, said: str
) -> None:
    done = home.ask(*words)
    told = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert done.returncode == code, done.stderr
    assert said in told[0]
    assert told[1].startswith("  hint: ")
    assert len(told) == 2


def test_its_words_reach_the_application_as_they_are(home: Home) -> None:
    done = home.ask("exec", "--", "/bin/sh", "-c", 'printf "[%s]" "$@"', "sh", "--env", "a b", "--", "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[--env][a b][--][--help]"


def test_a_term_before_the_application_runs_ends_us_as_it_would_have(home: Home, configs: Path) -> None:
    (configs / "app.json").unlink()
    app = application(home, LIVES)
    with app.behind() as started:
        started.until_said("target.failed")
        assert started.end() == 128 + 15
    assert app.notes == []


def test_without_a_state_directory_it_does_its_work_all_the_same(home: Home) -> None:
    app = application(home, "exit 3\n")
    nowhere = {"STATE_DIRECTORY": "/proc/no/state", "RUNTIME_DIRECTORY": "/proc/no/run"}
    with app.behind(env=nowhere) as started:
        assert started.process.wait(60) == 3, started.err
    assert read({"a": 1}) in app.notes
    assert "state.unavailable" in started.err
