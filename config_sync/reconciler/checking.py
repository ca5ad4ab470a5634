"""``validate``: the consumer's own checker, before anything is visible, or right after where it can only look there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from config_sync.errors import CheckRejected, Retry, Stopped
from config_sync.files import Disk
from config_sync.model import Attempt, Layout, Pin, Present, Record, Target
from config_sync.reconciler.desired import Desired
from config_sync.reconciler.holding import discard_kept
from config_sync.reconciler.occasion import Occasion, Slots
from config_sync.records import Records
from config_sync.reloads import run_check
from config_sync.stop import Stop
from config_sync.workqueue import Wake

_WORTH_ANOTHER_TRY = {Wake.START, Wake.COMMAND, Wake.SETTINGS}
"""What makes a content that an ``in_place`` check refused worth publishing once more: resyncs alone would make the
consumer's file wrong for a moment every few minutes."""


class Checker:
    """Runs checkers and puts refused files back. Shared by all threads, like `Reconciler`."""

    def __init__(self, disk: Disk, records: Records, *, slots: Slots) -> None:
        self._disk = disk
        self._records = records
        self._slots = slots
        self._refused: dict[str, tuple[Attempt, CheckRejected]] = {}

    def check_staged(self, target: Target, desired: Desired, stop: Stop) -> None:
        """The checker accepts staged copies. Raises CheckRejected, FileError, Stopped."""
        assert target.validate is not None
        files = [(spec, desired.rendered[spec.path].content) for spec in target.files]
        needs_directory = any("{dir}" in word for word in target.validate.argv)
        with self._disk.stage(files, one_directory=needs_directory) as staged, self._slots.lent():
            paths = dict(staged.paths)
            if needs_directory and staged.directory is not None:
                paths = {path: f"{staged.directory}/{path.name}" for path in paths}
            run_check(target.validate, name=target.name, paths=paths, stop=stop)

    # ---- validation of files that are already visible (`in_place`)

    def finish(self, target: Target, record: Record, stop: Stop, *, otherwise: Pin | None) -> Record:
        """Ask the checker about what an attempt made visible; put the old bytes back if it says no.

        Also the first thing after a crash in between, before the service is asked: what nobody checked must not stay.
        `otherwise`: the pin where it says no.
        """
        attempt = record.attempting
        assert attempt is not None
        if target.validate is None or not target.validate.in_place:
            return replace(record, attempting=replace(attempt, is_checked=True))
        paths = {spec.path: str(spec.path) for spec in target.files}
        try:
            with self._slots.lent():
                run_check(target.validate, name=target.name, paths=paths, stop=stop)
        except (CheckRejected, Stopped) as error:
            self._put_back(target, attempt)
            back = attempt.back
            if back is not None and target.layout is not Layout.DIRECTORY:
                # What was kept for this check alone, though for a rollback too, is at its place again.
                used = set(attempt.kept.values())
                back = replace(back, kept={path: name for path, name in back.kept.items() if name not in used})
            # What an earlier attempt made visible is there again, and is owed as it was before.
            earlier = None if attempt.follows is None else Attempt({}, {}, is_published=attempt.follows, back=back)
            self._records.save(target.name, replace(record, attempting=earlier, pin=otherwise))
            if earlier is None and back is not None:
                discard_kept(self._disk, target, back.kept)
            if isinstance(error, CheckRejected) and error.retry is Retry.RESYNC:  # not where it could not be run
                self._refused[target.name] = (attempt, error)
            raise
        # From here on this is what a later attempt falls back to, and what the consumer must be told of; after a death
        # only some of it may be there.
        written = dict(record.written)
        for path, state in [(spec.path, self._disk.observe(spec)) for spec in target.files]:
            if isinstance(state, Present) and state.digest == attempt.digests.get(path):
                written[path] = state.digest
        checked = replace(record, written=written, attempting=replace(attempt, is_checked=True))
        self._records.save(target.name, checked)
        self._refused.pop(target.name, None)
        return checked

    def _put_back(self, target: Target, attempt: Attempt) -> None:
        if target.layout is Layout.DIRECTORY:
            directory = target.directory
            self._disk.restore_directory(directory, target.files, attempt.kept.get(directory), previous=())
            return
        for spec in target.files:
            state = self._disk.observe(spec)
            is_ours = isinstance(state, Present) and state.digest == attempt.digests.get(spec.path)
            if is_ours:
                self._disk.restore(spec, attempt.kept.get(spec.path))
            elif (kept := attempt.kept.get(spec.path)) is not None:
                self._disk.discard(spec, kept)

    def refuse_again(self, name: str, digests: Mapping[str, str], occasion: Occasion) -> None:
        """Raises CheckRejected where just this was refused before, and nothing makes it worth another try."""
        if name in self._refused and not occasion.wakes & _WORTH_ANOTHER_TRY:
            attempt, error = self._refused[name]
            if dict(attempt.digests) == dict(digests):
                raise error
