"""One way from the root to a destination: each component on a descriptor, each link looked at before it is followed.

What is trusted and why is told in `config_sync.files.walk`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import dataclass, replace
from types import TracebackType

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.failures import failure, refusal, step
from config_sync.files.own_links import OwnLink, is_own_link, opened_current
from config_sync.files.parents import make_parent, sync_entries
from config_sync.model import AbsolutePath, SymlinkPolicy

_MOST_LINKS = 40
"""As many as the kernel follows (path_resolution(7))."""
_LOOK = os.O_PATH | os.O_NOFOLLOW
_PASSED = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY
_LISTED = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY


class DirectoryMissing(FileError):
    """A directory on the way is not there, and ``create_parents`` is off."""

    reason = "DirectoryMissing"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a destination really is: its directory (a descriptor opened with O_PATH), base name, and real path.

    `info`: what was there at the end of the walk, links not followed; None: nothing.
    """

    fd: int
    name: str
    path: str
    is_own_link: bool = False
    """A link of a directory layout is there (only with `OwnLink.STOP`)."""
    info: os.stat_result | None = None


class Way:
    """One way from the root to a place; owns the one descriptor it stands on, which stays open while inside."""

    def __init__(
        self,
        calls: Calls,
        path: AbsolutePath,
        *,
        symlink: SymlinkPolicy,
        may_create: bool = False,
        is_durable: bool = True,
        settles: bool = False,
        own_link: OwnLink = OwnLink.AS_ANY,
        below: str = "",
        reads: bool = False,
    ) -> None:
        self._calls = calls
        self._path = path
        self._symlink = symlink
        self._may_create = may_create
        self._is_durable = is_durable
        self._settles = settles
        self._own_link = own_link
        self._is_at_own_link = False
        self._todo = _components(f"{path}/{below}")
        self._trail: list[str] = []
        self._links = 0
        self._dangles: str | None = None
        """The last link followed in the place of the destination itself."""
        self._fd = -1
        self._reads = reads
        self._can_read = False
        """Whether the descriptor is open for reading, not only to stand on."""

    def __enter__(self) -> Place:
        """To the end. Raises FileError."""
        try:
            with step("walk", self._path):
                place = self._go()
            if not self._reads or self._can_read:
                return place
            with step("readdir", place.path):
                self._stand(self._calls.open(".", os.O_RDONLY | os.O_DIRECTORY, at=self._fd))
            return replace(place, fd=self._fd)
        except BaseException:
            self._close()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            self._calls.close_quietly(self._fd)
            self._fd = -1

    def _go(self) -> Place:
        while self._todo:
            if not self._settles:
                self._pass()
            if self._fd < 0:
                self._stand(self._calls.open("/", os.O_PATH | os.O_DIRECTORY))
            name = self._todo.pop()
            if name == "..":
                self._stand(self._calls.open("..", os.O_PATH | os.O_DIRECTORY, at=self._fd))
                del self._trail[-1:]
            elif self._todo:
                self._enter(name)
            else:
                info = self._calls.lstat(name, at=self._fd)
                if not self._is_link_followed(name, info):
                    return Place(self._fd, name, self._path_of(name), self._is_at_own_link, info)
        raise refusal(self._path, "it is a directory", reason="NotRegularFile", step="walk")

    def _pass(self) -> None:
        """Through as many plain directories as come, one call for each; stops before all that needs a closer look.

        With O_NOFOLLOW and O_DIRECTORY the kernel opens a directory or nothing (open(2): ENOTDIR, ELOOP), so there is
        nothing to be looked at afterwards. The first one is opened as a name in the root, which needs no descriptor.
        """
        calls, todo = self._calls, self._todo
        while len(todo) > 1 and (name := todo[-1]) != "..":
            reads = self._reads and len(todo) == 2
            flags = _LISTED if reads else _PASSED
            try:
                fd = calls.open(f"/{name}", flags) if self._fd < 0 else calls.open(name, flags, at=self._fd)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                return
            except OSError as error:
                if error.errno == errno.ELOOP:
                    return
                raise
            self._close()
            self._fd, self._can_read = fd, reads
            self._trail.append(todo.pop())

    def _enter(self, name: str) -> None:
        """One directory further, or onto the way that a link shows."""
        try:
            fd = self._calls.open(name, _LOOK, at=self._fd)
        except FileNotFoundError:
            if not self._may_create:
                raise self._missing(name) from None
            make_parent(self._calls, name, at=self._fd, path=self._path_of(name), is_durable=self._is_durable)
            fd = self._calls.open(name, _LOOK, at=self._fd)
        try:
            info = self._calls.fstat(fd)
            if stat.S_ISLNK(info.st_mode):
                self._follow(fd, info, name)
                return
            if not stat.S_ISDIR(info.st_mode):
                raise refusal(
                    self._path, f"{self._path_of(name)} is not a directory", reason="NotADirectory", step="walk"
                )
            if self._settles:
                sync_entries(self._calls, at=self._fd)
            self._stand(fd)
            fd = -1
            self._trail.append(name)
        finally:
            if fd >= 0:
                self._calls.close_quietly(fd)

    def _is_link_followed(self, name: str, info: os.stat_result | None) -> bool:
        """Whether the last component was a link, so that the walk goes on. Raises FileError if it leads nowhere."""
        if info is None and self._dangles is not None:
            raise self._dangling()
        if info is None or not stat.S_ISLNK(info.st_mode):
            return False
        with contextlib.ExitStack() as held:
            try:
                fd = held.enter_context(self._calls.opened(name, _LOOK, at=self._fd))
            except FileNotFoundError:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE)) from None
            info = self._calls.fstat(fd)
            if not stat.S_ISLNK(info.st_mode):
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            if self._own_link is not OwnLink.AS_ANY and is_own_link(self._calls, name, at=self._fd):
                return self._is_generation_entered(name)
            self._dangles = self._path_of(name)
            self._follow(fd, info, name)
        return True

    def _is_generation_entered(self, name: str) -> bool:
        """From a link of a directory layout to its file in the generation; or not, as it is wanted."""
        if self._own_link is OwnLink.STOP:
            self._is_at_own_link = True
            return False
        if (current := opened_current(self._calls, at=self._fd)) is None:
            raise self._missing(name)
        self._stand(current[0])
        self._trail.append(current[1])
        self._todo.append(name)
        self._own_link = OwnLink.AS_ANY  # what lies in a generation is a file
        return True

    def _follow(self, fd: int, info: os.stat_result, name: str) -> None:
        """Onto the link's way. Raises FileError if it is not trusted."""
        link = self._path_of(name)
        if self._symlink is SymlinkPolicy.REFUSE:
            raise refusal(
                self._path,
                f"{link} is a symbolic link",
                reason="UntrustedLink",
                step="walk",
                hint="name the real path; this file has `symlink: refuse`",
            )
        if distrust := self._distrust(info):
            raise refusal(
                self._path,
                f"the symbolic link {link} is not followed: {distrust}",
                reason="UntrustedLink",
                step="walk",
                hint="name the real path, or let root or the agent own the link in a directory only they can write to",
            )
        self._links += 1
        if self._links > _MOST_LINKS:
            raise failure(OSError(errno.ELOOP, os.strerror(errno.ELOOP)), self._path, "walk")
        target = self._calls.readlink(fd)
        if target.startswith("/"):
            self._stand(self._calls.open("/", os.O_PATH | os.O_DIRECTORY))
            self._trail.clear()
        self._todo.extend(_components(target))

    def _distrust(self, link: os.stat_result) -> str | None:
        """Who else could have planted the link; None: nobody."""
        ours = (0, os.geteuid())
        if link.st_uid not in ours:
            return f"it belongs to uid {link.st_uid}"
        here = self._calls.fstat(self._fd)
        if here.st_uid not in ours:
            return f"its directory belongs to uid {here.st_uid}"
        if here.st_mode & 0o022:
            return f"others may write to its directory (mode {stat.S_IMODE(here.st_mode):04o})"
        return None

    def _missing(self, name: str) -> FileError:
        if self._dangles is not None:
            return self._dangling()
        return DirectoryMissing(
            f"{self._path}: the directory {self._path_of(name)} does not exist",
            hint="create it, or set `create_parents: true` for this file",
            errno=errno.ENOENT,
            step="walk",
        )

    def _dangling(self) -> FileError:
        return refusal(
            self._path,
            f"the symbolic link {self._dangles} leads to nothing",
            reason="DanglingLink",
            step="walk",
            hint="create the file it points to, remove the link, or name the real path",
        )

    def _stand(self, fd: int) -> None:
        self._close()
        self._fd = fd
        self._can_read = False

    def _path_of(self, name: str) -> str:
        return "/" + "/".join([*self._trail, name])


def _components(path: str) -> list[str]:
    """The last one first, so that the next one is popped."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]
