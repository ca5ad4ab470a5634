"""Pods by their manifests: volumes as the kubelet makes them, and each container as an OCI runtime would get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from tests.system.oci.image import Image
from tests.system.oci.machine import Container, Machine

FS_GROUP = 10001
"""As the examples have it."""
TERMINATION_LOG = "/dev/termination-log"

Json = Mapping[str, object]


@dataclass(slots=True)
class Volumes:
    """The directories behind a pod's volumes, on the machine: root's and `FS_GROUP`'s, with its modes."""

    machine: Machine
    base: str
    _generations: dict[str, int] = field(default_factory=dict)

    def path(self, name: str) -> str:
        """Where the volume is."""
        return f"{self.base}/{name}"

    def empty(self, name: str) -> str:
        """An emptyDir in memory."""
        path = self.path(name)
        self.machine.must("sh", "-ec", f"mkdir -p {path}; chown 0:{FS_GROUP} {path}; chmod 2777 {path}")
        return path

    def projected(self, name: str, files: Mapping[str, str], *, mode: int = 0o440) -> str:
        """A Secret or ConfigMap: files behind ``..data``, which one rename switches. Again: its next content."""
        path = self.path(name)
        number = self._generations[name] = self._generations.get(name, 0) + 1
        made = f"{path}/..{number}"
        self.machine.must("mkdir", "-p", made)
        for file, content in files.items():
            self.machine.put(f"{made}/{file}", content)
        links = "; ".join(f"[ -L {path}/{file} ] || ln -s ..data/{file} {path}/{file}" for file in files)
        self.machine.must(
            "sh",
            "-ec",
            f"chown -R 0:{FS_GROUP} {path}; chmod 755 {path} {made}; chmod {mode:o} {made}/*; ln -s ..{number}"
            f" {path}/..data_tmp; mv -T {path}/..data_tmp {path}/..data; {links}",
        )
        return path

    def log(self) -> str:
        """A termination log: a file that everybody may write."""
        path = f"{self.base}/termination-log"
        self.machine.must("sh", "-ec", f": >{path}; chmod 666 {path}")
        return path


def container_of(image: Image, pod: Json, name: str, volumes: Volumes, *, pids_of: int | None = None) -> Container:
    """The container of that name as its manifest has it (of a pod's spec)."""
    mine = next(one for one in containers(pod) if one["name"] == name)
    security = _mapping(pod["securityContext"])
    own = _mapping(mine["securityContext"])
    assert own["allowPrivilegeEscalation"] is False
    assert _mapping(own["capabilities"])["drop"] == ["ALL"]
    assert _mapping(security["seccompProfile"])["type"] == "RuntimeDefault"
    env = {str(pair["name"]): str(pair["value"]) for pair in map(_mapping, _list(mine.get("env", [])))}
    mounts = [
        (
            volumes.path(str(one["name"])),
            str(one["mountPath"]),
            "ro" if one.get("readOnly") else "rw",
        )
        for one in map(_mapping, _list(mine.get("volumeMounts", [])))
    ]
    mounts.append((volumes.log(), TERMINATION_LOG, "rw"))
    return Container(
        tuple(str(word) for key in ("command", "args") for word in _list(mine.get(key, []))),
        image.root,
        uid=int(str(security["runAsUser"])),
        gid=int(str(security["runAsGroup"])),
        groups=(int(str(security["fsGroup"])),),
        env=env,
        mounts=tuple(mounts),
        is_read_only=own["readOnlyRootFilesystem"] is True,
        shares_pids_of=pids_of,
    )


def pause(image: Image) -> Container:
    """What is process 1 of a pod whose containers share one PID namespace."""
    return Container(("sleep", "infinity"), image.root, uid=65535, gid=65535)


def containers(pod: Json) -> list[Json]:
    """Init containers first."""
    return [_mapping(one) for key in ("initContainers", "containers") for one in _list(pod.get(key, []))]


def probe_of(pod: Json, name: str, kind: str) -> tuple[str, ...]:
    """The command of a probe, such as ``startupProbe``."""
    mine = next(one for one in containers(pod) if one["name"] == name)
    words = _mapping(_mapping(mine[kind])["exec"])["command"]
    return tuple(str(word) for word in _list(words))


def at_service(container: Container, url: str) -> Container:
    """The same container with the service elsewhere."""
    return replace(container, env={**container.env, "CONFIG_SERVICE_HOST": url})


def as_user(container: Container, uid: int, gid: int | None = None) -> Container:
    """The same container as another user, still in the pod's group."""
    return replace(container, uid=uid, gid=uid if gid is None else gid)


def _mapping(value: object) -> Json:
    assert isinstance(value, dict)
    return cast("Json", value)


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
