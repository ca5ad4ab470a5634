"""Our own memory of what was done: ``records.json``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config_sync.errors import FileError
from config_sync.files import Calls
from config_sync.model import Digest, Record
from config_sync.records import open_records
from tests.system.writing.scenario import NEW, OLD, WHOLE
from tests.system.writing.scenarios.one_file import litter_below
from tests.unit.files.world import snapshot

_TARGET = "my-service"


@dataclass(frozen=True, slots=True)
class SavedRecord:
    """A record saved over an earlier one."""

    name: str

    @property
    def may_show(self) -> frozenset[str]:
        return WHOLE

    def prepare(self, place: Path) -> None:
        (place / "state").mkdir(mode=0o700)
        open_records(str(place / "state")).save(_TARGET, self._record(OLD))

    def precede(self, place: Path) -> None:
        pass

    def act(self, place: Path, calls: Calls) -> None:
        records = open_records(str(place / "state"), calls=calls)
        if not records.is_durable:
            raise FileError(records.why, step="open", reason="MemoryOnly")
        records.save(_TARGET, self._record(NEW))

    def see(self, place: Path) -> str:
        records = open_records(str(place / "state"))
        if records.warning or not records.is_durable:
            return records.warning or records.why
        found = {word: self._record(word) for word in (OLD, NEW)}
        held = records.get(_TARGET)
        mode = (place / "state" / "records.json").stat().st_mode & 0o7777
        return next((word for word, record in found.items() if (record, 0o600) == (held, mode)), f"{held}, {mode:04o}")

    def untouched(self, place: Path) -> object:
        return snapshot(place / "state" / "records.json")

    def litter(self, place: Path) -> list[str]:
        return litter_below(place)

    @staticmethod
    def _record(word: str) -> Record:
        return Record(written={"/etc/app.conf": Digest(word)}, version=len(word))


SCENARIOS = (SavedRecord("record"),)
