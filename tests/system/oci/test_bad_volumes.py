"""A container that is set up wrongly: one clear sentence each, by ``check`` and where it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import told
from tests.service import write_config
from tests.system.oci.image import Image
from tests.system.oci.machine import Container
from tests.system.oci.pods import FS_GROUP, Volumes
from tests.waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.oci]

FILE = ("--file", "my-service=/config/config.yaml")


@pytest.fixture
def bare(image: Image, volumes: Volumes, configs: Path, config_service: RunningService) -> Container:
    """Any uid: no entry in passwd, no HOME, no state directory, and nothing to write but the volume."""
    write_config(configs, "my-service", {"port": 1})
    mounts = ((volumes.path("config"), "/config", "rw"),)
    made = replace(image.container(), uid=54321, gid=54321, groups=(FS_GROUP,), mounts=mounts)
    return replace(made, env=config_service.environment)


def words(container: Container, *given: str) -> Container:
    return replace(container, argv=("config-sync", *given))


class TestAnyUid:
    def test_once_writes_and_says_that_it_has_no_memory(self, image: Image, bare: Container, volumes: Volumes) -> None:
        done = image.machine.run(words(bare, "once", *FILE))
        assert done.returncode == 0, done.stderr
        assert image.machine.read(volumes.path("config/config.yaml")) == "port: 1\n"
        assert "state.unavailable" in done.stderr
        assert len(told(done.stderr)) == 1
        assert image.machine.must("ls", "-A", volumes.path("config")) == "config.yaml\n"

    def test_exec_works_without_a_memory(self, image: Image, bare: Container) -> None:
        application = ("--", "sh", "-c", "id -u; cat /config/config.yaml; exit 7")
        done = image.machine.run(words(bare, "exec", *FILE, *application))
        assert (done.returncode, done.stdout) == (7, "54321\nport: 1\n"), done.stderr

    def test_run_says_what_to_mount(self, image: Image, bare: Container) -> None:
        done = image.machine.run(words(bare, "run", *FILE))
        assert done.returncode == 10, done.stderr
        lines = told(done.stderr)
        assert len(lines) == 2, done.stderr
        assert "the agent's memory cannot be kept: " in lines[0]
        assert "/config-sync/lock: the file system is mounted read-only" in lines[0]
        assert "mount a volume there" in lines[1]

    def test_run_works_with_a_volume_for_it_and_a_term_ends_it(
        self, image: Image, bare: Container, volumes: Volumes
    ) -> None:
        own = (volumes.empty("run"), "/run/config-sync", "rw")
        directories = {"STATE_DIRECTORY": "/run/config-sync/state", "RUNTIME_DIRECTORY": "/run/config-sync"}
        container = replace(bare, mounts=(*bare.mounts, own), env={**bare.env, **directories})
        with image.machine.start(words(container, "run", *FILE)) as running:
            eventually(lambda: running.execute("config-sync", "health", "startup").returncode == 0, every_s=0.2)
            assert running.started.end() == 0, running.started.err


def refused(image: Image, container: Container, *said: str, file: str | None, codes: tuple[int, int]) -> None:
    """What `check` and `once` say of it: the words, and no traceback."""
    given = () if file is None else ("--file", f"my-service={file}")
    for command, code in zip((("check",), ("once", "--retry-for", "0s")), codes, strict=True):
        done = image.machine.run(words(container, *command, *given))
        assert done.returncode == code, f"{command}: {done.returncode} {done.stdout}{done.stderr}"
        for word in said:
            assert word in done.stderr, f"{command}: {done.stderr}"
        assert "Traceback" not in done.stderr


def test_a_volume_that_is_not_mounted(image: Image, bare: Container) -> None:
    """The image has no such directory. It may come later: `check` only warns."""
    refused(image, bare, "/nowhere", "create_parents", file="/nowhere/config.yaml", codes=(0, 10))


def test_a_volume_that_is_not_mounted_where_the_image_has_the_directory(image: Image, bare: Container) -> None:
    refused(image, bare, "/srv", "read-only", "a volume there", file="/srv/config.yaml", codes=(10, 10))


def test_a_directory_that_the_uid_cannot_write(image: Image, bare: Container, volumes: Volumes) -> None:
    image.machine.must("sh", "-c", f"chmod 755 {volumes.path('config')}; rm -f {volumes.path('config')}/*")
    refused(image, bare, "uid 54321", "/config", "writ", file="/config/config.yaml", codes=(10, 10))


def test_a_group_that_it_is_not_in(image: Image, bare: Container) -> None:
    with_group = replace(bare, env={**bare.env, "CONFIG_SYNC_CONFIG": "/config/settings.yaml"})
    image.machine.put(
        f"{bare.mounts[0][0]}/settings.yaml",
        f'service: {{host: "{bare.env["CONFIG_SERVICE_HOST"]}"}}\n'
        "targets: {my-service: {files: [{path: /config/config.yaml, group: 777}]}}\n",
    )
    refused(image, with_group, "uid 54321", "group 777", file=None, codes=(3, 10))


class TestOneFileMounted:
    """``-v file:file``, or ``subPath``."""

    @pytest.fixture
    def mounted(self, image: Image, bare: Container) -> Container:
        path = f"{image.machine.fresh('single')}/config.yaml"
        image.machine.must("sh", "-c", f": >{path}; chown 54321 {path}")
        return replace(bare, mounts=(*bare.mounts, (path, "/config/config.yaml", "rw")))

    def test_it_cannot_be_replaced(self, image: Image, mounted: Container) -> None:
        refused(image, mounted, "mount point", "`write: in_place`", file="/config/config.yaml", codes=(10, 10))

    def test_it_can_be_written_in_place(self, image: Image, mounted: Container) -> None:
        settings = f"{image.machine.fresh('settings')}/settings.yaml"
        image.machine.put(
            settings,
            f'service: {{host: "{mounted.env["CONFIG_SERVICE_HOST"]}"}}\n'
            "targets: {my-service: {files: [{path: /config/config.yaml, write: in_place}]}}\n",
        )
        container = replace(mounted, mounts=(*mounted.mounts, (settings, "/config/settings.yaml", "ro")))
        container = replace(container, env={**container.env, "CONFIG_SYNC_CONFIG": "/config/settings.yaml"})
        checked = image.machine.run(words(container, "check"))
        assert checked.returncode == 0, checked.stderr
        done = image.machine.run(words(container, "once"))
        assert done.returncode == 0, done.stderr
        assert image.machine.read(mounted.mounts[-1][0]) == "port: 1\n"
