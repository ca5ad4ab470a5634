"""One target on a real disk, a service in memory, a consumer that notes what it reads; a process can die and return."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config_sync.cache import Revision, RevisionCache
from config_sync.files import Calls, Disk
from config_sync.formats.json_ import JsonFormat
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, FileSpec, Outcome, Record, Reload, Target, Validate
from config_sync.reconciler import Occasion, Reconciler
from config_sync.records import Records, open_records
from config_sync.stop import Stop
from config_sync.workqueue import Wake
from tests.fakes import FakeReload, FakeService, HandClock, Keys

WEEK_S = 7 * 86400.0
"""The default of ``agent.offline_start``."""


@dataclass(frozen=True)
class Seen:
    """What must stay as it is while a file is not rewritten."""

    content: bytes
    mode: int
    inode: int
    mtime_ns: int


def seen(path: Path) -> Seen:
    info = path.stat()
    return Seen(path.read_bytes(), info.st_mode & 0o7777, info.st_ino, info.st_mtime_ns)


class World:
    """Everything a pass needs; `restart` is a new process over the same disk and state directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.etc = directory / "etc"
        self.etc.mkdir()
        self.state = directory / "state"
        self.service = FakeService()
        self.keys = Keys()
        self.clock = HandClock()
        self.stop = Stop()
        self.reload = FakeReload()
        self.records: Records
        self.disk: Disk
        self.cache: RevisionCache
        self.reconciler: Reconciler
        self.restart()

    def restart(
        self,
        *,
        gate: Callable[[str], None] | None = None,
        records_gate: Callable[[str], None] | None = None,
        cache_gate: Callable[[str], None] | None = None,
    ) -> None:
        """A new process; the gates are told of every system call on the targets' files, the records, or the cache."""
        records_calls = None if records_gate is None else Calls(records_gate)
        self.records = open_records(str(self.state), calls=records_calls)
        self.disk = Disk(
            digest_key=self.records.digest_key,
            state_dir=str(self.state),
            calls=None if gate is None else Calls(gate),
        )
        self.cache = RevisionCache(
            str(self.state),
            digest_key=self.records.digest_key,
            calls=None if cache_gate is None else Calls(cache_gate),
        )
        self.reconciler = Reconciler(
            self.service,
            keys=self.keys,
            records=self.records,
            disk=self.disk,
            clock=self.clock,
            cache=self.cache,
        )

    def spec(self, name: str = "app.json", config: str = "app", *, version: int | None = None) -> FileSpec:
        path = AbsolutePath(str(self.etc / name))
        return FileSpec(path, ConfigRef(ConfigName(config), version=version), JsonFormat())

    def target(
        self, *files: FileSpec, reload: tuple[Reload, ...] | None = None, validate: Validate | None = None
    ) -> Target:
        """The files (by default one), told by `reload` (by default the one consumer)."""
        return Target(
            "app",
            files or (self.spec(),),
            validate=validate,
            reload=(self.reload,) if reload is None else reload,
        )

    def sync(self, target: Target, *wakes: Wake, occasion: Occasion | None = None) -> Outcome:
        """One pass, a second later than the one before."""
        self.clock.passed_s += 1.0
        occasion = dataclasses.replace(occasion or Occasion(), wakes=frozenset(wakes or {Wake.START}))
        return self.reconciler.reconcile(target, occasion, self.stop)

    def start(self, target: Target, *, max_age_s: float = WEEK_S, wake: Wake = Wake.START) -> Outcome:
        """A pass of `run`, which may use the cache."""
        return self.sync(target, wake, occasion=Occasion(offline_start_s=max_age_s))

    def kept(self, name: str = "app", *, version: int | None = None) -> list[Revision]:
        """What a new process finds in the cache, newest first."""
        cache = RevisionCache(str(self.state), digest_key=open_records(str(self.state)).digest_key)
        return list(cache.revisions(ConfigRef(ConfigName(name), version=version)))

    @property
    def record(self) -> Record:
        return self.records.get("app") or Record()

    def owes(self) -> bool:
        """Whether a reload is owed, by the record on disk."""
        return self.record.reload_owed

    @property
    def path(self) -> Path:
        return self.etc / "app.json"

    @property
    def names(self) -> list[str]:
        """Everything beside the files, leftovers included."""
        return sorted(os.listdir(self.etc))


def checker(script: str, *, in_place: bool = False) -> Validate:
    """A validate that runs `script` by the shell; ``$1`` is the file."""
    return Validate(("/bin/sh", "-c", script, "sh", "{file}"), timeout_s=60.0, in_place=in_place)
