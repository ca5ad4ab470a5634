"""Files that the settings no longer name (``prune``): a single one, one that went already, the last of a set."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from config_sync.files import Calls, Disk, Removed
from config_sync.files.names import DATA, GENERATION
from config_sync.model import AbsolutePath, digest_of
from tests.system.writing.scenario import NEW, OLD, WHOLE
from tests.system.writing.scenarios.one_file import Death, DeathAtFsync, litter_below
from tests.unit.files.world import KEY, snapshot, spec_of

_BYTES = b"old: 1\n" * 700


@dataclass(frozen=True, slots=True)
class Removal:
    """``dest/app.conf`` from there to gone. `is_begun`: a predecessor removed it and died before its fsync."""

    name: str
    is_begun: bool = False
    is_set: bool = False

    @property
    def may_show(self) -> frozenset[str]:
        return WHOLE

    def prepare(self, place: Path) -> None:
        (place / "dest").mkdir()
        (place / "state" / "locks").mkdir(parents=True)
        path, directory = place / "dest" / "app.conf", AbsolutePath(str(place / "dest"))
        disk = Disk(digest_key=KEY, state_dir=None)
        if self.is_set:
            disk.publish_directory(directory, [(spec_of(path), _BYTES)])
        else:
            disk.publish(spec_of(path), _BYTES)

    def precede(self, place: Path) -> None:
        if self.is_begun:
            with contextlib.suppress(Death):
                self.act(place, Calls(DeathAtFsync(nth=1)))

    def act(self, place: Path, calls: Calls) -> None:
        disk = Disk(digest_key=KEY, state_dir=str(place / "state"), calls=calls)
        disk.sweep([AbsolutePath(str(place / "dest"))])
        path = AbsolutePath(str(place / "dest" / "app.conf"))
        removal = disk.remove(path, digest_of(_BYTES, key=KEY))
        assert isinstance(removal, Removed), removal
        if removal.error is not None:
            raise removal.error

    def see(self, place: Path) -> str:
        path = place / "dest" / "app.conf"
        if not os.path.lexists(path):
            return NEW
        try:
            found = path.read_bytes()
        except OSError as error:
            return f"a link to nothing: {error}"
        return OLD if found == _BYTES else f"{len(found)} bytes {found[:8]!r}"

    def untouched(self, place: Path) -> object:
        path = place / "dest" / "app.conf"
        return snapshot(path.resolve()) if path.exists() else None

    def litter(self, place: Path) -> list[str]:
        """Also what the set was in, and the lock: the destination is given up."""
        names = os.listdir(place / "dest") if self.see(place) == NEW else []
        return litter_below(place, locks=0) + [name for name in names if name == DATA or GENERATION.fullmatch(name)]


SCENARIOS = (
    Removal("removal"),
    Removal("removal-after-a-death", is_begun=True),
    Removal("removal-of-a-set", is_set=True),
    Removal("removal-of-a-set-after-a-death", is_set=True, is_begun=True),
)
