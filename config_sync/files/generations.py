"""One generation of a directory layout: ``..g<random>``, a directory that holds all files of a set, built and removed.

A generation is built closed (0700) and held by a flock, gets its final mode when everything in it is durable, and is
never written to again. Its mode is 0755, so that every consumer can pass: who may read what is said by the modes of
the files and of the directory that holds it all, which stays as its owner made it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.failures import step
from config_sync.files.names import DATA, GENERATION, new_generation
from config_sync.files.observe import Look, look
from config_sync.files.whole import Attributes, made
from config_sync.model import FileSpec

MODE = 0o755
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Generation:
    """One that is there. `is_whole`: it is a directory of ours, of the right mode, and holds nothing but files."""

    name: str
    identity: tuple[int, int]
    is_whole: bool
    files: Mapping[str, Look] = field(repr=False)

    def holds(self, files: Mapping[str, tuple[FileSpec, bytes]]) -> bool:
        """Whether it is exactly this set: names, bytes, modes, owners, no ACL."""
        return self.is_whole and self.files.keys() == files.keys() and all(self._is_as(*one) for one in files.values())

    def _is_as(self, spec: FileSpec, content: bytes) -> bool:
        found = self.files[spec.path.name]
        wanted = Attributes(spec.mode, spec.uid, spec.gid)
        return found.content == content and not found.has_acl and not wanted.differ_from(found.info)


def read_generation(calls: Calls, name: str, *, at: int, path: str) -> Generation | None:
    """The generation `name` with the bytes of its files; None: it is not there. Raises FileError."""
    with contextlib.ExitStack() as held:
        with step("readdir", path):
            try:
                inside = held.enter_context(calls.opened(name, _DIRECTORY, at=at))
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                return None  # one that is closed to us is none of ours
            info = calls.fstat(inside)
            entries = calls.names(inside)
        is_whole = info.st_uid == os.geteuid() and stat.S_IMODE(info.st_mode) & 0o777 == MODE
        files: dict[str, Look] = {}
        for entry in entries:
            try:
                found = look(calls, entry, at=inside, path=f"{path}/{name}/{entry}")
            except FileError as error:
                if error.errno is not None:
                    raise
                found = None  # of another kind: nothing that we make
            if found is None:
                is_whole = False
            else:
                files[entry] = found
        return Generation(name, (info.st_dev, info.st_ino), is_whole, files)


@contextlib.contextmanager
def built(
    calls: Calls, files: Sequence[tuple[FileSpec, bytes]], *, at: int, path: str, old: Mapping[str, Look], durable: bool
) -> Iterator[tuple[str, tuple[int, int]]]:
    """A new generation: its name, and its device and inode. Complete, durable, with all final modes and owners.

    It is held while inside. When the body raises, or a step here does, it is removed. The mtime of each file is later
    than that of the one in `old`.

    Raises:
        FileError: a step failed; nothing is left.
    """
    name = new_generation()
    with step("mkdir", path):
        calls.mkdir(name, at=at, mode=0o700)
    fd = -1
    try:
        with step("open", path):
            fd = calls.open(name, _DIRECTORY, at=at)
            info = calls.fstat(fd)
            if info.st_uid != os.geteuid() or not calls.lock(fd, wait=False):
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        with step("removexattr", path):
            calls.remove_acl(fd)
        for spec, content in files:
            before = old.get(spec.path.name)
            with made(
                calls,
                spec.path.name,
                content,
                Attributes(spec.mode, spec.uid, spec.gid),
                at=fd,
                path=spec.path,
                later_than_ns=before.info.st_mtime_ns if before is not None else None,
                durable=durable,
            ):
                pass
        with step("fchmod", path):
            calls.fchmod(fd, MODE | info.st_mode & stat.S_ISGID)
        if durable:
            with step("fsync", path):
                calls.fsync(fd)
        yield name, (info.st_dev, info.st_ino)
    except BaseException:
        with contextlib.suppress(OSError):
            _remove(calls, name, at=at, is_held=True)
        raise
    finally:
        if fd >= 0:
            calls.close_quietly(fd)


def settled(calls: Calls, generation: Generation, *, at: int) -> bool:
    """Makes a generation that is there durable; False: it must be built anew, its data may be lost."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with calls.opened(generation.name, _DIRECTORY, at=at) as inside:
            for name, found in generation.files.items():
                with calls.opened(name, flags, at=inside) as fd:
                    if not os.path.samestat(calls.fstat(fd), found.info):
                        return False
                    calls.fsync(fd)
            calls.fsync(inside)
    except OSError:
        return False
    return True


def names_in_all(calls: Calls, entries: Collection[str], *, at: int) -> set[str]:
    """The file names of every generation among `entries`."""
    found: set[str] = set()
    for entry in entries:
        if GENERATION.fullmatch(entry):
            with contextlib.suppress(OSError), calls.opened(entry, _DIRECTORY, at=at) as inside:
                found.update(calls.names(inside))
    return found


def sweep_generations(
    calls: Calls, entries: Collection[str], *, at: int, keep: Collection[str], grace_s: float, now: float
) -> list[str]:
    """Removes those among `entries` that ``..data`` does not show and nobody holds; returns their names.

    One that was replaced stays for `grace_s` seconds after that (`now` is Unix time), since a reader may be in it. One
    that was never shown goes at once: it is younger than the link ``..data``, or still closed. (Of one just as old as
    that link, to the tick of the kernel's clock, nobody knows: it stays.) Those in `keep` stay. Raises OSError.
    """
    ages: dict[str, int] = {}
    closed: set[str] = set()
    for entry in entries:
        info = calls.lstat(entry, at=at) if GENERATION.fullmatch(entry) else None
        if info is not None and stat.S_ISDIR(info.st_mode):
            ages[entry] = info.st_ctime_ns
            if stat.S_IMODE(info.st_mode) & 0o777 != MODE:
                closed.add(entry)
    shown = calls.lstat(DATA, at=at)
    removed: list[str] = []
    for entry, made_ns in ages.items():
        if entry in keep:
            continue
        if shown is not None and made_ns <= shown.st_ctime_ns and entry not in closed:
            # The next one came when this one went. A change time cannot be set by anybody.
            replaced_ns = min((one for one in ages.values() if one > made_ns), default=shown.st_ctime_ns)
            if now - min(replaced_ns, shown.st_ctime_ns) / 1e9 <= grace_s:
                continue
        with contextlib.suppress(OSError):
            if _remove(calls, entry, at=at):
                removed.append(entry)
    return removed


def _remove(calls: Calls, name: str, *, at: int, is_held: bool = False) -> bool:
    """Removes the generation `name`; False: it is held, not ours, or holds what we never make. Raises OSError."""
    info = calls.lstat(name, at=at)
    if info is None or not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
        return False
    with calls.opened(name, _DIRECTORY, at=at) as inside:
        if not is_held and not calls.lock(inside, wait=False):
            return False
        entries = calls.names(inside)
        for entry in entries:
            found = calls.lstat(entry, at=inside)
            if found is not None and stat.S_ISDIR(found.st_mode):
                return False
        for entry in entries:
            calls.unlink(entry, at=inside)
    calls.rmdir(name, at=at)
    return True
