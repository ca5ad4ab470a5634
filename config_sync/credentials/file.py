"""A secret in a file: also what Kubernetes, Docker and Vault agents mount, and the only source that rotates alive."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field

from config_sync.credentials.source import MAX_BYTES, SourceKind
from config_sync.errors import CredentialError
from config_sync.kinds import PathText
from config_sync.model import AbsolutePath


@dataclass(frozen=True, slots=True)
class FileSource:
    """The content of the file at `path`. `label` is how messages name it (default: by its path)."""

    path: AbsolutePath
    label: str | None = None

    def is_offered(self) -> bool:
        """Whether something is there; a file that cannot be looked at counts, so that its error is told."""
        try:
            os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True

    def read_text(self) -> str:
        """The whole file as UTF-8. Readable is what can be read: owner and mode are not judged.

        Raises:
            CredentialError: missing, unreadable, no regular file, too long, or not UTF-8.
        """
        try:
            content = _read_bounded(self.path)
        except FileNotFoundError:
            raise CredentialError(
                f"cannot read {self.describe()}: no such file", hint="create it, or name another source in the settings"
            ) from None
        except OSError as error:
            uid = os.geteuid()
            hint = f"config-sync runs as uid {uid}, which must be able to read it" if error.errno else None
            raise CredentialError(f"cannot read {self.describe()}: {error.strerror}", hint=hint) from error
        if content is None:
            raise CredentialError(f"{self.describe()} is no regular file", hint="it is read anew for every use")
        if len(content) > MAX_BYTES:
            raise CredentialError(f"{self.describe()} is over {MAX_BYTES} bytes", hint="is it the right file?")
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            # `from None`: the exception carries the content.
            raise CredentialError(f"{self.describe()} is not text: byte {error.start + 1} is no UTF-8") from None

    def describe(self) -> str:
        """``file PATH``, or the label."""
        return self.label or f"file {self.path}"

    def watch_path(self) -> AbsolutePath | None:
        """The file itself."""
        return self.path


@dataclass(frozen=True, slots=True)
class FileOfVariable:
    """The file that the variable `name` points to (``CONFIG_SERVICE_TOKEN_FILE``), by the habit of container images."""

    name: str
    environ: Mapping[str, str] = field(repr=False)

    def is_offered(self) -> bool:
        """Whether the variable is set and not empty."""
        return bool(self.environ.get(self.name))

    def read_text(self) -> str:
        """The file's text. Raises CredentialError as FileSource does, and for a path that is not absolute."""
        try:
            path = AbsolutePath(self.environ.get(self.name, ""))
        except ValueError as error:
            raise CredentialError(f"cannot use ${self.name}: {error}") from None
        return FileSource(path, label=self.describe()).read_text()

    def describe(self) -> str:
        """``file PATH of $NAME``."""
        path = self.environ.get(self.name)
        return f"file {path} of ${self.name}" if path else f"the file of ${self.name}"

    def watch_path(self) -> AbsolutePath | None:
        """The file, if the variable names one."""
        try:
            return AbsolutePath(self.environ.get(self.name, ""))
        except ValueError:
            return None


def _read_bounded(path: str) -> bytes | None:
    """At most one byte more than allowed; None where it is no regular file. Raises OSError."""
    # O_NONBLOCK: opening a FIFO without a writer would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _build(path: str, _environ: Mapping[str, str]) -> FileSource:
    return FileSource(AbsolutePath(path))


FILE = SourceKind("file", PathText(), _build, "a file")
