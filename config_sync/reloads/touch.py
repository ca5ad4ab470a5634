"""``touch``: a stamp file, for systemd's path units and other watchers; written when the whole target is in place.

Watchers see a file closed after writing (IN_CLOSE_WRITE) and a time that grew; its content, if any, is left alone.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass

from config_sync.errors import ReloadFailed, Stopped
from config_sync.fields import Field, Values, fields
from config_sync.kinds import PathText
from config_sync.model import AbsolutePath, ReloadOrder, ReloadResult, StopSignal
from config_sync.reloads.kind import Doubt, ReloadKind
from config_sync.reloads.systemctl import pause

_MODE = 0o644
_MAX_LINKS = 40
"""As many as the kernel follows (path_resolution(7))."""

_STEPS_NS = (0, 1, 1000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000)
"""By how much the time must grow where the file system keeps it less finely: 4 ms ticks, 1 s (ext3), 2 s (FAT)."""


@dataclass(frozen=True, slots=True)
class TouchReload:
    """Gives the file at `path` a later time; one that is missing is created, 0644."""

    path: AbsolutePath

    @property
    def kind(self) -> str:
        """The word in the settings."""
        return "touch"

    def describe(self) -> str:
        """``the stamp file /run/app/changed``."""
        return f"the stamp file {self.path}"

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:  # noqa: ARG002  # a time is all it says
        """The file has a later time than before.

        Raises:
            ReloadFailed: a system call failed, or a link is in the way that another user could have set.
            Stopped: the agent is stopping; nothing was touched.
        """
        if stop.is_set():
            raise Stopped
        try:
            with _Directory(self.path.parent) as directory:
                self._touch(directory, stop)
        except OSError as error:
            raise ReloadFailed(
                f"{self.describe()} cannot be written: {error.strerror}", hint=self._hint(error), reason="StampFailed"
            ) from error
        return ReloadResult.RELOADED

    def doubts(self) -> Iterator[Doubt]:
        """Its directory may come later, but mostly it is a mistake."""
        if not os.path.isdir(self.path.parent):
            yield Doubt(f"{self.path.parent} does not exist", "create it (systemd: RuntimeDirectory=, tmpfiles.d)")
        elif not os.access(self.path if os.path.exists(self.path) else self.path.parent, os.W_OK):
            yield Doubt(f"uid {os.geteuid()} cannot write {self.path}", "let the agent's user write it")

    def _touch(self, directory: _Directory, stop: StopSignal) -> None:
        descriptor = self._open(directory)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise self._refused("is not a regular file", "remove it, or name another path")
            if _is_made_later(descriptor, found.st_mtime_ns, stop):
                return
            raise self._refused("keeps its time", "its file system takes no times: name one on another")
        finally:
            os.close(descriptor)

    def _open(self, directory: _Directory) -> int:
        # NONBLOCK: a FIFO planted there must not hold us.
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        for _ in range(_MAX_LINKS):
            try:
                return os.open(self.path.name, flags, dir_fd=directory.descriptor)
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise self._refused("is a symbolic link", "name the file itself, or remove the link") from None
                if error.errno in (errno.ENXIO, errno.EISDIR):  # a FIFO without a reader; a directory
                    raise self._refused("is not a regular file", "remove it, or name another path") from None
                raise
            try:
                descriptor = os.open(self.path.name, flags | os.O_CREAT | os.O_EXCL, _MODE, dir_fd=directory.descriptor)
            except FileExistsError:
                continue
            os.fchmod(descriptor, _MODE)  # whatever our umask is: it says nothing but a time
            return descriptor
        raise self._refused("comes and goes", "find who removes it")

    def _refused(self, what: str, hint: str) -> ReloadFailed:
        return ReloadFailed(f"{self.describe()} {what}", hint=hint, reason="StampFailed")

    def _hint(self, error: OSError) -> str:
        match error.errno:
            case errno.ENOENT | errno.ENOTDIR:
                return f"create the directory {self.path.parent} (systemd: RuntimeDirectory=, tmpfiles.d)"
            case errno.EACCES | errno.EPERM:
                return f"let uid {os.geteuid()} write it, and enter the directories above"
            case errno.EROFS:
                return "in a unit name the directory in `ReadWritePaths=`"
            case errno.ELOOP:
                return "a symbolic link on the way belongs to another user: name the real path"
            case _:
                return "see the message"


def _is_made_later(descriptor: int, before_ns: int, stop: StopSignal) -> bool:
    """Give the open file a time after `before_ns`: now, or as little later as the file system keeps."""
    try:
        for step_ns in _STEPS_NS:
            moment = max(time.time_ns(), before_ns + step_ns)
            os.utime(descriptor, ns=(moment, moment))
            if os.fstat(descriptor).st_mtime_ns > before_ns:
                return True
    except PermissionError:  # another user's file that we may write: only the kernel's "now" may be set (utimensat(2))
        for step_ns in _STEPS_NS:
            pause(step_ns / 1e9, stop)
            os.utime(descriptor)
            if os.fstat(descriptor).st_mtime_ns > before_ns:
                return True
    return False


class _Directory:
    """The directory that holds the file, reached over no link that another user could have set.

    A link is followed where it belongs to root or to this user, as /var/run is; nobody else can make such a one. Raises
    OSError, ELOOP for any other link.
    """

    def __init__(self, path: str) -> None:
        self.descriptor = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._links = 0
        try:
            self._walk(path)
        except BaseException:
            os.close(self.descriptor)
            raise

    def _walk(self, path: str) -> None:
        parts = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        while parts:
            part = parts.pop()
            found = os.lstat(part, dir_fd=self.descriptor) if part != ".." else None
            if found is None or not stat.S_ISLNK(found.st_mode):
                self._step(part)
                continue
            self._links += 1
            if found.st_uid not in (0, os.geteuid()) or self._links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = os.readlink(part, dir_fd=self.descriptor)
            if target.startswith("/"):
                self._step("/")
            parts += [one for one in reversed(target.split("/")) if one not in ("", ".")]

    def _step(self, part: str) -> None:
        flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        following = os.open(part, flags, dir_fd=self.descriptor)
        os.close(self.descriptor)
        self.descriptor = following

    def __enter__(self) -> _Directory:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


TOUCH: Field[AbsolutePath] = Field(
    "touch", PathText(), "The stamp file; created 0644 if missing, in a directory that exists.", is_required=True,
    nullable=False,
)  # fmt: skip


def _build(values: Values) -> TouchReload:
    return TouchReload(values[TOUCH])


TOUCH_KIND = ReloadKind(
    "touch",
    fields(TOUCH),
    _build,
    "Writes a stamp file when all files of the target are in place: its time grows with each change, its content is "
    "left alone. For systemd's path units (`PathChanged=`) and other watchers.",
)
