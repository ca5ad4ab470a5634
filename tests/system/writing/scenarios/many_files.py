"""The first files of a machine, published in one go: each is whole, together they are no set."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from config_sync.errors import FileError
from config_sync.files import Calls, Disk
from config_sync.model import AbsolutePath
from tests.system.writing.scenario import BETWEEN, BY_AND_BY, NEW, OLD
from tests.system.writing.scenarios.one_file import litter_below
from tests.unit.files.world import KEY, snapshot, spec_of

_MODE = 0o640
_FILES = {"app.conf": b"app 1\n" * 700, "tls.crt": b"crt 1\n" * 900, "tls.key": b"key 1\n" * 9}


@dataclass(frozen=True, slots=True)
class FirstFiles:
    """``dest/b/…`` from nothing to all; `BETWEEN`: some of them are there, each of them whole."""

    name: str

    @property
    def may_show(self) -> frozenset[str]:
        return BY_AND_BY

    def prepare(self, place: Path) -> None:
        (place / "dest").mkdir()
        (place / "state" / "locks").mkdir(parents=True)

    def precede(self, place: Path) -> None:
        pass

    def act(self, place: Path, calls: Calls) -> None:
        disk = Disk(digest_key=KEY, state_dir=str(place / "state"), calls=calls)
        disk.sweep([AbsolutePath(str(place / "dest" / "b"))])
        items = [
            (dataclasses.replace(spec_of(place / "dest" / "b" / name), mode=_MODE, create_parents=True), content)
            for name, content in _FILES.items()
        ]
        for done in disk.publish_many(items):
            error = done if isinstance(done, FileError) else done.error
            if error is not None:
                raise error

    def see(self, place: Path) -> str:
        found = {name: snapshot(place / "dest" / "b" / name) for name in _FILES}
        there = {name: (one.content, one.mode) for name, one in found.items() if one is not None}
        if torn := [name for name, one in there.items() if one != (_FILES[name], _MODE)]:
            return f"not whole: {torn}"
        return NEW if len(there) == len(_FILES) else BETWEEN if there else OLD

    def untouched(self, place: Path) -> object:
        return [snapshot(place / "dest" / "b" / name) for name in _FILES]

    def litter(self, place: Path) -> list[str]:
        return litter_below(place, locks=len(_FILES))


SCENARIOS = (FirstFiles("first-files"),)
