"""The texts: what systemd reads back, what is ours, and what has no place any more."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from config_sync.units import Rights, unit_files, unit_of
from config_sync.units.generated import is_untouched, next_steps, sealed

LEAST = Rights(writable=("/etc/app",), made={"/etc/app": (0o2750, "app")}, verbs={"app.service": ("reload",)})


def files(rights: Rights = LEAST, *, settings: str = "/etc/config-sync/settings.yaml", **more: str) -> dict[str, str]:
    made = unit_files({"app": rights}, settings=settings, program=more.get("program", "/usr/bin/config-sync"))
    return {one.path: one.text for one in made if one.text is not None}


@pytest.mark.parametrize(
    ("settings", "unit"),
    [
        ("/etc/config-sync/settings.yaml", "config-sync.service"),
        ("/etc/config-sync/app.yaml", "config-sync@app.service"),
        ("/etc/config-sync/deep/app.yaml", "config-sync.service"),
        ("/srv/app.yaml", "config-sync.service"),
    ],
)
def test_the_unit_follows_from_where_the_settings_are(settings: str, unit: str) -> None:
    assert unit_of(settings) == unit
    made = files(settings=settings)
    assert f"/etc/systemd/system/{unit}.d/50-app.conf" in made
    says_where = f"Environment=CONFIG_SYNC_CONFIG={settings}\n" in made.get(
        f"/etc/systemd/system/{unit}.d/40-settings.conf", ""
    )
    assert says_where is (unit == "config-sync.service" and settings != "/etc/config-sync/settings.yaml")
    assert next_steps({"app": LEAST}, settings=settings)[-1] == f"systemctl restart {unit}"


def test_the_unit_is_the_shipped_one_with_the_program_that_was_called() -> None:
    shipped = (Path(__file__).parents[3] / "systemd" / "config-sync.service").read_text()
    made = files(program="/opt/a b/config-sync")["/etc/systemd/system/config-sync.service"]
    assert made == sealed(shipped.replace("/usr/local/bin/config-sync", '"/opt/a b/config-sync"'))


def test_the_rule_names_the_units_and_verbs_of_the_target_alone() -> None:
    rule = files()["/etc/polkit-1/rules.d/50-config-sync-app.rules"]
    found = re.search(r"var verbs = (.*);", rule)
    assert found is not None
    assert json.loads(found[1]) == {"app.service": ["reload"]}


def test_what_a_target_does_not_need_any_more_is_removed() -> None:
    nothing = Rights(writable=("/etc",), made={}, verbs={})
    gone = [one.path for one in unit_files({"app": nothing}, settings="/x.yaml", program="/p") if one.text is None]
    assert gone == ["/etc/tmpfiles.d/config-sync-app.conf", "/etc/polkit-1/rules.d/50-config-sync-app.rules"]


def test_a_seal_tells_what_was_changed() -> None:
    for text in ("[Service]\nUser=x\n", "// a rule\nvar x;\n"):
        assert is_untouched(sealed(text))
        assert not is_untouched(sealed(text) + "User=y\n")
        assert not is_untouched(sealed(text).replace("x", "y", 1))
        assert not is_untouched(text)


def test_credentials_of_other_names_are_loaded() -> None:
    made = unit_files(
        {"app": LEAST},
        settings="/etc/config-sync/settings.yaml",
        program="/p",
        credentials=("mine", "config-service-key"),
    )
    text = next(one.text for one in made if one.path.endswith("/40-settings.conf"))
    assert text is not None
    assert [line for line in text.splitlines() if line.startswith("Load")] == ["LoadCredential=mine"]


@pytest.mark.systemd
@pytest.mark.parametrize("path", ["/srv/plain", "/srv/a b", "/srv/50%", "/srv/it's", '/srv/"q"', "/srv/back\\slash"])
def test_systemd_reads_any_path_back(tmp_path: Path, path: str) -> None:
    made = files(Rights(writable=(path,), made={path: (0o755, "root")}), program=shutil.which("true") or "/bin/true")
    unit = tmp_path / "config-sync.service"
    own = made["/etc/systemd/system/config-sync.service"].partition("[Install]")[0]
    unit.write_text(own + made["/etc/systemd/system/config-sync.service.d/50-app.conf"])
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert told.stderr == ""
    line = made["/etc/tmpfiles.d/config-sync-app.conf"].replace(" config-sync ", " root ")
    (tmp_path / "t.conf").write_text(line)
    (tmp_path / "root/srv").mkdir(parents=True)
    words = ["systemd-tmpfiles", "--create", f"--root={tmp_path}/root", str(tmp_path / "t.conf")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (tmp_path / "root" / path[1:]).is_dir(), done.stderr


def test_files_are_named_by_plain_letters_whatever_the_target_is_called() -> None:
    made = unit_files({"a:b ü": LEAST}, settings="/etc/config-sync/settings.yaml", program="/p")
    assert all(re.fullmatch(r"[A-Za-z0-9_./@-]+", one.path) for one in made)


def test_no_two_targets_and_no_two_instances_have_a_file_together() -> None:
    alike = ("web:1", "web_1", "web\u00e9", "web\u00fc")
    made = unit_files(dict.fromkeys(alike, LEAST), settings="/etc/config-sync/settings.yaml", program="/p")
    assert len({one.path for one in made}) == len(made)

    def of_targets(settings: str) -> set[str]:
        made = unit_files({"app": LEAST}, settings=settings, program="/p")
        return {one.path for one in made if "app" in one.path.rpartition("/")[2]}

    one, other = of_targets("/etc/config-sync/a.yaml"), of_targets("/etc/config-sync/b.yaml")
    assert len(one) == 3
    assert not one & other
