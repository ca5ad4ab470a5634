"""The real program for tests: `config-sync` as a process of its own, with an environment that nothing leaks into."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.service import KEY, TOKEN
from tests.waiting import eventually

PROGRAM = (sys.executable, "-m", "config_sync")
NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
"""Before a command: run it without any right (root only)."""

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Home:
    """All that one agent has: a folder with its settings, state and runtime directory, and its environment.

    `root` must be short: a socket's path has at most 107 characters (unix(7)).
    """

    root: Path
    environ: Mapping[str, str]

    @property
    def settings(self) -> Path:
        return self.root / "settings.yaml"

    @property
    def state_dir(self) -> Path:
        return self.root / "state"

    @property
    def runtime_dir(self) -> Path:
        return self.root / "run"

    @property
    def socket(self) -> Path:
        return self.runtime_dir / "control.sock"

    def configure(self, text: str) -> None:
        """Write the settings, whole at once."""
        temporary = self.settings.with_suffix(".new")
        temporary.write_text(textwrap.dedent(text))
        temporary.replace(self.settings)

    def status(self) -> Json:
        """The status file; empty where there is none."""
        try:
            page: object = json.loads((self.runtime_dir / "status.json").read_bytes())
        except FileNotFoundError:
            return {}
        assert isinstance(page, dict)
        return page

    def target(self, name: str) -> Json:
        """One target's part of the status file; empty where there is none."""
        targets = self.status().get("targets", [])
        assert isinstance(targets, list)
        return next((one for one in targets if one["name"] == name), {})

    def command(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        given: str | None = None,
        timeout_s: float = 90.0,
    ) -> subprocess.CompletedProcess[str]:
        """``config-sync WORDS`` to its end. `env` is added, `before` is what starts it (``setpriv …``)."""
        return subprocess.run(
            [*before, *PROGRAM, *words],
            cwd=self.root,
            env={**self.environ, **(env or {})},
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )

    def once(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """``config-sync once`` with the settings and no retries; later words win."""
        return self.command("--config", str(self.settings), "once", "--retry-for", "0s", *words, env=env)

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command with the settings, such as ``sync --wait``."""
        return self.command("--config", str(self.settings), *words)

    @contextlib.contextmanager
    def start(self, *words: str, env: Mapping[str, str] | None = None, before: Sequence[str] = ()) -> Iterator[Started]:
        """``config-sync WORDS`` in the background, in a group of its own; killed at the end if it still runs."""
        process = subprocess.Popen(
            [*before, *PROGRAM, *words],
            cwd=self.root,
            env={**self.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started = Started(process)
        try:
            yield started
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            started.close()

    @contextlib.contextmanager
    def agent(self, *words: str, env: Mapping[str, str] | None = None, is_ready: bool = True) -> Iterator[Started]:
        """``config-sync run`` with the settings, once its socket answers (and, `is_ready`, everything is written)."""
        with self.start("--config", str(self.settings), "--log-level", "debug", "run", *words, env=env) as agent:
            eventually(lambda: self.socket.exists() or agent.ended())
            assert agent.process.poll() is None, agent.err
            if is_ready:
                eventually(lambda: self.command("health", "startup").returncode == 0, every_s=0.1)
            yield agent


@dataclass(slots=True)
class Started:
    """A process in the background, and what it has said so far."""

    process: subprocess.Popen[str]
    _lines: dict[str, list[str]] = field(default_factory=lambda: {"out": [], "err": []})
    _readers: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, pipe in (("out", self.process.stdout), ("err", self.process.stderr)):
            assert pipe is not None
            reader = threading.Thread(target=self._lines[name].extend, args=(pipe,), daemon=True)
            self._readers.append(reader)
            reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def out(self) -> str:
        """All of stdout so far."""
        return "".join(self._lines["out"])

    @property
    def err(self) -> str:
        """All of stderr so far."""
        return "".join(self._lines["err"])

    def events(self, name: str) -> list[Json]:
        """The log lines of that event so far."""
        lines = [json.loads(line) for line in tuple(self._lines["err"]) if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]

    def until_said(self, words: str, *, within_s: float = 60.0) -> None:
        """Wait until stdout or stderr has the words."""
        eventually(lambda: words in self.out + self.err or self.ended(), within_s=within_s)
        assert words in self.out + self.err, self.err

    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    def end(self, number: signal.Signals = signal.SIGTERM, *, within_s: float = 60.0) -> int:
        """Signal it and wait; the exit code, negative for a death by signal."""
        self.process.send_signal(number)
        code = self.process.wait(within_s)
        self.close()
        return code

    def close(self) -> None:
        """Wait for its end and read all it said."""
        self.process.wait(60)
        for reader in self._readers:
            reader.join(timeout=60)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None and not any(reader.is_alive() for reader in self._readers):
                pipe.close()


def home_at(root: Path, host: str, *, token: str = TOKEN, key: str = KEY) -> Home:
    """A new home: an environment of these variables only, so that no machine's own is used."""
    root.mkdir(parents=True, exist_ok=True)
    environ = {
        "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
        "CONFIG_SERVICE_HOST": host,
        "CONFIG_SERVICE_TOKEN": token,
        "CONFIG_SERVICE_KEY": key,
        "STATE_DIRECTORY": str(root / "state"),
        "RUNTIME_DIRECTORY": str(root / "run"),
    }
    return Home(root, environ)


def files_in(directory: Path) -> dict[str, tuple[bytes, int, int, int, int]]:
    """Every file at or below the directory: its bytes, mode, owner, group and mtime in nanoseconds."""
    found: dict[str, tuple[bytes, int, int, int, int]] = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink():
            at = path.stat()
            found[str(path.relative_to(directory))] = (
                path.read_bytes(),
                at.st_mode,
                at.st_uid,
                at.st_gid,
                at.st_mtime_ns,
            )
    return found


def told(stderr: str) -> list[str]:
    """What a command told a person: its lines without the JSON of the log."""
    return [line for line in stderr.splitlines() if not line.startswith("{")]


def until_refused(run: Callable[[], subprocess.CompletedProcess[str]]) -> subprocess.CompletedProcess[str]:
    """The command again and again, until it fails: a change reaches the service a moment after it was saved."""
    ended = run()

    def refused() -> bool:
        nonlocal ended
        ended = run() if ended.returncode == 0 else ended
        return ended.returncode != 0

    eventually(refused)
    return ended


def assert_refused(ended: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One sentence that has the words, one hint, nothing else, and the exit code."""
    lines = told(ended.stderr)
    assert ended.returncode == code, ended.stderr
    assert len(lines) == 2, ended.stderr
    assert lines[0].startswith("config-sync: ")
    assert lines[1].startswith("  hint: ")
    for word in words:
        assert word in ended.stderr
    assert ended.stdout == ""
