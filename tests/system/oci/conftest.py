"""One machine and one image for all tests of containers: the image takes a quarter of a minute to build."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from config_sync.devserver.server import RunningService
from tests.system.oci.image import Image, build
from tests.system.oci.machine import machine_at
from tests.system.oci.pods import Volumes


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image of examples/docker/Dockerfile, with what the compose file asks for."""
    with machine_at(tmp_path_factory.mktemp("oci") / "m") as machine:
        yield build(machine, {"EXTRAS": "serve,template"})


@pytest.fixture
def volumes(image: Image, config_service: RunningService) -> Volumes:
    """The volumes of one pod: an empty one, and the Secret with the service's token and key."""
    made = Volumes(image.machine, image.machine.fresh("volumes"))
    made.empty("config")
    secrets = {
        "token": config_service.environment["CONFIG_SERVICE_TOKEN"],
        "key": config_service.environment["CONFIG_SERVICE_KEY"],
    }
    made.projected("credentials", secrets)
    return made
