"""A folder of files as versioned configs. No HTTP, no waiting: `refresh` looks, `get` and `listing` answer.

``DIR/NAME.json`` (or ``.yaml``, ``.yml``) is a config's base file, ``DIR/ENVIRONMENT/NAME.json`` its file for one
environment. An environment without a file of its own gets the base file, whether its folder exists or not. A config's
version counts the changes of all its files, as its events carry no environment. Hidden files, names ending in ``~`` and
other suffixes are no configs.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from config_sync.clock import Clock
from config_sync.devserver.documents import READERS
from config_sync.errors import DocumentRefused
from config_sync.model import ConfigName

KEPT_VERSIONS = 100
"""Of each config, in memory: plenty for a day of development, and a bound for a script that writes for ever."""


@dataclass(frozen=True, slots=True)
class Version:
    """A config between two changes. `documents` maps an environment (None: the base) to its JSON; none: deleted.

    `saved_at` is Unix time in seconds; `changed_by` the user id that owns the changed file.
    """

    number: int
    documents: Mapping[str | None, bytes] = field(repr=False)
    saved_at: float
    changed_by: int


@dataclass(frozen=True, slots=True)
class Change:
    """A new version, told to watchers."""

    config: ConfigName
    version: Version


@dataclass(frozen=True, slots=True)
class Served:
    """One document and the version it belongs to."""

    document: bytes = field(repr=False)
    version: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the list. `is_valid` is False while a file of the config is broken and an earlier version serves."""

    name: ConfigName
    is_valid: bool
    valid_from: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    raw: bytes = field(repr=False)
    owner: int
    modified_at: float


_Key = tuple[str | None, ConfigName]
"""Environment and name."""


