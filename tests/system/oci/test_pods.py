"""The manifests of examples/kubernetes, run: each container as a cluster would hand it to its OCI runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import yaml

from config_sync.devserver.server import RunningService
from tests.docs.example import EXAMPLES
from tests.service import write_config
from tests.system.oci.image import Image
from tests.system.oci.machine import Container
from tests.system.oci.pods import Volumes, as_user, at_service, container_of, pause, probe_of
from tests.waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.oci]

KUBERNETES = EXAMPLES / "kubernetes"
APPLICATION = "/usr/local/bin/my-service"
TELLS = "trap 'echo told; cat /config/config.yaml' HUP; trap 'exit 0' TERM; cat /config/config.yaml; "
LIVES = "while :; do sleep 0.05 & wait $!; done"


def pod(name: str) -> Mapping[str, object]:
    """The spec of the pod in that file of examples/kubernetes."""
    found: object = yaml.safe_load((KUBERNETES / f"{name}.yaml").read_text())
    assert isinstance(found, dict)
    spec: object = found["spec"]["template"]["spec"] if found["kind"] == "Deployment" else found["spec"]
    return cast("Mapping[str, object]", spec)


@pytest.fixture
def sidecar_volumes(volumes: Volumes, config_service: RunningService) -> Volumes:
    """With a place for the sidecar's own things, and the example's settings at this service."""
    volumes.empty("run")
    settings = (KUBERNETES / "base" / "settings.yaml").read_text()
    # A config that is not at the service yet is asked for again after seconds, which grow to a minute.
    soon = "  retry: {first: 100ms, max: 200ms}\n  reconnect: {first: 100ms, max: 200ms}\n"
    settings = settings.replace("https://config.example.com", config_service.url)
    settings = settings.replace("agent:\n", f"{soon}agent:\n")
    volumes.projected("settings", {"settings.yaml": settings}, mode=0o644)
    return volumes


def application(container: Container) -> Container:
    """A program at the path that the example names: bash under another name, which notes what it reads."""
    return replace(container, argv=(APPLICATION, "-c", TELLS + LIVES))


@pytest.fixture(scope="module")
def with_application(image: Image) -> Image:
    """The image with the program of the application in it."""
    image.machine.must("cp", "/bin/bash", f"{image.root}{APPLICATION}")
    return image


def test_the_init_container_writes_and_an_application_of_another_uid_reads(
    image: Image, volumes: Volumes, configs: Path, config_service: RunningService
) -> None:
    write_config(configs, "my-service", {"port": 8080})
    example = pod("init-container")
    done = image.machine.run(at_service(container_of(image, example, "config-sync", volumes), config_service.url))
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
    reader = as_user(container_of(image, example, "my-service", volumes), 20002)
    read = image.machine.run(replace(reader, argv=("stat", "-c", "%u %g %a", "/config/config.yaml")))
    assert read.stdout == "10001 10001 440\n", read.stderr
    read = image.machine.run(replace(reader, argv=("cat", "/config/config.yaml")))
    assert read.stdout == "port: 8080\n", read.stderr
    other = image.machine.run(replace(reader, argv=("cat", "/config/config.yaml"), groups=()))
    assert other.returncode != 0, "only the pod's group may read it"
    assert image.machine.read(f"{volumes.base}/termination-log") == ""


def test_the_reason_of_a_failure_is_in_the_termination_log(
    image: Image, volumes: Volumes, configs: Path, config_service: RunningService
) -> None:
    example = at_service(container_of(image, pod("init-container"), "config-sync", volumes), config_service.url)
    done = image.machine.run(example)
    assert done.returncode == 5
    left = image.machine.read(f"{volumes.base}/termination-log")
    assert left is not None
    assert "my-service" in left
    assert left.strip() in done.stderr
    # A command beside it, as an exec probe is one, leaves what stands there.
    image.machine.run(replace(example, argv=("config-sync", "status", "nobody")))
    assert image.machine.read(f"{volumes.base}/termination-log") == left
    write_config(configs, "my-service", {"port": 8080})
    words = ("exec", "--file", "my-service=/config/config.yaml", "--", "no-such-program")
    done = image.machine.run(replace(example, argv=("config-sync", *words)))
    assert done.returncode == 127, done.stderr
    left = image.machine.read(f"{volumes.base}/termination-log")
    assert left is not None
    assert left.startswith("no-such-program could not be started")


def test_a_native_sidecar(
    with_application: Image, sidecar_volumes: Volumes, configs: Path, config_service: RunningService
) -> None:
    """Red until the file is there; a HUP by `exe`; green at once after a restart; TERM ends it with 0."""
    image, machine, example = with_application, with_application.machine, pod("base/deployment")
    startup, ready = (probe_of(example, "config-sync", kind) for kind in ("startupProbe", "readinessProbe"))
    with machine.start(pause(image)) as first:
        sidecar = container_of(image, example, "config-sync", sidecar_volumes, pids_of=first.pid)
        app = container_of(image, example, "my-service", sidecar_volumes, pids_of=first.pid)
        with machine.start(sidecar) as running:
            running.started.until_said("target.failed")
            assert running.execute(*startup).returncode == 1, "the config is not at the service yet"
            write_config(configs, "my-service", {"port": 1})
            eventually(lambda: running.execute(*startup).returncode == 0, every_s=0.2)
            with machine.start(application(app)) as reading:
                eventually(lambda: "port: 1\n" in reading.started.out)
                write_config(configs, "my-service", {"port": 2})
                eventually(lambda: "told\nport: 2\n" in reading.started.out)
                assert running.execute(*ready).returncode == 0
                # The container starts again, as after a crash; files, records and application are as they were.
                assert running.started.end() == 0, running.started.err
                with machine.start(sidecar) as again:
                    eventually(lambda: again.execute(*startup).returncode == 0, every_s=0.2)
                    write_config(configs, "my-service", {"port": 3})
                    eventually(lambda: "told\nport: 3\n" in reading.started.out)
                    assert again.started.end() == 0, again.started.err
                assert reading.started.out.count("told") == 2, "no reload for what was right already"


def test_a_sidecar_of_another_uid_says_both_and_what_to_do(
    with_application: Image, sidecar_volumes: Volumes, configs: Path
) -> None:
    image, machine, example = with_application, with_application.machine, pod("base/deployment")
    write_config(configs, "my-service", {"port": 1})
    with machine.start(pause(image)) as first:
        sidecar = container_of(image, example, "config-sync", sidecar_volumes, pids_of=first.pid)
        app = as_user(container_of(image, example, "my-service", sidecar_volumes, pids_of=first.pid), 20002)
        with machine.start(sidecar) as running:
            eventually(lambda: running.execute("config-sync", "health", "startup").returncode == 0, every_s=0.2)
            with machine.start(application(app)) as reading:
                eventually(lambda: "port: 1\n" in reading.started.out)
                write_config(configs, "my-service", {"port": 2})
                running.started.until_said("10001")
                eventually(lambda: running.started.events("target.failed") or running.started.events("reload.failed"))
                said = running.started.err
    print(said)
    assert "20002" in said
    assert "10001" in said


def test_a_rotated_secret_is_taken_up_without_a_restart(
    image: Image, sidecar_volumes: Volumes, configs: Path, config_service: RunningService
) -> None:
    write_config(configs, "my-service", {"port": 1})
    right = config_service.environment
    sidecar_volumes.projected("credentials", {"token": "an old one", "key": "ab" * 32})
    sidecar = container_of(image, pod("base/deployment"), "config-sync", sidecar_volumes)
    with image.machine.start(sidecar) as running:
        running.started.until_said("target.failed")
        secrets = {"token": right["CONFIG_SERVICE_TOKEN"], "key": right["CONFIG_SERVICE_KEY"]}
        sidecar_volumes.projected("credentials", secrets)
        eventually(lambda: image.machine.read(f"{sidecar_volumes.path('config')}/config.yaml") == "port: 1\n")


def test_a_plain_sidecar_takes_over_what_its_init_container_wrote(
    with_application: Image, sidecar_volumes: Volumes, configs: Path
) -> None:
    image, machine, example = with_application, with_application.machine, pod("plain-sidecar")
    write_config(configs, "my-service", {"port": 1})
    with machine.start(pause(image)) as first:
        done = machine.run(container_of(image, example, "config-sync-once", sidecar_volumes, pids_of=first.pid))
        assert done.returncode == 0, done.stderr
        app = container_of(image, example, "my-service", sidecar_volumes, pids_of=first.pid)
        sidecar = container_of(image, example, "config-sync", sidecar_volumes, pids_of=first.pid)
        ready = probe_of(example, "config-sync", "readinessProbe")
        with machine.start(application(app)) as reading, machine.start(sidecar) as running:
            eventually(lambda: running.execute(*ready).returncode == 0, every_s=0.2)
            write_config(configs, "my-service", {"port": 2})
            eventually(lambda: "told\nport: 2\n" in reading.started.out)
            assert reading.started.out.count("told") == 1
