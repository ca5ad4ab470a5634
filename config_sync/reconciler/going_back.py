"""``on_failure: rollback``: what a publish replaces is kept until the consumer lives with the new, or put back.

A rollback is begun (the record says so), carried out, and told; a process that died on the way ends it as the first
thing of its next pass, before the service is asked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from config_sync.clock import Clock
from config_sync.errors import FileError, ReloadFailed
from config_sync.files import Disk
from config_sync.files.names import DATA, GENERATION
from config_sync.log import REVISION_ROLLED_BACK, logger
from config_sync.model import (
    AbsolutePath,
    Digest,
    FileSpec,
    FileState,
    Layout,
    OnFailure,
    Present,
    Record,
    Rendered,
    Target,
    WayBack,
    digest_of,
)
from config_sync.plan import Action, FilePlan, Plan, Reason, Wanted
from config_sync.reconciler.desired import Desired
from config_sync.reconciler.holding import discard_kept, prunable, spec_of
from config_sync.records import Records
from config_sync.ways_back import going_back, named, way_back, went_back


class WaysBack:
    """Keeps what is replaced, and puts it back. Shared by all threads, like `Reconciler`."""

    def __init__(self, disk: Disk, records: Records, *, clock: Clock) -> None:
        self._disk = disk
        self._records = records
        self._clock = clock

    # ---- before a publish

    def kept(self, target: Target, plan: Plan, observed: Mapping[AbsolutePath, FileState]) -> dict[str, str]:
        """Hold everything that the plan replaces: path to name; for a set its directory to the generation.

        Raises:
            FileError: nothing may be replaced, since it could not be put back.
        """
        if target.layout is Layout.DIRECTORY:
            return self._kept_set(target, observed)
        writes = set(plan.writes)
        found = [(spec, self._disk.keep(spec)) for spec in target.files if spec.path in writes]
        return {str(spec.path): name for spec, name in found if name is not None}

    def _kept_set(self, target: Target, observed: Mapping[AbsolutePath, FileState]) -> dict[str, str]:
        directory = target.directory
        if (shown := _shown(directory)) is None:
            # Files that stood there one by one become a set first, bytes and attributes as they are: then there is
            # something to switch back to.
            found = [(spec, observed[spec.path]) for spec in target.files]
            there = [(spec, state) for spec, state in found if isinstance(state, Present)]
            if not there:
                return {}
            items = [
                (replace(spec, mode=state.mode, uid=state.uid, gid=state.gid), self._content(spec, state))
                for spec, state in there
            ]
            self._disk.publish_directory(directory, items, previous=[spec.path.name for spec, _ in there])
            shown = _shown(directory)
        return {str(directory): shown} if shown is not None else {}

    def _content(self, spec: FileSpec, state: Present) -> bytes:
        content = self.content(spec, state)
        if content is None:
            raise FileError(
                f"{spec.path}: its old content cannot be read, so there is no way back",
                hint="let the agent read it, or remove it",
                reason="NotKept",
                step="read",
            )
        return content

    def content(self, spec: FileSpec, state: Present) -> bytes | None:
        """The bytes that were just observed there; None where they can no longer be read."""
        try:
            with open(os.open(spec.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                content = file.read(state.size + 1)
        except OSError:
            return None
        return content if digest_of(content, key=self._records.digest_key) == state.digest else None

    def open_for(
        self,
        target: Target,
        plan: Plan,
        wanted: tuple[Wanted, ...],
        observed: Mapping[AbsolutePath, FileState],
        record: Record,
    ) -> WayBack | None:
        """Where this publish can go back to, but for what must still be held; None: nowhere.

        What an earlier publish went away from stays the way back as long as the consumer was not told of that one. An
        operator's rollback is not rolled back: his word stands, and a failure of its reload is told.
        """
        if target.on_failure is not OnFailure.ROLLBACK or not plan.reload_owed or plan.is_rollback:
            return None
        earlier = record.attempting
        if earlier is None:
            return way_back(wanted, observed, record, on_drift=target.on_drift)
        known = {*record.written, *earlier.digests}
        return earlier.back if all(spec.path in known for spec in target.files) else None

    def held(
        self,
        target: Target,
        plan: Plan,
        observed: Mapping[AbsolutePath, FileState],
        record: Record,
        back: WayBack,
        kept: Mapping[str, str],
    ) -> WayBack:
        """`back`, with everything held that this publish replaces or removes. `kept` is held already.

        Raises:
            FileError: nothing may be replaced, since it could not be put back.
        """
        digests, names = dict(back.digests), dict(back.kept)
        if target.layout is Layout.DIRECTORY:
            if target.directory not in names:
                names |= kept or self._kept_set(target, observed)
        else:
            self._hold_each(target, plan, observed, kept, digests, names)
        for spec, digest in prunable(self._disk, target, record):
            # The file of another set is no file of its own: it is not held, and so stays for now (`as_it_prunes`).
            is_link = os.path.islink(spec.path)
            if spec.path not in names and not is_link and (name := self._disk.keep(spec)) is not None:
                names[spec.path], digests[spec.path] = name, digest
        return replace(back, digests=digests, kept=names)

    def _hold_each(
        self,
        target: Target,
        plan: Plan,
        observed: Mapping[AbsolutePath, FileState],
        kept: Mapping[str, str],
        digests: dict[str, Digest],
        names: dict[str, str],
    ) -> None:
        writes = set(plan.writes)
        for spec in target.files:
            state = observed[spec.path]
            if spec.path not in writes or spec.path in names or spec.path not in digests:
                continue
            name = kept.get(spec.path) or self._disk.keep(spec)
            if name is None or not isinstance(state, Present):
                del digests[spec.path]  # somebody took it away meanwhile
                continue
            names[spec.path], digests[spec.path] = name, state.digest

    def as_it_prunes(self, target: Target, plan: Plan, record: Record) -> Target:
        """Without ``prune`` for now, where not all that it would remove could be put back, or other files stand."""
        back = record.attempting.back if record.attempting is not None else None
        has_way = back is None or all(spec.path in back.kept for spec, _ in prunable(self._disk, target, record))
        return target if plan.pin is None and has_way else replace(target, prune=False)

    def drop_unused(self, target: Target, held: Record, record: Record) -> None:
        """The publish of the attempt in `held` changed nothing: what it held, and `record` does not name, goes."""
        for attempt in (held.attempting, held.attempting.back if held.attempting is not None else None):
            known = record.attempting.all_kept if record.attempting is not None else ()
            names = attempt.kept if attempt is not None else {}
            discard_kept(self._disk, target, {path: name for path, name in names.items() if name not in known})

    def let_go(self, target: Target, plan: Plan, record: Record) -> None:
        """An operator's rollback is in place: where the attempt in `record` could have gone, nobody goes any more."""
        if plan.is_rollback and record.attempting is not None and record.attempting.back is not None:
            discard_kept(self._disk, target, record.attempting.back.kept)

    # ---- after a failure

    def go(self, target: Target, wanted: tuple[Wanted, ...], record: Record, why: ReloadFailed) -> Record:
        """Everything is as it was before the attempt; the record skips `wanted` and owes a reload.

        Raises:
            FileError: a file could not be put back; the next pass goes on with it.
            ReloadFailed: what was kept is gone: the new files stay.
        """
        begun = going_back(record, wanted, reason=why.message, at=self._clock.now())
        self._records.save(target.name, begun)
        return self.finish(target, begun)

    def finish(self, target: Target, record: Record) -> Record:
        """End a rollback that was begun, here or by a process that died. Raises as `go`."""
        attempt = record.attempting
        assert attempt is not None
        assert attempt.back is not None
        lost = self._put_back(target, attempt.back, record)
        if lost:
            # Not published to its end: some of the old files may be there, which are nobody's edits.
            left = replace(attempt, back=None, is_going_back=False, is_published=False)
            kept = replace(record, pin=None, attempting=left)
            self._records.save(target.name, kept)
            raise ReloadFailed(
                f"{named(record.version, record.revision)} cannot be rolled back: what was kept of {lost[0]} is gone;"
                " the new files stay, and the reload is tried again",
                hint="mend the config at the service; something removed our hidden files (*.old) beside it",
            )
        used = set(attempt.back.kept.values())
        discard_kept(self._disk, target, {path: name for path, name in attempt.kept.items() if name not in used})
        moved = went_back(record, at=self._clock.now())
        self._records.save(target.name, moved)
        logger().error(
            REVISION_ROLLED_BACK,
            target=target.name,
            version=record.version,
            digest=record.revision,
            reason=moved.pin.reason if moved.pin is not None else None,
            path=list(attempt.back.kept),
        )
        return moved

    def _put_back(self, target: Target, back: WayBack, record: Record) -> list[str]:
        """Returns the paths whose kept files are gone. Raises FileError."""
        sets = [path for path, name in back.kept.items() if GENERATION.fullmatch(name)]
        is_set = target.layout is Layout.DIRECTORY
        if sets != ([target.directory] if is_set else []):  # of another layout: there is nothing to put there
            return sets or [str(target.directory)]
        files = [] if is_set else [str(spec.path) for spec in target.files]
        files += [path for path in back.kept if path not in files and path not in sets]
        lost = self._put_back_each([spec_of(target, path) for path in files], back, record)
        if is_set:
            directory = target.directory
            names = [AbsolutePath(path).name for path in (*record.written, *record.dropped)]
            kept = back.kept[directory]
            if not self._disk.restore_directory(directory, target.files, kept, previous=names):
                lost.append(str(directory))
        return lost

    def _put_back_each(self, specs: Sequence[FileSpec], back: WayBack, record: Record) -> list[str]:
        lost: list[str] = []
        for spec in specs:
            before, now = back.digests.get(spec.path), record.written.get(spec.path)
            kept = back.kept.get(spec.path)
            if kept is None and before is not None:
                continue  # we did not replace it: whatever is there is somebody's edit, and must not go
            state = self._disk.observe(spec)
            digest = state.digest if isinstance(state, Present) else None
            if digest in (now, None) and not (before is None and digest is None):
                if not self._disk.restore(spec, kept) and digest != before:
                    lost.append(str(spec.path))
            elif kept is not None:
                # Back already, by a process that died; or somebody's own bytes, by which they may have helped.
                self._disk.discard(spec, kept)
        return lost

    # ---- what is refused

    def as_it_stands(self, target: Target, desired: Desired, observed: Mapping[AbsolutePath, FileState]) -> Desired:
        """For the repair of attributes while the newest is refused: the bytes that are there, or nothing to publish."""
        rendered: dict[AbsolutePath, Rendered] = {}
        for spec in target.files:
            state = observed[spec.path]
            content = self.content(spec, state) if isinstance(state, Present) else None
            if content is None or not isinstance(state, Present):
                return replace(desired, rendered={}, target=None)
            rendered[spec.path] = Rendered(content, state.digest)
        return replace(desired, rendered=rendered, warnings=())

    def close(self, target: Target, before: Record) -> None:
        """What the attempt in `before` held is no way back any more, if that attempt is over."""
        after = self._records.get(target.name)
        if before.attempting is not None and (after is None or after.attempting is None):
            discard_kept(self._disk, target, before.attempting.kept)
            if before.attempting.back is not None:
                discard_kept(self._disk, target, before.attempting.back.kept)


def plan_of_return(target: Target, record: Record) -> Plan:
    """The rollback as the consumer is told of it."""
    files = tuple(FilePlan(spec.path, Action.WRITE, Reason.ROLLED_BACK) for spec in target.files)
    return Plan(files, is_first_sync=False, reload_owed=True, pin=record.pin)


def _shown(directory: str) -> str | None:
    """The generation that a set shows, by name; None: there is no set."""
    try:
        return os.readlink(f"{directory}/{DATA}")
    except OSError:
        return None
