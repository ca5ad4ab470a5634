"""The examples of containers hold together: manifests by their schemas, files by what names them.

They are run by ``tests/system/oci``.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import kubernetes_validate
import pytest
import yaml

from config_sync.settings import load
from tests.docs.example import EXAMPLES

KUBERNETES, DOCKER = EXAMPLES / "kubernetes", EXAMPLES / "docker"
VERSIONS = ("1.29", "1.33", "1.37")
MANIFESTS = ("init-container.yaml", "plain-sidecar.yaml", "base/deployment.yaml")


def page(path: Path) -> dict[str, object]:
    found: object = yaml.safe_load(path.read_text())
    assert isinstance(found, dict)
    return cast("dict[str, object]", found)


def pod(name: str) -> dict[str, object]:
    """The spec of a manifest's pod."""
    spec = cast("dict[str, object]", page(KUBERNETES / name)["spec"])
    template = spec.get("template")
    return cast("dict[str, object]", cast("dict[str, object]", template)["spec"]) if template else spec


def containers(spec: dict[str, object]) -> Iterator[dict[str, object]]:
    for key in ("initContainers", "containers"):
        yield from cast("list[dict[str, object]]", spec[key])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_fits_the_schema(name: str, version: str) -> None:
    assert kubernetes_validate.validate(page(KUBERNETES / name), version, strict=True) == version


def test_the_schema_would_tell_a_mistake() -> None:
    wrong = page(KUBERNETES / "init-container.yaml")
    cast("dict[str, object]", wrong["spec"])["initContainer"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_the_plain_sidecar_is_for_clusters_that_do_not_know_the_native_one() -> None:
    kubernetes_validate.validate(page(KUBERNETES / "plain-sidecar.yaml"), "1.25", strict=True)
    with pytest.raises(kubernetes_validate.ValidationError, match="restartPolicy"):
        kubernetes_validate.validate(page(KUBERNETES / "base" / "deployment.yaml"), "1.25", strict=True)


@pytest.mark.parametrize("name", MANIFESTS)
def test_every_container_is_restricted_and_its_volumes_are_there(name: str) -> None:
    """As the restricted Pod Security Standard has it; and what is decrypted is in memory."""
    spec = pod(name)
    security = cast("dict[str, object]", spec["securityContext"])
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    volumes = {str(one["name"]): one for one in cast("list[dict[str, object]]", spec["volumes"])}
    assert cast("dict[str, object]", volumes["config"]["emptyDir"])["medium"] == "Memory"
    for container in containers(spec):
        own = cast("dict[str, object]", container["securityContext"])
        assert own["allowPrivilegeEscalation"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}
        mounts = cast("list[dict[str, object]]", container["volumeMounts"])
        assert {str(one["name"]) for one in mounts} <= set(volumes)
        assert not [one for one in mounts if "subPath" in one]


def test_the_kustomize_base_names_what_is_there() -> None:
    base = page(KUBERNETES / "base" / "kustomization.yaml")
    (generator,) = cast("list[dict[str, object]]", base["configMapGenerator"])
    named = [*cast("list[str]", base["resources"]), *cast("list[str]", generator["files"])]
    assert all((KUBERNETES / "base" / name).is_file() for name in named)
    images = {str(one["image"]).partition(":")[0] for one in containers(pod("base/deployment.yaml"))}
    assert {str(one["name"]) for one in cast("list[dict[str, object]]", base["images"])} == images
    (used,) = [
        one for one in cast("list[dict[str, object]]", pod("base/deployment.yaml")["volumes"]) if "configMap" in one
    ]
    assert used["configMap"] == {"name": generator["name"]}


def test_the_sidecars_settings_load() -> None:
    for path in (DOCKER / "sidecar.yaml", KUBERNETES / "base" / "settings.yaml"):
        assert load(str(path), environ={}, needs_service=False).warnings == ()


def test_what_the_compose_file_mounts_is_there() -> None:
    services = cast("dict[str, dict[str, object]]", page(DOCKER / "compose.yaml")["services"])
    for service in services.values():
        for mount in cast("list[str]", service["volumes"]):
            if mount.startswith("./"):
                assert (DOCKER / mount.partition(":")[0]).exists(), mount


DOCKERS = {
    "no docker on this machine": None,
    "this docker has no 'compose'": "exit 1",
    "the Docker daemon does not answer": '[ "$1" = compose ]',
}


@pytest.mark.parametrize("says", DOCKERS)
def test_what_is_missing_for_the_compose_file_is_one_line(tmp_path: Path, says: str) -> None:
    for name in ("dirname", "sh"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    if script := DOCKERS[says]:
        (tmp_path / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "docker").chmod(0o755)
    done = subprocess.run(
        [DOCKER / "compose", "up"], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(says)
    assert done.stderr.count("\n") == 1


def test_the_targets_of_make_are_there() -> None:
    makefile = (EXAMPLES.parent / "Makefile").read_text()
    for word in ("up", "down"):
        assert f"\ndocker-{word}: ##" in makefile
        assert f"\n\t@examples/docker/compose {word}\n" in makefile
    assert os.access(DOCKER / "compose", os.X_OK)
