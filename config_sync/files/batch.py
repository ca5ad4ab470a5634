"""Many new files at once, for a first sync: one fsync of the directory for up to 64 of them instead of one for each.

The steps and promises are those of `config_sync.files.writer`, in another order: all temps of a chunk are made and
synced, then all are renamed, then the directory is synced. Only files that do not exist yet go this way; whatever is
not plain (a link, a file that is there, any failing step) goes the way of a single file, which says what is wrong.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Sequence
from itertools import islice

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.directory_sync import sync_directory
from config_sync.files.failures import step
from config_sync.files.leftovers import clear_all
from config_sync.files.lock import ordered
from config_sync.files.memory import Memory, Version, version_of
from config_sync.files.names import new_temp
from config_sync.files.result import Published, WriteResult
from config_sync.files.walk import entered
from config_sync.files.whole import Attributes, made
from config_sync.model import AbsolutePath, Durability, FileSpec

CHUNK = 64
"""Of the measured 40 % nearly all is reached here, and the locks, temps and pins of a chunk are 128 open files."""

_Item = tuple[FileSpec, bytes]


def publish_many(
    calls: Calls,
    items: Sequence[_Item],
    *,
    memory: Memory,
    state_dir: str | None,
    keep: Collection[str],
    publish_one: Callable[[FileSpec, bytes], Published],
) -> tuple[Published | FileError, ...]:
    """See `config_sync.files.disk.Disk.publish_many`. `publish_one` is the way of a single file."""
    done: dict[AbsolutePath, Published] = {}
    for like, group in _by_directory(items):
        waiting = iter(group)
        while chunk := list(islice(waiting, CHUNK)):
            with contextlib.suppress(FileError):  # the way of a single file tells what is wrong
                done.update(_publish_chunk(calls, like, chunk, memory=memory, state_dir=state_dir, keep=keep))
    results: list[Published | FileError] = []
    for spec, content in items:
        try:
            # The second of two on one path goes the single way.
            results.append(done.pop(spec.path) if spec.path in done else publish_one(spec, content))
        except FileError as error:
            results.append(error)
    return tuple(results)


def _by_directory(items: Sequence[_Item]) -> list[tuple[FileSpec, list[_Item]]]:
    """Groups that share a directory and what is to be known to open it, each with one spec that stands for it."""
    groups: dict[tuple[object, ...], tuple[FileSpec, dict[str, _Item]]] = {}
    for spec, content in items:
        key = (spec.path.parent, spec.symlink, spec.create_parents, spec.durability)
        groups.setdefault(key, (spec, {}))[1].setdefault(spec.path.name, (spec, content))
    # By name: two that hold many locks take them in one order, so that neither waits for the other.
    return [(like, [named[name] for name in sorted(named)]) for like, named in groups.values() if len(named) > 1]


def _publish_chunk(
    calls: Calls,
    like: FileSpec,
    chunk: Sequence[_Item],
    *,
    memory: Memory,
    state_dir: str | None,
    keep: Collection[str],
) -> dict[AbsolutePath, Published]:
    """Those that could go this way, by path; raises FileError before anything is visible."""
    is_durable = like.durability is Durability.FULL
    directory = like.path.parent
    with contextlib.ExitStack() as held:
        settle = like.create_parents or any(spec.path in memory.loose for spec, _ in chunk)
        here = held.enter_context(entered(calls, directory, like=like, create=True, settle=settle))
        plain: list[_Item] = []
        for spec, content in chunk:
            if spec.path in memory.suspect:
                continue
            held.enter_context(ordered(calls, state_dir, spec.path.name, at=here))
            with step("lstat", spec.path):
                if calls.lstat(spec.path.name, at=here) is None:
                    plain.append((spec, content))
        clear_all(calls, [spec.path.name for spec, _ in plain], at=here, path=directory, keep=keep)
        versions = _made_and_renamed(calls, plain, at=here, durable=is_durable)
        if not versions:
            return {}
        warning: str | None = None
        error: FileError | None = None
        if is_durable:
            warning, error = sync_directory(calls, at=here, path=directory)
        for path, version in versions.items():
            if error is None:
                memory.note(path, version, durable=is_durable)
            else:
                memory.doubt(path)
        result = WriteResult.WRITTEN if error is None else WriteResult.WRITTEN_NOT_DURABLE
        warnings = () if warning is None else (warning,)
        return {path: Published(result, None, warnings, error) for path in versions}


def _made_and_renamed(calls: Calls, items: Sequence[_Item], *, at: int, durable: bool) -> dict[AbsolutePath, Version]:
    """The version of each file that is in place. Raises FileError while nothing is, and nothing is left then."""
    with contextlib.ExitStack() as held:
        temps: list[tuple[FileSpec, str, os.stat_result]] = []
        for spec, content in items:
            temp = new_temp(spec.path.name)
            attributes = Attributes(spec.mode, spec.uid, spec.gid)
            info = held.enter_context(made(calls, temp, content, attributes, at=at, path=spec.path, durable=durable))
            temps.append((spec, temp, info))
        placed: dict[AbsolutePath, Version] = {}
        for spec, temp, info in temps:
            try:
                calls.rename(temp, spec.path.name, at=at)
                found = calls.lstat(spec.path.name, at=at)
            except OSError:
                with contextlib.suppress(OSError):
                    calls.unlink(temp, at=at)
                continue
            if found is not None and os.path.samestat(found, info):
                placed[spec.path] = version_of(info)
        return placed
