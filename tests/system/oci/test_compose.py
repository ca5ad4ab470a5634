"""The compose file of examples/docker, run service by service: TLS from its own CA, `exec`, and a sidecar."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
import yaml

from tests.docs.example import EXAMPLES
from tests.service import write_config
from tests.system.oci.image import Image
from tests.system.oci.machine import Container, Running, beside
from tests.waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.oci]

DOCKER = EXAMPLES / "docker"


def services() -> Mapping[str, Mapping[str, object]]:
    """By name, with what they merge."""
    page: object = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    assert isinstance(page, dict)
    return cast("Mapping[str, Mapping[str, object]]", page["services"])


class Composition:
    """What compose would make of a service: `folder` stands for the example's, volumes are in the machine's memory."""

    def __init__(self, image: Image, folder: Path) -> None:
        self._image = image
        self._folder = folder
        self._volumes = image.machine.fresh("compose")
        hosts = f"{self._volumes}/hosts"
        image.machine.put(hosts, "127.0.0.1 localhost config-service\n")
        self._hosts = (hosts, "/etc/hosts", "ro")

    def container(self, name: str, *, pids_of: Running | None = None) -> Container:
        """The service's. In another's PID namespace where it says so."""
        service = services()[name]
        words = service.get("entrypoint", list(self._image.entrypoint)), service["command"]
        mounts = [self._hosts]
        for one in _texts(service["volumes"]):
            source, target, *options = one.split(":")
            if source.startswith("./"):
                source = str(self._folder / source)
            else:
                source = f"{self._volumes}/{source}"
                self._image.machine.must("mkdir", "-p", source)
            mounts.append((source, target, *(options or ["rw"])))  # type: ignore[arg-type]
        uid, _, gid = str(service["user"]).partition(":")
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert (service.get("pid") == "service:reader") == (pids_of is not None)
        environment = cast("Mapping[str, str]", service.get("environment", {}))
        return Container(
            tuple(word.replace("$$", "$") for part in words for word in _texts(part)),
            self._image.root,
            uid=int(uid),
            gid=int(gid),
            env=environment,
            mounts=tuple(mounts),
            tmpfs=tuple((one.partition(":")[0], one.partition(":")[2]) for one in _texts(service.get("tmpfs", []))),
            is_read_only=service["read_only"] is True,
            capabilities=tuple(f"CAP_{one}" for one in _texts(service.get("cap_add", []))),
            shares_pids_of=None if pids_of is None else pids_of.pid,
        )


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(one) for one in value]


def test_the_whole_story(image: Image, tmp_path: Path) -> None:
    folder = tmp_path / "docker"
    shutil.copytree(DOCKER, folder)
    composition = Composition(image, folder)
    with beside(image.machine) as machine, contextlib.ExitStack() as running:
        for name in ("credentials", "volumes"):
            done = machine.run(composition.container(name))
            assert done.returncode == 0, done.stderr
        service = running.enter_context(machine.start(composition.container("config-service")))
        service.started.until_said("export CONFIG_SERVICE_HOST=https://")
        app = running.enter_context(machine.start(composition.container("app")))
        reader = running.enter_context(machine.start(composition.container("reader")))
        sidecar = running.enter_context(machine.start(composition.container("sidecar", pids_of=reader)))
        first = 'now I see {"greeting": "hello", "port": 8080}\n'
        # The reader may read the file before its first HUP, too, and tell twice.
        eventually(lambda: app.started.out == first and first in reader.started.out)
        write_config(folder / "configs", "my-service", {"greeting": "bye"})
        second = 'now I see {"greeting": "bye"}\n'
        eventually(lambda: app.started.out == first + second, every_s=0.1)
        eventually(lambda: reader.started.out.endswith(second), every_s=0.1)
        test = _texts(cast("Mapping[str, object]", services()["sidecar"]["healthcheck"])["test"])
        assert sidecar.execute(*test[1:]).returncode == 0
        assert app.started.end() == 0, app.started.err
        assert sidecar.started.end() == 0, sidecar.started.err
        # Nobody else reads what is decrypted, or the key.
        seen = machine.must("sh", "-c", f"cd {composition._volumes}; find . -type f -printf '%m %U %f\\n' | sort")
    assert "440 10001 my-service.json" in seen
    assert not [line for line in seen.splitlines() if "hosts" not in line and line.split()[0][-1] != "0"], seen
