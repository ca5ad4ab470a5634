"""Containers: from their start to the file on disk, what the image weighs, the sidecar's memory, `exec`'s own part.

The processes are this interpreter's, without a runtime around them, so that the figures need no root. The image's
environment is made as examples/docker/Dockerfile makes it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.bench.machine import command, environment_in
from tests.bench.memory import settled
from tests.bench.table import Row, Side
from tests.bench.timing import Measured, in_turn
from tests.service import KEY, TOKEN, serving, write_config
from tests.waiting import eventually

NOTE = (
    "containers: `once` and `exec` of one file over loopback; the environment as the Dockerfile makes it (compiled, no"
    " pip, extra template), without Debian's python3; `run` with 10 targets, settled"
)
ROOT = Path(__file__).resolve().parents[2]
TARGETS = 10


def rows(directory: Path, count: int) -> list[Row]:
    """Start to file, `exec` against the application alone, a sidecar's Rss, the size of the environment."""
    configs = directory / "configs-of-containers"
    for index in range(TARGETS):
        write_config(configs, f"app-{index}", {"port": 8080 + index})
    with serving(configs) as service:
        variables = {
            "CONFIG_SERVICE_HOST": service.url,
            "CONFIG_SERVICE_TOKEN": TOKEN,
            "CONFIG_SERVICE_KEY": KEY,
        }
        environment = environment_in(directory, **variables)
        file = ("--file", f"app-0={directory}/app.json")
        application = [sys.executable, "-c", "pass"]
        alone, once, behind = in_turn(
            [
                Measured("python -c pass", application, environment),
                Measured("init container: once, to its end", command("once", *file), environment),
                Measured("exec -- python -c pass", command("exec", *file, "--", *application), environment),
            ],
            count,
        )
        found = [Row(one.side(), alone.side(), count) for one in (once, behind)]
        found.append(_memory(directory, environment))
    return [*found, _size(directory)]


def _memory(directory: Path, environment: Mapping[str, str]) -> Row:
    folder = directory / "sidecar"
    folder.mkdir()
    targets = "".join(f"  app-{index}: {{files: [{{path: {folder}/{index}.json}}]}}\n" for index in range(TARGETS))
    settings = directory / "sidecar.yaml"
    settings.write_text(f"targets:\n{targets}")
    process = subprocess.Popen(
        command("run", "--config", str(settings)),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with process:
        try:
            eventually(lambda: process.poll() is not None or len(list(folder.iterdir())) == TARGETS)
            return Row(Side(f"sidecar, {TARGETS} targets, Rss", settled(process.pid)["Rss"], "MB"), None, 1)
        finally:
            process.terminate()


def _size(directory: Path) -> Row:
    """As the Dockerfile's steps, with this interpreter."""
    venv, wheels = directory / "image", directory / "wheels"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    constraints = ["--constraint", str(ROOT / ".ci" / "constraints.txt")]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (wheel,) = wheels.glob("*.whl")
    into = [*pip, "--python", str(venv / "bin" / "python"), "install", "--no-compile", *constraints]
    subprocess.run([*into, f"{wheel}[template]"], check=True)
    compileall = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(venv / "lib")]
    subprocess.run(compileall, check=True)
    size = sum(path.lstat().st_size for path in venv.rglob("*") if path.is_file() and not path.is_symlink())
    return Row(Side("image: its environment", size / 1e6, "MB"), None, 1)
