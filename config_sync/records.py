"""The durable memory of all targets: what was last written, which reload is owed.

One small JSON file in the state directory::

    {"version": 1, "digest_key": "64 hex characters", "targets": {"my-service": {… the fields of model.Record …}}}

It holds digests only, keyed with a random key of this directory: they can be compared, and tell nothing of the content
to anybody who does not have the file. Rules:

* `Records.save` returns when the record is on disk; until then, and after a failure, `Records.get` gives the old one.
* Group commit: while one thread writes, all others gather their records for the next write, which one of them makes.
* A file that cannot be understood is never overwritten: it is set aside, and told. Starting without a memory is safe:
  files that are right are adopted without a reload.
* Keys that a newer version of us wrote are passed over; a newer ``version`` number means that they must not be.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from config_sync.clock import SystemClock
from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.leftovers import clear_own
from config_sync.files.replace import make_directory, replace_file
from config_sync.model import Record
from config_sync.record_json import Damaged, Encoder, decoded

_NAME = "records.json"
_MODE = 0o600
_KEY_BYTES = 32


class Records:
    """One Record per target, durable in ``records.json`` (0600). All methods are safe in any thread."""

    def __init__(
        self,
        state_dir: str | None,
        *,
        digest_key: bytes,
        records: Mapping[str, Record],
        why: str = "",
        warning: str | None = None,
        calls: Calls | None = None,
    ) -> None:
        self._state_dir = state_dir
        self._digest_key = digest_key
        self._encoder = Encoder(digest_key)
        self._calls = calls or Calls()
        self.why = why
        """Why nothing is kept on disk; empty when `is_durable`."""
        self.warning = warning
        """Tells that a damaged file was set aside at the start, and where it is now."""
        self._turn = threading.Condition()
        self._saved: dict[str, Record] = dict(records)
        self._gathering = _Batch()
        self._is_writing = False

    @property
    def is_durable(self) -> bool:
        """Whether records survive this process."""
        return self._state_dir is not None

    @property
    def digest_key(self) -> bytes:
        """32 random bytes; survives restarts, means nothing elsewhere."""
        return self._digest_key

    def get(self, name: str) -> Record | None:
        """What was last saved for the target."""
        return self._saved.get(name)

    def save(self, name: str, record: Record) -> None:
        """Durable when it returns; no write when equal. Many threads at once share one write.

        Raises:
            FileError: not saved; `get` still gives the earlier record.
        """
        with self._turn:
            batch = self._gathering
            if name not in batch.changes and self._saved.get(name) == record:
                return
            batch.changes[name] = record
            if batch.has_writer:
                self._turn.wait_for(lambda: batch.is_done)
                batch.check()
                return
            batch.has_writer = True
            self._turn.wait_for(lambda: not self._is_writing)
            self._is_writing = True
            self._gathering = _Batch()  # later ones gather for the next write
            wanted = {**self._saved, **batch.changes}
        batch.error = FileError(f"{_NAME}: the write was interrupted", step="write")
        try:
            self._write(wanted)
            batch.error = None
        except FileError as error:
            batch.error = error
        finally:
            with self._turn:
                if batch.error is None:
                    self._saved = wanted
                batch.is_done = True
                self._is_writing = False
                self._turn.notify_all()
        batch.check()

    def names(self) -> tuple[str, ...]:
        """Every target that was ever written from this state directory."""
        return tuple(self._saved)

    def kept_names(self) -> frozenset[str]:
        """Names of all kept files and sets that some ``attempting`` still names: what a sweep must leave alone."""
        attempts = [record.attempting for record in tuple(self._saved.values()) if record.attempting is not None]
        return frozenset(name for attempt in attempts for name in attempt.all_kept)

    def _write(self, records: Mapping[str, Record]) -> None:
        if self._state_dir is None:
            return
        content = self._encoder.encoded(records)
        replace_file(self._state_dir, _NAME, content, mode=_MODE, calls=self._calls)


@dataclass(slots=True)
class _Batch:
    """The changes of one write; None forgets a target."""

    changes: dict[str, Record] = field(default_factory=dict)
    has_writer: bool = False
    is_done: bool = False
    error: FileError | None = None

    def check(self) -> None:
        """Raises the write's failure, anew for each thread that waited for it."""
        if (error := self.error) is not None:
            raise FileError(
                error.message,
                hint=error.hint,
                errno=error.errno,
                step=error.step,
                reason=error.reason,
                transient=error.transient,
                published=error.published,
            ) from error


def open_records(state_dir: str | None, *, calls: Calls | None = None) -> Records:
    """The records of `state_dir` (made 0700 with its parents); memory only when it is None or not writable.

    Never raises: a damaged file is set aside as ``records.json.damaged-<n>`` and told by `Records.warning`.
    """
    if state_dir is None:
        return _in_memory("there is no state directory")
    try:
        make_directory(state_dir)
    except OSError as error:
        return _in_memory(f"the state directory {state_dir} cannot be made: {error.strerror}")
    if not os.access(state_dir, os.W_OK | os.X_OK, effective_ids=True):
        return _in_memory(f"the state directory {state_dir} is not writable for uid {os.geteuid()}")
    path = os.path.join(state_dir, _NAME)
    clear_own(calls or Calls(), state_dir, _NAME, now=SystemClock().now())
    try:
        content = _read(path)
    except OSError as error:
        return _in_memory(f"{path} cannot be read: {error.strerror}")
    if content is None:
        return Records(state_dir, digest_key=secrets.token_bytes(_KEY_BYTES), records={}, calls=calls)
    try:
        key, records = decoded(content)
    except Damaged as damage:
        try:
            aside = _set_aside(path)
        except OSError as error:
            return _in_memory(f"{path} is damaged ({damage}) and cannot be set aside: {error.strerror}")
        warning = f"{path} could not be used ({damage}); it was set aside as {aside}, and this start knows no records"
        return Records(state_dir, digest_key=secrets.token_bytes(_KEY_BYTES), records={}, warning=warning, calls=calls)
    return Records(state_dir, digest_key=key, records=records, calls=calls)


def read_records(state_dir: str) -> Records:
    """The records as they stand, for a look: nothing is made, swept, locked or set aside, and no save is ever kept.

    Never raises. `Records.why` says why they are not known: there are none, they may not be read, or are damaged.
    """
    path = os.path.join(state_dir, _NAME)
    try:
        content = _read(path)
    except OSError as error:
        return _in_memory(f"{path} cannot be read by uid {os.geteuid()}: {error.strerror}")
    if content is None:
        return _in_memory(f"there is no {path}")
    try:
        key, records = decoded(content)
    except Damaged as damage:
        return _in_memory(f"{path} is damaged ({damage})")
    return Records(None, digest_key=key, records=records)


def _in_memory(why: str) -> Records:
    return Records(None, digest_key=secrets.token_bytes(_KEY_BYTES), records={}, why=why)


def _read(path: str) -> bytes | None:
    """The file's bytes; None: there is none. Raises OSError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _set_aside(path: str) -> str:
    """Renames the file to the first free ``.damaged-<n>`` and returns that path. Raises OSError."""
    number = 1
    while os.path.lexists(aside := f"{path}.damaged-{number}"):
        number += 1
    os.rename(path, aside)
    return aside
