"""A machine with config-sync in it: what it needs is put beside, one probe runs inside, its results come out."""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from tests.system.systemd_machine import run_in_machine

ROOT = Path(__file__).resolve().parents[3]

RUNS = (
    "anyio", "certifi", "cffi", "click", "cryptography", "h11", "httpcore", "httpx", "idna", "jinja2", "markupsafe",
    "starlette", "structlog", "uvicorn", "watchfiles", "yaml", "typing_extensions.py",
)  # fmt: skip
"""What the agent and the embedded service import, beside `config_sync` itself."""

_PROBE = (
    "from tests.system.systemd.{0} import SCENARIOS\nfrom tests.system.systemd.inside import main\nmain(*SCENARIOS)\n"
)


@contextmanager
def probed(
    probe: str,
    directory: Path,
    *,
    within_s: float = 500.0,
    count: int = 1,
    files: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Mapping[str, object]]:
    """What the module `probe` of this package found in a machine of its own; ``logs`` has all that was logged.

    `count`: how often a probe that measures does so. `files`: texts by name, put into `inside.OUT`.
    """
    # Not below /tmp: the machine has one of its own.
    with tempfile.TemporaryDirectory(prefix="config-sync-machine-", dir="/var/tmp") as beside:
        _put_beside(Path(beside))
        where = json.dumps({"beside": beside, "prefix": sys.base_prefix, "count": str(count)})

        def prepare(share: Path) -> None:
            (share / "where.json").write_text(where)
            for name, text in files.items():
                (share / name).write_text(text)
            package = share / "lib" / "tests"
            shutil.copytree(Path(__file__).parent, package / "system" / "systemd")
            for made in (package, package / "system"):
                (made / "__init__.py").touch()

        share = run_in_machine(_PROBE.format(probe), directory, within_s=within_s, prepare=prepare)
        logs = {path.name: path.read_text() for path in share.glob("*log") if path.is_file()}
        said = "\n".join(f"== {name}\n{text}" for name, text in logs.items())
        told = share / "results.json"
        assert told.exists(), said or "the machine did not boot"
        found: object = json.loads(told.read_text())
        assert isinstance(found, dict)
        yield {**found, "logs": said}


def _put_beside(directory: Path) -> None:
    """What the machine needs and cannot see, or may not see as an ordinary user."""
    directory.chmod(0o755)
    for name in ("systemd", "examples"):
        shutil.copytree(ROOT / name, directory / name)
    library = directory / "lib"
    shutil.copytree(ROOT / "config_sync", library / "config_sync", ignore=shutil.ignore_patterns("__pycache__"))
    for site in {Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib"))}:
        sources = [*(site / name for name in RUNS), *site.glob("_cffi_backend*")]
        for source in sources:
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, library / source.name, ignore=ignored, dirs_exist_ok=True)
            elif source.exists():
                shutil.copy(source, library)
