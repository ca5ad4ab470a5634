"""The files of a target become visible, one by one or as one set; and those that are no longer named may go."""

from __future__ import annotations

import os.path
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from config_sync.errors import FileError
from config_sync.files import Disk, NotOurs, Published, Removal, Removed, WriteResult
from config_sync.log import FILE_REMOVED, FILE_WARNED, FILE_WRITTEN, logger
from config_sync.model import AbsolutePath, Attempt, Digest, Layout, Record, Target
from config_sync.plan import FilePlan, Plan, Reason, attempting
from config_sync.reconciler.desired import Desired
from config_sync.status.meters import METERS


@dataclass(frozen=True, slots=True)
class Cleared:
    """What became of files that the settings no longer name.

    `left`: those that still stand there, or that a power cut may bring back: for the record and the status.
    `vanished`: those that are gone, by our hand or another's, with what the consumer may have read there: it must be
    told.
    """

    left: Mapping[str, Digest]
    vanished: Mapping[str, Digest]

    def owed_by(self, record: Record) -> Record:
        """Owed, whatever comes; and a change like a write: who started before it has not seen what vanished."""
        owing = replace(record, reloaded={**self.vanished, **record.reloaded})
        return owing if owing.attempting is not None else attempting(owing, Attempt({}, {}))


class Publisher:
    """Shared by all threads, like `Reconciler`. `named`: the paths of all targets; of a set from keys its directory."""

    def __init__(self, disk: Disk, named: Collection[AbsolutePath] = ()) -> None:
        self._disk = disk
        self._named = frozenset(named)
        self._recorded: set[tuple[str, str]] = set()
        """Target and path of what is gone and owed in the record, but may come back: asked again, told once."""

    def publish(self, target: Target, plan: Plan, desired: Desired, record: Record, wrote: list[AbsolutePath]) -> None:
        """Every file, also those in sync: once per process the disk makes sure that they are durable.

        `wrote` gets the paths whose content changed, also if it ends in an error. Raises FileError.
        """
        if not desired.rendered and desired.target is None:
            return
        if plan.writes:
            for path, warning in desired.warnings:
                logger().warning(FILE_WARNED, target=target.name, path=path, reason=warning)
        reasons = {one.path: one for one in plan.files}
        publish = self._publish_set if target.layout is Layout.DIRECTORY else self._publish_each
        with METERS.timing("publish"):
            publish(target, reasons, desired, record, wrote)

    def _publish_each(
        self,
        target: Target,
        reasons: Mapping[AbsolutePath, FilePlan],
        desired: Desired,
        record: Record,
        wrote: list[AbsolutePath],
    ) -> None:
        keep = record.attempting.all_kept if record.attempting is not None else ()
        items = [
            (spec, desired.rendered[spec.path].content)
            for spec in target.files
            if reasons[spec.path].reason is not Reason.DRIFT_TOLERATED
        ]
        if len(items) > 1 and all(one.reason is Reason.MISSING for one in reasons.values()):
            results: Iterator[Published | FileError] = iter(self._disk.publish_many(items, keep=keep))
        else:
            results = (self._disk.publish(spec, content, keep=keep) for spec, content in items)
        failed: FileError | None = None
        for (spec, _), done in zip(items, results, strict=True):
            if isinstance(done, FileError):
                failed = failed or done
                continue
            self._warn(target, spec.path, done.warnings, done.error)
            if done.result in (WriteResult.WRITTEN, WriteResult.WRITTEN_NOT_DURABLE):
                self._told(target, reasons[spec.path], wrote)
        if failed is not None:
            raise failed

    def _publish_set(
        self,
        target: Target,
        reasons: Mapping[AbsolutePath, FilePlan],
        desired: Desired,
        record: Record,
        wrote: list[AbsolutePath],
    ) -> None:
        directory = target.directory
        ours = [AbsolutePath(path) for path in (*record.written, *record.dropped)]
        done = self._disk.publish_directory(
            directory,
            [(spec, desired.rendered[spec.path].content) for spec in target.files],
            previous=[path.name for path in ours if path.parent == directory],
            keep=record.attempting.all_kept if record.attempting is not None else (),
            like=target.key_set,
            leave=[path for path, one in reasons.items() if one.reason is Reason.DRIFT_TOLERATED],
        )
        self._warn(target, directory, done.warnings, done.error)
        for path in done.changed:
            if path in reasons:
                self._told(target, reasons[path], wrote)
        for path in done.removed:
            logger().info(FILE_REMOVED, target=target.name, path=path, reason="NoLongerNamed")

    def clear(self, target: Target, record: Record) -> Cleared:
        """Files that we wrote and the settings no longer name: removed with ``prune``, if they are as we left them.

        What another target names now is that one's. A file that is gone is forgotten when that is durable, also where
        it went before: by a killed predecessor, say.
        """
        named = {spec.path for spec in target.files}
        ours = {path: digest for path, digest in record.written.items() if path not in named}
        left: dict[str, Digest] = {}
        vanished: dict[str, Digest] = {}
        for path, digest in {**record.dropped, **ours}.items():
            if path in named or self._is_anothers(target, AbsolutePath(path)):
                self._recorded.discard((target.name, path))
                continue
            removal = self._removal(target, AbsolutePath(path), digest)
            is_gone = isinstance(removal, Removed) or not os.path.lexists(path)
            if is_gone and (path in ours or (target.name, path) not in self._recorded):
                vanished[path] = digest
            if not isinstance(removal, Removed) or removal.error is not None:
                left[path] = digest
            if not is_gone or path not in left:
                self._recorded.discard((target.name, path))
        return Cleared(left, vanished)

    def _is_anothers(self, target: Target, path: AbsolutePath) -> bool:
        """Whether another target has the file now: it may be just writing it."""
        mine = {spec.path for spec in target.files} | ({target.key_set.path} if target.key_set is not None else set())
        return any(one in self._named and one not in mine for one in (path, path.parent))

    def recorded(self, target: Target, cleared: Cleared) -> None:
        """The record owes the reload for all that is in `cleared`."""
        self._recorded.update((target.name, path) for path in cleared.vanished if path in cleared.left)

    def _removal(self, target: Target, path: AbsolutePath, digest: Digest) -> Removal | None:
        """What became of it; None: it stays, or nobody can tell. Never raises."""
        if not target.prune and os.path.lexists(path):
            return None
        try:
            removal = self._disk.remove(path, digest) if target.prune else self._disk.confirm_gone(path)
        except FileError as error:
            self._warn(target, path, (), error)
            return None
        match removal:
            case Removed():
                if removal.is_news:
                    logger().info(FILE_REMOVED, target=target.name, path=path, reason="NoLongerNamed")
                self._warn(target, path, (), removal.error)
            case NotOurs(reason):
                logger().debug(FILE_WARNED, target=target.name, path=path, reason=f"not removed: {reason}")
            case None:
                pass
            case _:
                assert_never(removal)
        return removal

    @staticmethod
    def _told(target: Target, planned: FilePlan, wrote: list[AbsolutePath]) -> None:
        wrote.append(planned.path)
        logger().debug(FILE_WRITTEN, target=target.name, path=planned.path, reason=planned.reason.value)

    @staticmethod
    def _warn(target: Target, path: AbsolutePath, warnings: tuple[str, ...], error: FileError | None) -> None:
        for warning in warnings:
            logger().warning(FILE_WARNED, target=target.name, path=path, reason=warning)
        if error is not None:
            logger().warning(FILE_WARNED, target=target.name, path=path, reason=error.message, hint=error.hint)
