"""A folder of files is a set of versioned configs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config_sync.devserver.folder import KEPT_VERSIONS, ConfigFolder
from tests.service import write_config


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.time

    def now(self) -> float:
        """Seconds."""
        return self.time


class Watched:
    """A `ConfigFolder`, what it told, and short words for what tests ask."""

    def __init__(self, directory: Path) -> None:
        self.told: list[str] = []
        self.clock = SetClock()
        self.folder = ConfigFolder(str(directory), tell=self.told.append, clock=self.clock)

    def refresh(self) -> list[tuple[str, int]]:
        """Look: the changed configs and their versions."""
        return [(change.config, change.version.number) for change in self.folder.refresh()]

    def get(self, name: str, environment: str | None = None, version: int | None = None) -> tuple[bytes, int] | None:
        """Document and version."""
        found = self.folder.get(name, environment=environment, version=version)
        return (found.document, found.version) if found is not None else None


@pytest.fixture
def watched(configs: Path) -> Watched:
    """Over an empty folder."""
    return Watched(configs)


def test_every_file_is_version_1_at_first(watched: Watched, configs: Path) -> None:
    write_config(configs, "app", b'{"a": 1}')
    write_config(configs, "app", b'{"a": 2}', environment="production")
    write_config(configs, "worker.yml", "a: 3")
    assert watched.refresh() == [("app", 1), ("worker", 1)]
    assert watched.get("app") == (b'{"a": 1}', 1)
    assert watched.get("app", "production") == (b'{"a": 2}', 1)
    assert watched.get("app", "elsewhere") == (b'{"a": 1}', 1)
    assert watched.get("worker") == (b'{"a":3}', 1)
    assert watched.told == []


def test_a_second_look_at_the_same_files_changes_nothing(watched: Watched, configs: Path) -> None:
    path = write_config(configs, "app", b"{}")
    watched.refresh()
    os.utime(path)
    write_config(configs, "app", b"{}")
    assert watched.refresh() == []


def test_a_change_of_any_of_its_files_is_one_new_version(watched: Watched, configs: Path) -> None:
    write_config(configs, "app", b"1")
    watched.refresh()
    write_config(configs, "app", b"2", environment="production")
    assert watched.refresh() == [("app", 2)]
    assert watched.get("app") == (b"1", 2)
    assert watched.get("app", "production") == (b"2", 2)


def test_earlier_versions_stay_as_they_were(watched: Watched, configs: Path) -> None:
    for number in (1, 2, 3):
        write_config(configs, "app", number)
        watched.refresh()
    write_config(configs, "app", 4, environment="production")
    watched.refresh()
    assert [watched.get("app", "production", version) for version in (1, 2, 3, 4)] == [
        (b"1", 1), (b"2", 2), (b"3", 3), (b"4", 4),
    ]  # fmt: skip
    assert watched.get("app", version=5) is None


def test_memory_is_bounded(watched: Watched, configs: Path) -> None:
    for number in range(1, KEPT_VERSIONS + 3):
        write_config(configs, "app", number)
        watched.refresh()
    assert watched.get("app", version=2) is None
    assert watched.get("app", version=3) == (b"3", 3)


@pytest.mark.parametrize("content", ["{", ""], ids=["half", "empty"])
def test_a_broken_file_keeps_the_last_good_version_and_is_told_once(
    watched: Watched, configs: Path, content: str
) -> None:
    path = write_config(configs, "app", b"1")
    watched.refresh()
    write_config(configs, "app", content)
    assert [watched.refresh(), watched.refresh()] == [[], []]
    assert watched.get("app") == (b"1", 1)
    assert len(watched.told) == 1
    assert watched.told[0].startswith(f"{path}: ")
    assert watched.told[0].endswith("; the last good version stays")
    assert [one.is_valid for one in watched.folder.listing()] == [False]
    write_config(configs, "app", b"1")
    assert watched.refresh() == []
    assert [one.is_valid for one in watched.folder.listing()] == [True]


def test_a_file_that_never_was_good_is_no_config(watched: Watched, configs: Path) -> None:
    write_config(configs, "app", b"{")
    assert watched.refresh() == []
    assert watched.get("app") is None
    assert not watched.folder.has("app")
    assert watched.told[0].endswith("; there is no earlier version")
    write_config(configs, "app", b"1")
    assert watched.refresh() == [("app", 1)]


def test_a_deleted_config_is_gone_and_its_return_is_a_later_version(watched: Watched, configs: Path) -> None:
    path = write_config(configs, "app", b"1")
    watched.refresh()
    path.unlink()
    assert watched.refresh() == [("app", 2)]
    assert [watched.get("app"), watched.get("app", version=1)] == [None, None]
    assert watched.folder.listing() == []
    write_config(configs, "app", b"1")
    assert watched.refresh() == [("app", 3)]


def test_a_deleted_environment_file_gives_way_to_the_base_file(watched: Watched, configs: Path) -> None:
    write_config(configs, "app", b"1")
    path = write_config(configs, "app", b"2", environment="production")
    watched.refresh()
    path.unlink()
    assert watched.refresh() == [("app", 2)]
    assert watched.get("app", "production") == (b"1", 2)


def test_a_config_of_one_environment_only_has_no_base(watched: Watched, configs: Path) -> None:
    write_config(configs, "app", b"1", environment="production")
    watched.refresh()
    assert watched.get("app") is None
    assert watched.get("app", "production") == (b"1", 1)
    assert [one.name for one in watched.folder.listing()] == ["app"]


def test_json_wins_over_yaml_of_the_same_name(watched: Watched, configs: Path) -> None:
    write_config(configs, "app.yaml", "1")
    watched.refresh()
    write_config(configs, "app.json", "2")
    assert watched.refresh() == [("app", 2)]
    assert watched.get("app") == (b"2", 2)
    assert watched.told == [f"{configs}/app.yaml: not served: app.json is the same config"]


def test_what_is_no_config_is_left_alone(watched: Watched, configs: Path) -> None:
    (configs / ".hidden.json").write_text("1")
    (configs / "app.json~").write_text("1")
    (configs / "README.md").write_text("1")
    (configs / "folder.json").mkdir()
    (configs / "deep" / "deeper").mkdir(parents=True)
    (configs / "deep" / "deeper" / "app.json").write_text("1")
    (configs / ".git").mkdir()
    (configs / ".git" / "app.json").write_text("1")
    os.mkfifo(configs / "fifo.json")
    (configs / "dangling.json").symlink_to("nowhere")
    assert watched.refresh() == []
    assert watched.told == []


def test_a_name_that_no_client_may_ask_for_is_told(watched: Watched, configs: Path) -> None:
    (configs / "my app.json").write_text("1")
    assert watched.refresh() == []
    assert watched.told == [f"{configs}/my app.json: not served: a config name has no ' '"]


def test_a_link_is_followed_as_in_a_mounted_config_map(watched: Watched, configs: Path) -> None:
    for number in (1, 2):
        (configs / f"..{number}").mkdir()
        (configs / f"..{number}" / "app.json").write_text(str(number))
    (configs / "..data").symlink_to("..1")
    (configs / "app.json").symlink_to("..data/app.json")
    assert watched.refresh() == [("app", 1)]
    (configs / "..new").symlink_to("..2")
    (configs / "..new").rename(configs / "..data")
    assert watched.refresh() == [("app", 2)]


def test_a_folder_that_vanishes_keeps_everything(watched: Watched, configs: Path) -> None:
    write_config(configs, "app", b"1")
    watched.refresh()
    configs.rename(configs.with_name("elsewhere"))
    assert watched.refresh() == []
    assert watched.get("app") == (b"1", 1)
    assert watched.told == [f"{configs}: cannot be read: No such file or directory"]


@pytest.mark.root
def test_what_only_others_may_read_keeps_its_last_good_documents(configs: Path) -> None:
    """Root reads everything: a child without that right (capabilities(7)) looks at the folder."""
    write_config(configs, "app", b"1")
    write_config(configs, "app", b"2", environment="production")
    write_config(configs, "worker", b"3")
    code = (
        "import sys; from pathlib import Path; from tests.unit.devserver.test_folder import Watched\n"
        "configs = Path(sys.argv[1]); watched = Watched(configs); assert len(watched.refresh()) == 2\n"
        "(configs / 'production').chmod(0); (configs / 'worker.json').chmod(0)\n"
        "assert watched.refresh() == [] == watched.refresh()\n"
        "assert watched.get('app', 'production') == (b'2', 1); assert watched.get('worker') == (b'3', 1)\n"
        "assert [one.is_valid for one in watched.folder.listing()] == [False, False]\n"
        "print(*watched.told, sep='\\n')\n"
    )
    without = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
    done = subprocess.run([*without, sys.executable, "-c", code, configs], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"{configs}/worker.json: cannot be read: Permission denied",
        f"{configs}/production: cannot be read: Permission denied",
    ]


def test_times_and_the_one_who_changed_it(watched: Watched, configs: Path) -> None:
    path = write_config(configs, "app", b"1")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    (first,) = watched.folder.refresh()
    assert (first.version.saved_at, first.version.changed_by) == (1_700_000_000, path.stat().st_uid)
    write_config(configs, "app", b"2")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    (second,) = watched.folder.refresh()
    assert second.version.saved_at == watched.clock.time, "a copy's old time says nothing of when it came"
    (row,) = watched.folder.listing()
    assert (row.valid_from, row.updated_at) == (1_700_000_000, watched.clock.time)


def test_no_repr_shows_a_document(watched: Watched, configs: Path) -> None:
    write_config(configs, "app", b'"hunter2"')
    changes = watched.folder.refresh()
    assert "hunter2" not in repr(changes) + repr(watched.folder.get("app"))
