"""examples/docker/Dockerfile, executed step by step on an OCI machine: there is no engine, and none is needed."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.system.oci.machine import ALL_CAPABILITIES, Container, Machine

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = ROOT / "examples" / "docker" / "Dockerfile"
_OF_THE_HOST = re.compile(r"PIP_.*|.*_proxy|.*_PROXY|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE")
"""How this machine reaches what it installs from: a build needs it as well."""


@dataclass(frozen=True, slots=True)
class Image:
    """A root, and what the Dockerfile says of its processes."""

    machine: Machine
    root: str
    user: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]

    def container(self, *words: str) -> Container:
        """The image's container with these words after its entry point (none: its own command)."""
        uid, _, gid = self.user.partition(":")
        return Container((*self.entrypoint, *(words or self.command)), self.root, uid=int(uid), gid=int(gid or uid))


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its word, and the rest of it."""

    word: str
    rest: str


def steps(text: str) -> list[Step]:
    """The Dockerfile's instructions, without comments, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [Step(word.upper(), rest.strip()) for word, rest in found]


@dataclass(slots=True)
class _Stage:
    name: str
    root: str
    user: str = "0:0"
    cwd: str = "/"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def build(machine: Machine, args: dict[str, str], *, dockerfile: Path = DOCKERFILE) -> Image:
    """The image as the Dockerfile makes it, over this machine's ``/`` in place of its base."""
    stages: list[_Stage] = []
    arguments: dict[str, str] = {}
    host = {name: value for name, value in os.environ.items() if _OF_THE_HOST.fullmatch(name)}
    for step in steps(dockerfile.read_text(encoding="utf-8")):
        stage = stages[-1] if stages else None
        if step.word == "ARG":
            name, _, default = step.rest.partition("=")
            arguments[name] = args.get(name, default)
            continue
        if step.word == "FROM":
            _, _, name = step.rest.partition(" AS ")
            name = name or f"stage-{len(stages)}"
            stages.append(_Stage(name, machine.layer(f"image-{name}")))
            continue
        assert stage is not None, step
        if step.word == "RUN":
            container = Container(
                ("/bin/sh", "-ec", step.rest),
                stage.root,
                uid=0,
                gid=0,
                env={**host, **arguments, "DEBIAN_FRONTEND": "noninteractive"},
                cwd=stage.cwd,
                tmpfs=(("/tmp", "mode=1777"),),
                is_read_only=False,
                capabilities=ALL_CAPABILITIES,
            )
            done = machine.run(container, timeout_s=300)
            assert done.returncode == 0, f"{step.rest}\n{done.stdout}{done.stderr}"
        elif step.word == "COPY":
            _copy(machine, stages, stage, step.rest)
        elif step.word == "WORKDIR":
            stage.cwd = step.rest
            machine.must("mkdir", "-p", f"{stage.root}{step.rest}")
        elif step.word == "USER":
            stage.user = step.rest
        elif step.word == "ENTRYPOINT":
            stage.entrypoint = tuple(json.loads(step.rest))
        elif step.word == "CMD":
            stage.command = tuple(json.loads(step.rest))
        else:
            raise AssertionError(f"a step that this builder does not know: {step}")
    last = stages[-1]
    return Image(machine, last.root, last.user, last.entrypoint, last.command)


def _copy(machine: Machine, stages: list[_Stage], stage: _Stage, rest: str) -> None:
    words = shlex.split(rest)
    origin = str(ROOT)
    if words[0].startswith("--from="):
        origin = next(one.root for one in stages if one.name == words.pop(0).removeprefix("--from="))
    *sources, target = words
    target = os.path.join(stage.cwd, target)
    if target.endswith("/"):
        machine.must("mkdir", "-p", stage.root + target)
    else:
        machine.must("mkdir", "-p", os.path.dirname(stage.root + target))
    for source in sources:
        # `-T`: a directory's content goes into the target, as COPY has it.
        one = stage.root + (os.path.join(target, os.path.basename(source)) if target.endswith("/") else target)
        machine.must("cp", "-rT", "--preserve=links,mode", os.path.join(origin, source.lstrip("/")), one)


def size_of(image: Image, path: str) -> int:
    """Bytes of all files below the path in the image."""
    done = subprocess.run(
        [*image.machine.enter, "du", "-sb", image.root + path], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[0])
