"""A single file: new, replaced, healed, with a way back, among leftovers, with its directories, and unchanged."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from config_sync.files import Calls, Disk
from config_sync.files.names import KEPT, STAGE, TEMP, new_kept, new_temp
from config_sync.model import AbsolutePath, FileSpec
from tests.system.writing.scenario import NEW, OLD, WHOLE
from tests.unit.files.world import KEY, snapshot, spec_of

OLD_BYTES = b"old: 1\n" * 700
NEW_BYTES = b"new: 2\n" * 1100
_LONG_AGO_NS = 10**18
"""A quick replacement may share the mtime, and takes more calls then."""


@dataclass(frozen=True, slots=True)
class OneFile:
    """``dest/app.conf`` from `old` (None: absent) to `new`."""

    name: str
    old: bytes | None = OLD_BYTES
    old_mode: int = 0o640
    new: bytes = NEW_BYTES
    mode: int = 0o640
    owner: int | None = None
    keep_old: bool = False
    under: str = ""
    has_leftovers: bool = False

    @property
    def may_show(self) -> frozenset[str]:
        return WHOLE

    def path(self, place: Path) -> Path:
        """The destination."""
        return place / "dest" / self.under / "app.conf"

    def spec(self, place: Path) -> FileSpec:
        """As the settings would give it."""
        return dataclasses.replace(
            spec_of(self.path(place)), mode=self.mode, uid=self.owner, gid=self.owner, create_parents=bool(self.under)
        )

    def started(self, place: Path, calls: Calls) -> Disk:
        """As a process has it after its start."""
        disk = Disk(digest_key=KEY, state_dir=str(place / "state"), calls=calls)
        disk.sweep([AbsolutePath(str(self.path(place).parent))], keep=[self.kept(self.path(place).name)])
        return disk

    def prepare(self, place: Path) -> None:
        (place / "dest").mkdir()
        (place / "state" / "locks").mkdir(parents=True)  # made once in the life of a machine
        path = self.path(place)
        if self.old is not None:
            path.write_bytes(self.old)
            path.chmod(self.old_mode)
            os.utime(path, ns=(_LONG_AGO_NS, _LONG_AGO_NS))
        if self.has_leftovers:
            (path.parent / new_temp(path.name)).write_bytes(b"half a fi")
            os.link(path, path.parent / new_kept(path.name))

    def precede(self, place: Path) -> None:
        pass

    def act(self, place: Path, calls: Calls) -> None:
        published = self.started(place, calls).publish(self.spec(place), self.new, keep_old=self.keep_old)
        if published.error is not None:
            raise published.error

    def see(self, place: Path) -> str:
        found = snapshot(self.path(place))
        if found is None:
            return OLD if self.old is None else "no file at all"
        if (found.content, found.mode) == (self.new, self.mode) and self.owner in (None, found.uid):
            return NEW
        if (found.content, found.mode) == (self.old, self.old_mode):
            return OLD
        return f"{len(found.content)} bytes {found.content[:8]!r}, mode {found.mode:04o}, owner {found.uid}"

    def untouched(self, place: Path) -> object:
        return snapshot(self.path(place))

    def litter(self, place: Path) -> list[str]:
        found = litter_below(place)
        wanted = [name for name in found if name.endswith(".old")][: int(self.keep_old)]
        return [name for name in found if name not in wanted]

    @staticmethod
    def kept(name: str) -> str:
        """What a record would name."""
        return f"{new_kept(name)[:22]}{'0' * 16}.old"


@dataclass(frozen=True, slots=True)
class WayBack(OneFile):
    """The kept file put back: what was published is the old thing here, what it replaced is the new one."""

    def prepare(self, place: Path) -> None:
        OneFile.prepare(self, place)
        path = self.path(place)
        before = Path(f"{path}.before")
        before.write_bytes(self.new)
        before.chmod(self.mode)
        before.rename(path.parent / self.kept(path.name))

    def act(self, place: Path, calls: Calls) -> None:
        self.started(place, calls).restore(self.spec(place), self.kept(self.path(place).name))


class AlreadyThere(OneFile):
    """The new file is visible and whole, but its writer died before the directory's fsync; now nothing differs."""

    def precede(self, place: Path) -> None:
        with contextlib.suppress(Death):
            OneFile.act(self, place, Calls(DeathAtFsync()))


class PutBackAlready(WayBack):
    """The same with a way back: its link has gone to the destination, only the directory's fsync is missing."""

    def precede(self, place: Path) -> None:
        with contextlib.suppress(Death):
            WayBack.act(self, place, Calls(DeathAtFsync(nth=1)))


class Death(BaseException):
    """The end of the predecessor. All that is left for it to undo is its lock."""


class DeathAtFsync:
    """By default the second, which is the directory's in a publish."""

    def __init__(self, nth: int = 2) -> None:
        self._left = nth

    def __call__(self, call: str) -> None:
        if call == "fsync":
            self._left -= 1
            if self._left == 0:
                raise Death


def litter_below(place: Path, *, locks: int = 1) -> list[str]:
    """Temps, kept files and stages, anywhere below, and lock files but for those of so many destinations."""
    locked = sorted(path.name for path in (place / "state" / "locks").glob("*"))
    return locked[locks:] + sorted(
        name
        for _, directories, files in os.walk(place)
        for name in (*directories, *files)
        if any(kind.fullmatch(name) for kind in (TEMP, KEPT, STAGE))
    )


SCENARIOS = (
    OneFile("new-file", old=None),
    OneFile("replacement"),
    OneFile("replacement-for-a-service", owner=65534, mode=0o400),
    OneFile("replacement-among-leftovers", has_leftovers=True),
    OneFile("replacement-with-a-way-back", keep_old=True),
    OneFile("heal", new=OLD_BYTES, old_mode=0o600),
    OneFile("new-file-with-its-directories", old=None, under="a/b"),
    WayBack("way-back"),
    AlreadyThere("unchanged-after-a-death"),
    PutBackAlready("way-back-after-a-death"),
)
