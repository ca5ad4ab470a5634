"""The way to a destination, component by component, on descriptors.

A path that is opened by name may lead anywhere by the time it is opened. So each component is opened without following
and looked at; a link is followed by us, not by the kernel, and only when no other user can have planted it: the link
belongs to root or to us, and so does the directory it lies in, which nobody else may write to. The walk is done anew
for each use, because links and mounts change under a program that runs for months.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from config_sync.files.calls import Calls
from config_sync.files.own_links import OwnLink
from config_sync.files.way import DirectoryMissing, Place, Way
from config_sync.model import AbsolutePath, Durability, FileSpec, SymlinkPolicy

__all__ = ["DirectoryMissing", "Place", "entered", "located"]


def located(
    calls: Calls,
    spec: FileSpec,
    *,
    create: bool = False,
    settle: bool = False,
    own_link: OwnLink = OwnLink.AS_ANY,
    reads: bool = False,
) -> contextlib.AbstractContextManager[Place]:
    """The place of ``spec.path``, its directory held open while inside.

    `create`: make missing directories, if the settings allow it. `settle`: make the directories durable that a killed
    predecessor may have made, or we with ``durability: none``, where durability is wanted now. `reads`: the directory
    is open for reading (to list and to fsync it).

    Raises:
        DirectoryMissing: a directory is not there.
        FileError: a link that is not trusted or leads nowhere, or a directory that we may not enter.
    """
    may_create, is_durable = create and spec.create_parents, spec.durability is Durability.FULL
    return Way(
        calls,
        spec.path,
        symlink=spec.symlink,
        may_create=may_create,
        is_durable=is_durable,
        settles=settle and is_durable,
        own_link=own_link,
        reads=reads,
    )


@contextlib.contextmanager
def entered(
    calls: Calls, directory: AbsolutePath, *, like: FileSpec | None = None, create: bool = False, settle: bool = False
) -> Iterator[int]:
    """The directory, opened for reading by a walk that follows trusted links, or as the spec `like` says.

    Raises FileError as `located` does; `create` and `settle` are its too.
    """
    may_create = like is not None and like.create_parents and create
    is_durable = like is None or like.durability is Durability.FULL
    walk = Way(
        calls,
        directory,
        symlink=SymlinkPolicy.FOLLOW_TRUSTED if like is None else like.symlink,
        may_create=may_create,
        is_durable=is_durable,
        settles=settle and is_durable,
        below=".config-sync",  # stands for anything in it: nothing of that name is ever there
        reads=True,
    )
    with walk as place:
        yield place.fd