class ConfigFolder:
    """The configs of one folder; not thread-safe. `tell` gets one line for each thing that is wrong, once."""

    def __init__(self, directory: str, *, tell: Callable[[str], None], clock: Clock) -> None:
        self.directory = directory
        self._tell = tell
        self._clock = clock
        self._versions: dict[str, deque[Version]] = {}
        self._raw: dict[_Key, bytes] = {}
        self._broken: set[str] = set()
        self._told: dict[str, str] = {}

    def get(self, name: str, *, environment: str | None = None, version: int | None = None) -> Served | None:
        """The document in an environment, as it is or as it was at an earlier version; None: there is none."""
        versions = self._versions.get(name)
        if versions is None or not versions[-1].documents:
            return None
        for one in reversed(versions):
            if version is None or one.number == version:
                document = one.documents.get(environment, one.documents.get(None))
                return Served(document, one.number) if document is not None else None
        return None

    def has(self, name: str) -> bool:
        """Whether the config exists, in any environment."""
        return name in self._versions and bool(self._versions[name][-1].documents)

    def listing(self) -> list[Listed]:
        """Every config that exists in any environment, by name."""
        return [
            Listed(ConfigName(name), name not in self._broken, versions[0].saved_at, versions[-1].saved_at)
            for name, versions in sorted(self._versions.items())
            if versions[-1].documents
        ]

    def refresh(self) -> list[Change]:
        """Look at the folder; one change for each config whose content is another now.

        What is broken or cannot be read, a file or an environment's folder, keeps its last good documents. While the
        whole folder cannot be read, nothing changes.
        """
        problems: dict[str, str] = {}
        try:
            files = dict(self._files(problems))
        except OSError as error:
            self._report({str(error.filename or self.directory): f"cannot be read: {error.strerror}"})
            return []
        documents = self._documents(files, problems)
        changes = [
            change
            for name in sorted({*self._versions, *documents})
            if (change := self._next(name, documents.get(name, {}), files)) is not None
        ]
        self._report(problems)
        return changes

    def _documents(
        self, files: Mapping[_Key, _File | None], problems: dict[str, str]
    ) -> dict[str, dict[str | None, bytes]]:
        """Name to environment to document. A file of None could not be read."""
        found: dict[str, dict[str | None, bytes]] = {}
        raw: dict[_Key, bytes] = {}
        self._broken.clear()
        for (environment, name), file in files.items():
            current = self._current(name, environment)
            document = current
            if file is None:
                self._broken.add(name)
            elif current is None or file.raw != self._raw.get((environment, name)):
                try:
                    document = READERS[os.path.splitext(file.path)[1]](file.raw)
                except DocumentRefused as error:
                    self._broken.add(name)
                    serves = "there is no earlier version" if current is None else "the last good version stays"
                    problems[file.path] = f"{error}; {serves}"
                else:
                    raw[environment, name] = file.raw
            else:
                raw[environment, name] = file.raw
            if document is not None:
                found.setdefault(name, {})[environment] = document
        self._raw = raw
        return found

    def _current(self, name: str, environment: str | None) -> bytes | None:
        versions = self._versions.get(name)
        return versions[-1].documents.get(environment) if versions else None

    def _next(self, name: str, documents: dict[str | None, bytes], files: Mapping[_Key, _File | None]) -> Change | None:
        """The change that leads to these documents, recorded; None where they are the current ones."""
        versions = self._versions.get(name)
        before: Mapping[str | None, bytes] = versions[-1].documents if versions else {}
        if before == documents:
            return None
        config = ConfigName(name)
        changed = [
            file
            for environment, document in documents.items()
            if before.get(environment) != document and (file := files.get((environment, config))) is not None
        ]
        newest = max(changed, key=lambda file: file.modified_at, default=None)
        owner = newest.owner if newest is not None else versions[-1].changed_by if versions else os.geteuid()
        # A file's own time says when the first version was made; later it may be older than the change (mv, cp -p).
        saved_at = newest.modified_at if newest is not None and versions is None else self._clock.now()
        kept = self._versions.setdefault(name, deque(maxlen=KEPT_VERSIONS))
        version = Version(kept[-1].number + 1 if kept else 1, documents, saved_at, owner)
        kept.append(version)
        return Change(config, version)

    def _files(self, problems: dict[str, str]) -> Iterator[tuple[_Key, _File | None]]:
        """Every config file there is, the winning one of each config. Raises OSError: a folder cannot be read."""
        environments: list[str | None] = [None]
        with os.scandir(self.directory) as entries:
            environments += sorted(entry.name for entry in entries if entry.name[0] != "." and entry.is_dir())
        for environment in environments:
            directory = os.path.join(self.directory, environment) if environment else self.directory
            try:
                names = sorted(os.listdir(directory))
            except FileNotFoundError:
                continue
            except OSError as error:
                if environment is None:
                    raise
                problems[directory] = f"cannot be read: {error.strerror}"
                yield from (((environment, ConfigName(name)), None) for name in self._names_in(environment))
                continue
            for name, path in _winners(directory, names, problems).items():
                try:
                    file = _read(path)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    problems[path] = f"cannot be read: {error.strerror}"
                    yield (environment, name), None
                    continue
                if file is not None:
                    yield (environment, name), file

    def _names_in(self, environment: str) -> list[str]:
        return [name for name, versions in self._versions.items() if environment in versions[-1].documents]

    def _report(self, problems: dict[str, str]) -> None:
        """Each problem once, until it is gone or another."""
        for path, message in problems.items():
            if self._told.get(path) != message:
                self._tell(f"{path}: {message}")
        self._told = problems


def _winners(directory: str, names: list[str], problems: dict[str, str]) -> dict[ConfigName, str]:
    """Config name to the path that serves it; JSON wins over YAML."""
    found: dict[ConfigName, str] = {}
    for suffix in READERS:
        for file_name in names:
            stem, its_suffix = os.path.splitext(file_name)
            if its_suffix != suffix or file_name.startswith("."):
                continue
            path = os.path.join(directory, file_name)
            try:
                name = ConfigName(stem)
            except ValueError as error:
                problems[path] = f"not served: {error}"
                continue
            if name in found:
                problems[path] = f"not served: {os.path.basename(found[name])} is the same config"
                continue
            found[name] = path
    return found


def _read(path: str) -> _File | None:
    """The file's bytes and whose they are; None: no regular file. Never waits for the other end of a FIFO."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return _File(path, file.read(), status.st_uid, status.st_mtime)
    finally:
        os.close(descriptor)
