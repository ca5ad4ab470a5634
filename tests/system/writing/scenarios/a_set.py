"""Several files as one (``layout: directory``): a first set, a next one with a file less and one more, and a repair."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config_sync.files import Calls, Disk
from config_sync.files.names import DATA, GENERATION, SWITCH, link_text
from config_sync.model import AbsolutePath
from tests.system.writing.scenario import NEW, OLD, WHOLE
from tests.system.writing.scenarios.one_file import litter_below
from tests.unit.files.world import KEY, Snapshot, snapshot, spec_of

_MODE = 0o640
_FIRST = {"app.conf": b"app 1\n" * 700, "tls.crt": b"crt 1\n" * 9, "tls.key": b"key 1\n" * 9}
_NEXT = {"app.conf": b"app 2\n" * 1100, "tls.crt": b"crt 2\n" * 9, "more.conf": b"more 2\n" * 9}


@dataclass(frozen=True, slots=True)
class Set:
    """``dest/`` from the files `old` (None: nothing yet) to `new`, of which `old_mode` may be all that differs."""

    name: str
    old: Mapping[str, bytes] | None
    new: Mapping[str, bytes]
    old_mode: int = _MODE
    has_lost_a_link: bool = False

    @property
    def may_show(self) -> frozenset[str]:
        return WHOLE

    def prepare(self, place: Path) -> None:
        (place / "dest").mkdir()
        (place / "state" / "locks").mkdir(parents=True)
        if self.old is not None:
            self._publish(place, Calls(), self.old, self.old_mode)
        if self.has_lost_a_link:
            (place / "dest" / "tls.crt").unlink()

    def precede(self, place: Path) -> None:
        pass

    def act(self, place: Path, calls: Calls) -> None:
        self._publish(place, calls, self.new, _MODE)

    def _publish(self, place: Path, calls: Calls, files: Mapping[str, bytes], mode: int) -> None:
        directory = place / "dest"
        disk = Disk(digest_key=KEY, state_dir=str(place / "state"), calls=calls)
        disk.sweep([AbsolutePath(str(directory))])
        items = [
            (dataclasses.replace(spec_of(directory / name), mode=mode), content) for name, content in files.items()
        ]
        published = disk.publish_directory(AbsolutePath(str(directory)), items, previous=self.old or ())
        if published.error is not None:
            raise published.error

    def see(self, place: Path) -> str:
        """The whole set through one ``..data``."""
        found = _behind(place / "dest")
        if found == _told(self.new, _MODE):
            return NEW
        if found == (None if self.old is None else _told(self.old, self.old_mode)):
            return OLD
        return f"mixed: {found}"

    def untouched(self, place: Path) -> object:
        directory = place / "dest"
        shown = sorted(os.listdir(directory / DATA)) if (directory / DATA).exists() else []
        found: list[Snapshot | None] = [snapshot(directory / DATA / name) for name in shown]
        return shown, found

    def litter(self, place: Path) -> list[str]:
        """Links never switched, generations but the shown one and its predecessor, and names that do not fit."""
        directory = place / "dest"
        names = os.listdir(directory)
        shown = os.readlink(directory / DATA) if DATA in names else None
        others = sorted(name for name in names if GENERATION.fullmatch(name) and name != shown)
        found = [*litter_below(place), *filter(SWITCH.fullmatch, names), *others[int(self.old is not None) :]]
        if self.see(place) == NEW:
            visible = {name for name in names if not name.startswith(".")}
            found += [f"not right: {name}" for name in visible ^ self.new.keys()]
            for name in visible & self.new.keys():
                with contextlib.suppress(OSError):
                    if os.readlink(directory / name) != link_text(name):
                        found.append(f"another link: {name}")
        return found


def _behind(directory: Path) -> dict[str, tuple[bytes, int]] | None:
    """Bytes and modes of the set that a reader gets who opens ``..data`` once."""
    try:
        fd = os.open(directory / DATA, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        return {name: _read(name, fd) for name in os.listdir(fd)}
    finally:
        os.close(fd)


def _read(name: str, at: int) -> tuple[bytes, int]:
    with open(name, "rb", opener=lambda path, flags: os.open(path, flags, dir_fd=at)) as file:
        return file.read(), os.fstat(file.fileno()).st_mode & 0o7777


def _told(files: Mapping[str, bytes], mode: int) -> dict[str, tuple[bytes, int]]:
    return {name: (content, mode) for name, content in files.items()}


SCENARIOS = (
    Set("first-set", None, _FIRST),
    Set("next-set", _FIRST, _NEXT),
    Set("heal-of-a-set", _FIRST, _FIRST, old_mode=0o600),
    Set("set-that-lost-a-link", _FIRST, _FIRST, has_lost_a_link=True),
)
