"""``write: in_place``: a mix may be seen, but never without a way out of it."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path

from config_sync.files import Calls
from config_sync.model import FileSpec, WriteMode
from tests.system.writing.scenario import BETWEEN, BY_AND_BY
from tests.system.writing.scenarios.one_file import OLD_BYTES, Death, DeathAtFsync, OneFile
from tests.unit.files.world import snapshot


@dataclass(frozen=True, slots=True)
class InPlace(OneFile):
    """New bytes into the same inode. `BETWEEN`: old ones among them; with a way back only while that is whole."""

    new: bytes = b"new: 2\n" * 300
    """Shorter: so there is a moment with the rest of the old ones behind it."""

    @property
    def may_show(self) -> frozenset[str]:
        return BY_AND_BY

    def spec(self, place: Path) -> FileSpec:
        return dataclasses.replace(OneFile.spec(self, place), write=WriteMode.IN_PLACE)

    def see(self, place: Path) -> str:
        seen = OneFile.see(self, place)
        found = snapshot(self.path(place))
        if seen in self.may_show or found is None or found.mode & ~(self.mode & self.old_mode):
            return seen
        kept = [path.read_bytes() for path in self.path(place).parent.glob(".*.old")]
        return BETWEEN if OLD_BYTES in kept or not self.keep_old else f"{seen}, and no way back"

    def untouched(self, place: Path) -> object:
        """All but the time, which moves also where the old bytes were put back."""
        found = snapshot(self.path(place))
        return None if found is None else dataclasses.replace(found, mtime_ns=0)


class PutBackInPlace(InPlace):
    """The kept copy's bytes return into the file that a dead predecessor had torn."""

    def prepare(self, place: Path) -> None:
        InPlace.prepare(self, place)
        kept = self.path(place).parent / self.kept(self.path(place).name)
        kept.write_bytes(self.new)
        kept.chmod(0o600)

    def act(self, place: Path, calls: Calls) -> None:
        self.started(place, calls).restore(self.spec(place), self.kept(self.path(place).name))

    def see(self, place: Path) -> str:
        seen = OneFile.see(self, place)
        kept = self.path(place).parent / self.kept(self.path(place).name)
        is_whole = kept.exists() and kept.read_bytes() == self.new
        return BETWEEN if seen not in self.may_show and is_whole else seen


class PutBackInPlaceAlready(PutBackInPlace):
    """All bytes are back, but whoever put them there died before the fsync."""

    def precede(self, place: Path) -> None:
        with contextlib.suppress(Death):
            PutBackInPlace.act(self, place, Calls(DeathAtFsync(nth=1)))


SCENARIOS = (
    InPlace("in-place"),
    InPlace("in-place-with-a-way-back", keep_old=True),
    PutBackInPlace("way-back-in-place"),
    PutBackInPlaceAlready("way-back-in-place-after-a-death"),
)
