"""The directory of a set: opened by a trusted walk, locked, and the one rename that switches what it shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from config_sync.files.calls import Calls
from config_sync.files.directory_sync import require_synced
from config_sync.files.entries import put_link
from config_sync.files.failures import refusal, step
from config_sync.files.lock import ordered
from config_sync.files.names import DATA, GENERATION
from config_sync.files.own_links import link_at
from config_sync.files.walk import entered
from config_sync.model import AbsolutePath, Durability, FileSpec, SymlinkPolicy


def shared_terms(directory: AbsolutePath, specs: Sequence[FileSpec], *, like: FileSpec | None = None) -> FileSpec:
    """One spec that stands for the set: the strictest of each policy. `like`: that of a set without files.

    Raises:
        ValueError: there are no files, or one lies elsewhere (the settings see to that).
        FileError: a file has a name that the layout needs for itself.
    """
    if not specs and like is not None:
        return replace(like, path=directory)
    if not specs:
        raise ValueError("a set has at least one file")
    for spec in specs:
        if spec.path.parent != directory:
            raise ValueError(f"{spec.path} does not lie in {directory}")
        if spec.path.name == DATA or GENERATION.fullmatch(spec.path.name):
            raise refusal(spec.path, "`layout: directory` needs that name for itself", reason="NameTaken", step="names")
    is_durable = any(spec.durability is Durability.FULL for spec in specs)
    refuses = any(spec.symlink is SymlinkPolicy.REFUSE for spec in specs)
    return replace(
        specs[0],
        path=directory,
        create_parents=any(spec.create_parents for spec in specs),
        durability=Durability.FULL if is_durable else Durability.NONE,
        symlink=SymlinkPolicy.REFUSE if refuses else SymlinkPolicy.FOLLOW_TRUSTED,
    )


@contextlib.contextmanager
def opened_set(
    calls: Calls, directory: AbsolutePath, like: FileSpec, *, state_dir: str | None, create: bool, settle: bool
) -> Iterator[int]:
    """The directory, open and locked against other writers of its set. Raises FileError as `located` does."""
    with entered(calls, directory, like=like, create=create, settle=settle) as here:
        with ordered(calls, state_dir, DATA, at=here):
            yield here


def switch(calls: Calls, generation: str, *, at: int, directory: str, durable: bool) -> None:
    """Makes ``..data`` lead to `generation`, which is complete and durable, by one rename.

    Before it the directory is synced: neither the generation's entry nor anything in it may come later than the switch.

    Raises:
        FileError: ``..data`` is what it was, and nothing is left.
    """
    if durable:
        require_synced(calls, at=at, path=directory)
    put_link(calls, DATA, generation, at=at, path=f"{directory}/{DATA}", is_over=True)


def require_switched(calls: Calls, generation: str, *, at: int, directory: str) -> None:
    """``..data`` leads where we let it lead. Raises FileError."""
    path = f"{directory}/{DATA}"
    with step("lstat", path):
        found = link_at(calls, DATA, at=at)
    if found != generation:
        error = refusal(path, "another program replaced it at the same moment", reason="Overtaken", step="verify")
        error.transient = True
        raise error
