"""A change reaches the application: by a restart, by a signal, or by its variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.program import Home
from tests.service import write_config
from tests.system.supervising.applications import LIVES, application, read
from tests.waiting import eventually


def test_a_change_restarts_it_with_the_new_file(home: Home, configs: Path) -> None:
    app = application(home, LIVES, traps="trap 'note ended; exit 0' TERM")
    with app.behind() as started:
        app.until(read({"a": 1}))
        write_config(configs, "app", {"a": 2})
        app.until(read({"a": 2}))
        eventually(lambda: home.target("app").get("reload_pending") is False and home.target("app").get("version") == 2)
        assert app.notes[-3] == "ended", "it was asked to end, and had"
        assert started.end() == 0
    assert len(app.pids) == 2


def test_the_same_content_again_restarts_nothing(home: Home, configs: Path) -> None:
    app = application(home, LIVES)
    with app.behind() as started:
        app.until(read({"a": 1}))
        write_config(configs, "app", b'{ "a" : 1 }')
        assert home.ask("sync", "--wait").returncode == 0
        (home.root / "app.json").chmod(0o600)
        assert home.ask("sync", "--wait").returncode == 0
        assert started.end() == 128 + 15
    # The spelling of `json: verbatim` is new content; a mode that is put right is not.
    assert len(app.pids) == 2


def test_an_edit_by_hand_is_put_right_and_the_application_told(home: Home) -> None:
    app = application(home, LIVES)
    with app.behind():
        app.until(read({"a": 1}))
        (home.root / "app.json").write_text('{"a": "edited"}')
        app.until(read({"a": 1}), times=2)


def test_one_that_does_not_end_is_killed_when_its_grace_is_over(home: Home, configs: Path) -> None:
    app = application(home, LIVES, traps="trap '' TERM")
    with app.behind("--grace", "300ms") as started:
        app.until(read({"a": 1}))
        write_config(configs, "app", {"a": 2})
        app.until(read({"a": 2}))
        assert not Path(f"/proc/{app.pids[0]}").exists()
        assert [line.get("outcome") for line in started.events("child.ended")] == ["died of SIGKILL"]


@pytest.mark.parametrize("word", ["HUP", "SIGUSR2"])
def test_a_signal_in_place_of_a_restart(home: Home, configs: Path, word: str) -> None:
    name = word.removeprefix("SIG")
    app = application(home, LIVES, traps=f"trap 'note told; note \"read $(cat app.json)\"' {name}")
    with app.behind("--on-change", word):
        app.until(read({"a": 1}))
        write_config(configs, "app", {"a": 2})
        app.until(read({"a": 2}))
        eventually(lambda: home.target("app").get("reload_pending") is False)
    assert len(app.pids) == 1


def test_a_signal_that_it_would_die_of_is_not_sent_and_stays_owed(home: Home, configs: Path) -> None:
    app = application(home, LIVES)
    with app.behind("--on-change", "HUP") as started:
        app.until(read({"a": 1}))
        write_config(configs, "app", {"a": 2})
        eventually(lambda: home.target("app").get("state") == "reload_pending")
        assert "does not handle SIGHUP and would die of it" in started.err
        assert not started.ended()
    assert len(app.pids) == 1


def test_a_target_with_a_reload_of_its_own_restarts_nothing(home: Home, configs: Path) -> None:
    home.configure(f"""\
        targets: {{app: {{files: [{{path: {home.root}/app.json}}], reload: {{touch: {home.root}/stamp}}}}}}
        """)
    app = application(home, LIVES)
    with app.behind():
        app.until(read({"a": 1}))
        before = (home.root / "stamp").stat().st_mtime_ns
        write_config(configs, "app", {"a": 2})
        eventually(lambda: (home.root / "stamp").stat().st_mtime_ns != before)
        eventually(lambda: home.target("app").get("reload_pending") is False and home.target("app").get("version") == 2)
    assert len(app.pids) == 1


def test_reload_by_an_operator_restarts_it(home: Home) -> None:
    app = application(home, LIVES)
    with app.behind():
        app.until(read({"a": 1}))
        assert home.ask("reload", "app").returncode == 0
        app.until(read({"a": 1}), times=2)


def test_other_settings_bring_a_new_target_and_a_restart(home: Home, configs: Path) -> None:
    app = application(home, LIVES)
    write_config(configs, "more", {"m": 1})
    with app.behind():
        app.until(read({"a": 1}))
        home.configure(f"""\
            targets:
              app: {{files: [{{path: {home.root}/app.json}}]}}
              more: {{files: [{{path: {home.root}/more.json}}]}}
            """)
        assert home.ask("reload-settings").returncode == 0
        app.until(read({"a": 1}), times=2)
        assert (home.root / "more.json").exists()


class TestEnvironment:
    """``--env``: the variables of a target's env files."""

    @pytest.fixture(autouse=True)
    def _configured(self, home: Home, configs: Path) -> None:
        home.configure(f"""\
            targets:
              app: {{files: [{{path: {home.root}/app.env, env: {{nulls: omit}}}}], required: false}}
            """)
        write_config(configs, "app", {"greeting": 'it\'s "$5" \\ and\nmore', "n": 1})

    def test_it_has_them_and_is_restarted_where_they_change(self, home: Home, configs: Path) -> None:
        app = application(home, LIVES, traps='note "has $GREETING $N"')
        with app.behind("--env", "app"):
            app.until("more 1")
            assert 'has it\'s "$5" \\ and' in app.notes
            write_config(configs, "app", {"greeting": "bye", "n": 2})
            app.until("has bye 2")
            eventually(lambda: home.target("app").get("reload_pending") is False)
        assert len(app.pids) == 2

    def test_it_is_not_where_only_their_order_does(self, home: Home, configs: Path) -> None:
        app = application(home, LIVES)
        with app.behind("--env", "app"):
            eventually(lambda: app.pids)
            write_config(configs, "app", {"n": 1, "greeting": 'it\'s "$5" \\ and\nmore'})
            eventually(lambda: home.target("app").get("version") == 2)
            eventually(lambda: home.target("app").get("reload_pending") is False)
        assert len(app.pids) == 1

    def test_another_file_of_the_same_target_restarts_it_too(self, home: Home, configs: Path) -> None:
        home.configure(f"""\
            targets:
              app:
                files: [{{path: {home.root}/app.env, config: app}}, {{path: {home.root}/app.json, config: other}}]
            """)
        write_config(configs, "other", {"o": 1})
        app = application(home, LIVES)
        with app.behind("--env", "app"):
            app.until(read({"o": 1}))
            write_config(configs, "other", {"o": 2})
            app.until(read({"o": 2}))
            eventually(lambda: home.target("app").get("reload_pending") is False)
            write_config(configs, "app", {"n": 2})
            app.until("read N='2'")
            eventually(lambda: home.target("app").get("reload_pending") is False)
        assert len(app.pids) == 3, "once for each change"

    def test_a_variable_of_ours_gives_way(self, home: Home) -> None:
        app = application(home, "exit 0\n", traps='note "has $N"')
        with app.behind("--env", "app", env={"N": "outside"}) as started:
            assert started.process.wait(60) == 0
        assert "has 1" in app.notes

    def test_an_edit_by_hand_that_is_no_env_file_is_told(self, home: Home) -> None:
        app = application(home, "exit 0\n")
        with app.behind("--env", "app") as started:
            assert started.process.wait(60) == 0
        home.configure(f"""\
            targets: {{app: {{files: [{{path: {home.root}/app.env}}], on_drift: ignore}}}}
            """)
        (home.root / "app.env").write_text("A=1\nsecret words without a sign\n")
        done = home.ask("exec", "--env", "app", "--", "true")
        assert done.returncode == 10, done.stderr
        assert "app.env cannot be the application's environment: line 2 does not begin with NAME=" in done.stderr
        assert "secret words" not in done.stderr
