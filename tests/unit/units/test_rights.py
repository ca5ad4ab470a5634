"""What targets need under systemd, read off the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from config_sync.settings import load
from config_sync.units import Names, Rights, Standing, rights_of
from config_sync.units.rights import directories_of

AGENT = 990
NAMES = Names(user=lambda uid: f"user{uid}", group=lambda gid: f"group{gid}", agent_uid=AGENT)
ROOTS = Standing(uid=0, gid=0, mode=0o755, is_ours=False)
EMPTY = Standing(uid=0, gid=0, mode=0o755, is_ours=True)


def rights(
    tmp_path: Path, targets: str, name: str = "app", standing: Mapping[str, Standing | None] | None = None
) -> Rights:
    """Of one target; a directory that `standing` does not tell of is not there."""
    path = tmp_path / "settings.yaml"
    path.write_text(f"service: {{host: https://config.example}}\ntargets:\n{targets}")
    settings = load(str(path), environ={"STATE_DIRECTORY": "/s", "RUNTIME_DIRECTORY": "/r"}, needs_service=True)
    found = {one: (standing or {}).get(one) for one in directories_of(settings.targets)}
    target = next(one for one in settings.targets if one.name == name)
    return rights_of(target, settings.targets, found, NAMES)


def test_the_least_is_a_directory_of_its_own(tmp_path: Path) -> None:
    assert rights(tmp_path, "  app: {files: [{path: /etc/app/a.json}]}") == Rights(
        writable=("/etc/app",), made={"/etc/app": (0o755, "config-sync")}, verbs={}
    )


def test_a_group_comes_from_a_setgid_directory_where_all_files_have_it(tmp_path: Path) -> None:
    found = rights(
        tmp_path, "  app: {files: [{path: /etc/app/a.json, group: '7'}, {path: /etc/app/b.json, group: '7'}]}"
    )
    assert found.made == {"/etc/app": (0o2750, "group7")}
    assert (found.sees_others, found.groups) == (True, ())


def test_two_groups_in_one_directory_take_membership_also_across_targets(tmp_path: Path) -> None:
    both = """\
  app: {files: [{path: /etc/app/a.json, group: '7'}]}
  other: {files: [{path: /etc/app/b.json, group: '8'}]}
"""
    assert rights(tmp_path, both).groups == ("group7",)
    assert rights(tmp_path, both, "other").groups == ("group8",)
    assert rights(tmp_path, both).made == rights(tmp_path, both, "other").made == {"/etc/app": (0o755, "config-sync")}


@pytest.mark.parametrize(
    ("path", "standing", "is_made"),
    [
        pytest.param("/etc/app", EMPTY, True, id="nothing-of-anybody-in-it"),
        pytest.param("/etc/app", ROOTS, False, id="holds-other-things"),
        pytest.param("/etc/app", Standing(AGENT, 0, 0o755, is_ours=False), True, id="the-agents-already"),
        pytest.param("/etc", EMPTY, False, id="the-machines"),
        pytest.param("/tmp", Standing(0, 0, 0o1777, is_ours=True), False, id="everybodys"),
    ],
)
def test_only_a_directory_of_nobody_else_is_taken(tmp_path: Path, path: str, standing: Standing, is_made: bool) -> None:
    found = rights(tmp_path, f"  app: {{files: [{{path: {path}/a.json}}]}}", standing={path: standing})
    assert (path in found.made) is is_made
    is_writable = bool(standing.mode & 0o002)
    assert bool(found.doubts) is not (is_made or is_writable)
    assert all(f"setfacl -m u:config-sync:rwx {path}" in doubt for doubt in found.doubts)


def test_a_setgid_directory_that_stays_gives_its_group_by_itself(tmp_path: Path) -> None:
    targets = "  app: {files: [{path: /etc/app/a.json, group: '7'}]}"
    setgid = Standing(0, 7, 0o2770, is_ours=False)
    assert rights(tmp_path, targets, standing={"/etc/app": setgid}).groups == ()
    assert rights(tmp_path, targets, standing={"/etc/app": ROOTS}).groups == ("group7",)


def test_each_unit_gets_the_verbs_of_its_actions_and_no_other(tmp_path: Path) -> None:
    found = rights(
        tmp_path,
        "  app:\n    files: [{path: /etc/app/a.json}]\n"
        "    reload: [{systemd: one}, {systemd: two.service, action: restart}, {systemd: one.service, action: reload},"
        " {systemd: config-sync-hook@x.service, action: start}]\n",
    )
    assert found.verbs == {
        "one.service": ("reload-or-try-restart", "reload"),
        "two.service": ("restart",),
        "config-sync-hook@x.service": ("start",),
    }
    assert not found.signals


def test_owners_signals_homes_and_stamps(tmp_path: Path) -> None:
    found = rights(
        tmp_path,
        "  app:\n    files: [{path: /home/app/a.json, owner: '5'}]\n"
        "    reload: [{signal: HUP, pidfile: /tmp/app.pid}, {touch: /run/config-sync-stamps/app.service}]\n",
    )
    assert (found.gives_owner, found.signals, found.sees_others) == (True, True, True)
    assert (found.sees_homes, found.sees_temporary) == (True, True)
    assert found.stamped == ("app.service",)
    assert found.made["/run/config-sync-stamps"] == (0o755, "config-sync")
    assert found.writable == ("/home/app", "/run/config-sync-stamps")


def test_a_hook_of_another_user_is_told_to_be_a_unit(tmp_path: Path) -> None:
    found = rights(tmp_path, "  app: {files: [{path: /etc/app/a.json}], reload: {command: [/bin/true], user: nobody}}")
    assert "config-sync-hook@NAME.service" in found.doubts[0]
