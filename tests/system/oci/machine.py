"""Containers by runc whose root is a throw-away overlay of ``/``: this machine's Debian stands for the base image.

A holder process keeps a mount namespace with a tmpfs for all layers; whatever runs enters it. When the holder's stdin
is closed it ends, and the mounts go with it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.program import Started
from tests.waiting import eventually

_count = itertools.count()

_HOLD = r"""
mount -t tmpfs -o size=2g,mode=755 tmpfs "$1"
mkdir "$1/state" "$1/bundles"
echo ready
read -r _ || true
"""

Json = dict[str, object]
ALL_CAPABILITIES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
    "CAP_SYS_CHROOT",
)  # fmt: skip
"""What engines leave to root by default, as far as a build needs it."""


@dataclass(frozen=True, slots=True)
class Container:
    """What an engine would make of an image and a pod's container. `mounts`: (source, destination, options)."""

    argv: tuple[str, ...]
    root: str
    uid: int = 10001
    gid: int = 10001
    groups: tuple[int, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    mounts: tuple[tuple[str, str, str], ...] = ()
    tmpfs: tuple[tuple[str, str], ...] = ()
    is_read_only: bool = True
    capabilities: tuple[str, ...] = ()
    shares_pids_of: int | None = None
    """A process in whose PID namespace it runs (a pod's, or ``pid: service:NAME``)."""

    def spec(self) -> Json:
        """As config.json of the OCI runtime specification has it."""
        pid: Json = {"type": "pid"}
        if self.shares_pids_of is not None:
            pid["path"] = f"/proc/{self.shares_pids_of}/ns/pid"
        path = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        env = [f"{name}={value}" for name, value in {**path, **self.env}.items()]
        caps = list(self.capabilities)
        mounts: list[Json] = [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            _tmpfs("/dev", "mode=755"),
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "mode=1777"]},
            *(_tmpfs(destination, options) for destination, options in self.tmpfs),
            *(_bind(*mount) for mount in self.mounts),
        ]
        return {
            "ociVersion": "1.0.2",
            "process": {
                "terminal": False,
                "user": {"uid": self.uid, "gid": self.gid, "additionalGids": list(self.groups)},
                "args": list(self.argv),
                "env": env,
                "cwd": self.cwd,
                "capabilities": {"bounding": caps, "effective": caps, "permitted": caps},
                "noNewPrivileges": True,
            },
            "root": {"path": self.root, "readonly": self.is_read_only},
            "hostname": "container",
            "mounts": mounts,
            "linux": {"namespaces": [pid, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}]},
        }


def _bind(source: str, destination: str, options: str) -> Json:
    return {"destination": destination, "type": "bind", "source": source, "options": ["bind", *options.split(",")]}


def _tmpfs(destination: str, options: str) -> Json:
    return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", *options.split(",")]}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the containers run; `base` is seen by all that the holder's namespace has."""

    base: Path
    holder: int

    @property
    def enter(self) -> tuple[str, ...]:
        """Before a command: in the namespaces of the holder."""
        return ("nsenter", "--target", str(self.holder), "--mount", "--net")

    def layer(self, name: str, *below: str) -> str:
        """A new root over ``/`` and the layers named, lowest first; its path. Root's, writable."""
        made = f"{self.base}/{name}"
        lower = ":".join([*(f"{self.base}/{one}/upper" for one in reversed(below)), "/"])
        script = (
            f"mkdir -p {made}/upper {made}/work {made}/root && mount -t overlay overlay -o"
            f" lowerdir={lower},upperdir={made}/upper,workdir={made}/work {made}/root"
        )
        self.must("sh", "-c", script)
        return f"{made}/root"

    def must(self, *command: str) -> str:
        """A command of the host's in the holder's namespaces; its output. It must succeed."""
        done = subprocess.run(
            [*self.enter, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def fresh(self, name: str) -> str:
        """A new directory of root's in the machine's memory; its path."""
        path = f"{self.base}/{name}-{next(_count)}"
        self.must("mkdir", "-m", "755", path)
        return path

    def put(self, path: str, content: str) -> None:
        """A file with that content."""
        subprocess.run([*self.enter, "tee", path], input=content, text=True, stdout=subprocess.DEVNULL, check=True)

    def read(self, path: str) -> str | None:
        """A file's content, or None where there is none."""
        done = subprocess.run([*self.enter, "cat", path], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def run(self, container: Container, *, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """The container to its end."""
        name = self._bundle(container)
        return subprocess.run(
            self._runc("run", "--bundle", f"{self.base}/bundles/{name}", name),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )

    @contextlib.contextmanager
    def start(self, container: Container) -> Iterator[Running]:
        """The container in the background, once its process runs; killed at the end with all in it."""
        name = self._bundle(container)
        process = subprocess.Popen(
            self._runc("run", "--bundle", f"{self.base}/bundles/{name}", name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running = Running(self, name, container, Started(process))
        try:
            eventually(lambda: running.started.ended() or running.pid)
            yield running
        finally:
            subprocess.run(self._runc("kill", "--all", name, "KILL"), capture_output=True, check=False)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()
            running.started.close()

    def execute(self, name: str, *argv: str) -> subprocess.CompletedProcess[str]:
        """A process more in a running container, as an exec probe is one."""
        return subprocess.run(
            self._runc("exec", name, *argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def _bundle(self, container: Container) -> str:
        name = f"config-sync-{os.getpid()}-{next(_count)}"
        text = json.dumps(container.spec())
        path = f"{self.base}/bundles/{name}"
        subprocess.run(
            [*self.enter, "sh", "-c", f"mkdir {path} && cat >{path}/config.json"], input=text, text=True, check=True
        )
        return name

    def _runc(self, *words: str) -> list[str]:
        return [*self.enter, "runc", "--root", f"{self.base}/state", *words]


@dataclass(frozen=True, slots=True)
class Running:
    """A container that runs."""

    machine: Machine
    name: str
    container: Container
    started: Started

    @property
    def pid(self) -> int:
        """Of its first process, as the host counts; 0 before it runs."""
        done = subprocess.run(self.machine._runc("state", self.name), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return 0
        state: object = json.loads(done.stdout)
        assert isinstance(state, dict)
        return int(str(state["pid"])) if state["status"] == "running" else 0

    def execute(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """A process more in it."""
        return self.machine.execute(self.name, *argv)

    def kill(self, number: signal.Signals) -> None:
        """A signal to its first process, as an engine sends it."""
        os.kill(self.pid, number)


@contextlib.contextmanager
def machine_at(base: Path) -> Iterator[Machine]:
    """A machine until the end of the block, in the network of this one."""
    base.mkdir()
    command = ("unshare", "--mount", "--propagation", "private", "sh", "-ec", _HOLD, "sh", str(base))
    with _held(command) as pid:
        yield Machine(base, pid)


@contextlib.contextmanager
def beside(machine: Machine) -> Iterator[Machine]:
    """The same machine with a network of its own, which has nothing but a loopback."""
    script = f"{sys.executable} -c '{_LOOPBACK_UP}'\necho ready\nread -r _ || true"
    with _held((*machine.enter, "unshare", "--net", "sh", "-ec", script)) as pid:
        yield Machine(machine.base, pid)


@contextlib.contextmanager
def _held(command: Sequence[str]) -> Iterator[int]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "ready\n"
            yield holder.pid
        finally:
            holder.stdin.close()


_LOOPBACK_UP = (
    'import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14s", b"lo", 1, b""))'
)
"""SIOCSIFFLAGS with IFF_UP (netdevice(7))."""
