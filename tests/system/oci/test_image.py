"""What the Dockerfile makes: a small environment, compiled, with nothing that builds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config_sync import __version__
from tests.system.oci.image import Image, size_of

pytestmark = [pytest.mark.root, pytest.mark.oci]

AT = "/opt/config-sync"


def test_it_runs_as_a_number_on_a_read_only_root(image: Image) -> None:
    done = image.machine.run(image.container("--version"))
    assert (done.returncode, done.stdout) == (0, f"config-sync {__version__}\n"), done.stderr
    assert image.user == "10001:10001", "`runAsNonRoot` cannot tell for a name"


def test_it_holds_what_runs_and_nothing_more(image: Image) -> None:
    packages = image.machine.must("sh", "-c", f"ls {image.root}{AT}/lib/python3*/site-packages").split()
    assert {"config_sync", "cryptography", "httpx", "structlog"} <= set(packages)
    assert not {"pip", "rich", "setuptools", "hatchling", "pytest", "mypy"} & {name.lower() for name in packages}
    assert image.machine.must("sh", "-c", f"ls -A {image.root}{AT}/bin | grep -i pip || true") == ""
    assert size_of(image, AT) < 64 * 1024 * 1024, "bytes, with the extras of the compose file"


def test_every_module_is_compiled_and_used_so(image: Image) -> None:
    # Python tells each file that it reads for a module.
    done = image.machine.run(
        replace(image.container(), argv=(f"{AT}/bin/python", "-v", "-c", "import config_sync.agent.running"))
    )
    assert done.returncode == 0, done.stderr
    of_image = [line for line in done.stderr.splitlines() if AT in line]
    assert [line for line in of_image if "matches" in line or "code object from" in line]
    assert not [line for line in of_image if "code object from" in line and ".pyc" not in line]
