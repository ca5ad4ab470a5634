"""`diff` as a process: its exit codes, that it changes nothing, and what it says beside an agent and without rights."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import AS_NOBODY, PROGRAM, Home, assert_refused, files_in, home_at
from tests.service import serving, write_config
from tests.waiting import eventually

SECRET = "hunter2-canary"

SETTINGS = """\
targets:
  app:
    prune: true
    files:
      - {{path: {root}/app.yaml, config: app}}
      - {{path: {root}/app.env, config: app}}
    reload: {{command: ["true"]}}
  set:
    files:
      - {{path: {root}/set, config: app, format: files, create_parents: true}}
"""


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    write_config(tmp_path / "configs", "app", {"host": "a", "password": SECRET, "old": 1})
    return tmp_path / "configs"


@pytest.fixture
def service(configs: Path) -> Iterator[RunningService]:
    with serving(configs) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, service: RunningService) -> Home:
    home = home_at(tmp_path / "h", service.url)
    home.configure(SETTINGS.format(root=home.root))
    return home


def changed(configs: Path, home: Home, content: object) -> None:
    """A new version at the service, once it gives that."""
    before = home.ask("get", "app").stdout
    write_config(configs, "app", content)
    eventually(lambda: home.ask("get", "app").stdout != before, every_s=0.1)


def test_diff_of_what_is_not_there_yet_shows_files_to_be_made_and_makes_nothing(home: Home) -> None:
    ended = home.ask("diff")
    assert ended.returncode == 1, ended.stderr
    assert f"--- /dev/null\n+++ {home.root}/app.yaml\n# mode 0640\n@@ -0,0 +1,3 @@\n+host: ••••••\n" in ended.stdout
    assert f"+++ {home.root}/set/password" in ended.stdout
    assert SECRET not in ended.stdout + ended.stderr
    assert f"there is no {home.state_dir}/records.json" in ended.stderr
    assert not home.state_dir.exists()
    assert not (home.root / "app.yaml").exists()
    assert not home.runtime_dir.exists()


def test_diff_ends_with_0_and_no_word_when_all_is_right(home: Home) -> None:
    assert home.once().returncode == 0
    before = files_in(home.root)
    ended = home.ask("diff")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert files_in(home.root) == before


def test_diff_shows_changes_attributes_removals_and_edits(home: Home, configs: Path) -> None:
    assert home.once().returncode == 0
    (home.root / "app.env").chmod(0o600)
    changed(configs, home, {"host": "b", "password": SECRET, "new": [True]})
    before = files_in(home.root)
    ended = home.ask("diff")
    assert ended.returncode == 1
    assert "# app: version 1 on disk, version 2 at the service\n" in ended.stdout
    assert (
        "@@ -1,3 +1,4 @@\n-host: ••••••\n+host: •••••• (changed)\n password: ••••••\n-old: ••••••\n+new:\n+  - ••••••\n"
        in ended.stdout
    )
    assert "# mode 0600 -> 0640\n" in ended.stdout
    assert f"--- {home.root}/set/old\n+++ /dev/null\n" in ended.stdout
    assert "# then: " in ended.stdout
    assert SECRET not in ended.stdout + ended.stderr
    assert files_in(home.root) == before
    assert home.once().returncode == 0
    with (home.root / "app.yaml").open("a") as file:
        file.write("typo: {\n")
    edited = home.ask("diff", "app")
    assert edited.returncode == 1
    assert "# somebody edited it; only line numbers can be shown: it is no YAML that we write\n" in edited.stdout
    assert "typo" not in edited.stdout


def test_diff_shows_values_when_asked_and_never_raw_to_a_terminal(home: Home, configs: Path) -> None:
    assert home.once().returncode == 0
    changed(configs, home, {"host": "b\x1b[31m", "password": SECRET, "old": 1})
    shown = home.ask("diff", "--show-values", "app").stdout
    assert "-host: a\n" in shown
    assert SECRET in shown
    assert "\x1b" not in shown


def test_diff_names_what_prune_would_remove(home: Home) -> None:
    assert home.once().returncode == 0
    home.configure(SETTINGS.format(root=home.root).replace(f"- {{path: {home.root}/app.env, config: app}}", ""))
    ended = home.ask("diff")
    assert ended.returncode == 1
    assert f"--- {home.root}/app.env\n+++ /dev/null\n" in ended.stdout
    assert (home.root / "app.env").exists()


def test_diff_works_beside_a_running_agent_and_takes_no_lock(home: Home) -> None:
    with home.agent():
        ended = home.ask("diff")
        assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr


def test_diff_sees_through_the_links_of_a_directory_layout_and_that_it_comes_or_goes(home: Home) -> None:
    single = f"targets: {{app: {{files: [{{path: {home.root}/in/app.yaml, create_parents: true}}]}}}}"
    whole = single.replace("app: {", "app: {layout: directory, ")
    home.configure(whole)
    assert home.once().returncode == 0
    assert (home.root / "in" / "app.yaml").is_symlink()
    assert home.ask("diff").returncode == 0
    home.configure(single)
    leaves = home.ask("diff")
    assert leaves.returncode == 1
    assert "# layout a link into a set -> a file of its own\n" in leaves.stdout
    assert home.once().returncode == 0
    home.configure(whole)
    assert "# layout a file of its own -> a link into a set\n" in home.ask("diff").stdout


def test_diff_of_an_outage_ends_with_6_and_waits_for_it_once(home: Home) -> None:
    ended = home.command("--config", str(home.settings), "diff", env={"CONFIG_SERVICE_HOST": "http://127.0.0.1:1"})
    assert ended.returncode == 6
    failures = [line for line in ended.stderr.splitlines() if re.match(r"config-sync: (app|set): ", line)]
    assert len(failures) == 2
    assert ended.stdout == ""


def test_diff_goes_on_after_a_target_that_is_refused_and_ends_with_its_code(home: Home, configs: Path) -> None:
    write_config(configs, "bad", {"a-b": SECRET, "a_b": 2})
    eventually(lambda: home.ask("get", "bad").returncode == 0, every_s=0.1)
    bad = f"targets:\n  bad: {{files: [{{path: {home.root}/bad.env}}]}}\n"
    home.configure(SETTINGS.format(root=home.root).replace("targets:\n", bad))
    ended = home.ask("diff")
    assert ended.returncode == 8
    assert "config-sync: bad: A_B is produced by both /a-b and /a_b" in ended.stderr
    assert f"+++ {home.root}/app.yaml" in ended.stdout
    assert SECRET not in ended.stdout + ended.stderr


def test_diff_of_an_empty_document_is_refused_as_a_sync_would(home: Home, configs: Path) -> None:
    assert home.once().returncode == 0
    changed(configs, home, {})
    ended = home.ask("diff", "app")
    assert ended.returncode == 8
    assert "is empty and would replace the content of" in ended.stderr


def test_diff_refuses_a_target_that_is_not_there(home: Home) -> None:
    assert_refused(home.ask("diff", "ap"), 2, "there is no target 'ap'", "did you mean 'app'?")


@pytest.mark.root
def test_diff_as_a_user_without_rights_says_what_it_cannot_know_and_which_file_it_cannot_read(
    home: Home, tmp_path: Path
) -> None:
    assert home.once().returncode == 0
    home.root.chmod(0o755)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        os.chmod(parent, os.stat(parent).st_mode | 0o011)
    os.chmod(home.settings, 0o644)
    ended = home.command("--config", str(home.settings), "diff", "app", before=AS_NOBODY)
    assert ended.returncode == 10, ended.stderr
    assert f"{home.state_dir}/records.json cannot be read by uid 65534: Permission denied" in ended.stderr
    assert f"{home.root}/app.yaml" in ended.stderr
    assert "Traceback" not in ended.stderr
    for name in ("app.yaml", "app.env"):
        (home.root / name).chmod(0o644)
    readable = home.command("--config", str(home.settings), "diff", "app", before=AS_NOBODY)
    assert readable.returncode == 1, readable.stderr
    assert readable.stdout.count("# mode 0644 -> 0640\n") == 2
    assert "@@" not in readable.stdout


def test_diff_of_a_terminal_is_coloured_unless_no_color_says_no(home: Home) -> None:
    assert "\x1b[32m+host: ••••••\x1b[0m" in on_terminal(home, {"TERM": "xterm"})
    for env in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b[" not in on_terminal(home, env)


def on_terminal(home: Home, env: Mapping[str, str]) -> str:
    """What `diff` writes to a terminal of its own."""
    words = [*PROGRAM, "--config", str(home.settings), "diff", "app"]
    done = subprocess.run(
        [sys.executable, "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)", *words],
        cwd=home.root,
        env={**home.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return done.stdout.decode()


def test_diff_whose_reader_is_gone_still_says_that_something_differs(home: Home) -> None:
    write, read = f"{' '.join(PROGRAM)} --config {home.settings} diff", "head -c 1 >/dev/null"
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {write} | {read}"],
        cwd=home.root,
        env=dict(home.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr


def test_diff_takes_the_form_without_a_settings_file(home: Home) -> None:
    ended = home.command("diff", "--file", f"app={home.root}/other.json", "app")
    assert ended.returncode == 1, ended.stderr
    assert f"+++ {home.root}/other.json" in ended.stdout


@pytest.mark.acl
@pytest.mark.root
def test_diff_shows_an_acl_that_a_sync_takes_away(home: Home) -> None:
    assert home.once().returncode == 0
    subprocess.run(["setfacl", "-m", "u:65534:r", home.root / "app.yaml"], check=True)
    ended = home.ask("diff", "app")
    assert ended.returncode == 1
    assert "# acl extended -> none\n" in ended.stdout
    assert home.once().returncode == 0
    assert home.ask("diff").returncode == 0


def test_diff_help_says_how_it_ends(home: Home) -> None:
    helped = home.command("diff", "--help")
    assert helped.returncode == 0
    assert "--show-values" in helped.stdout
    assert "1 where something does" in helped.stdout
