"""The way back of a set: ``..data`` is switched to the generation that was kept, or all of the set goes."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

from config_sync.files.calls import Calls
from config_sync.files.directory_sync import require_synced
from config_sync.files.entries import put_link, remove_links
from config_sync.files.failures import refusal, step
from config_sync.files.generations import names_in_all, read_generation, sweep_generations
from config_sync.files.memory import Memory
from config_sync.files.names import DATA, GENERATION, link_text
from config_sync.files.own_links import current_name
from config_sync.files.set_directory import opened_set, require_switched, shared_terms, switch
from config_sync.files.walk import DirectoryMissing
from config_sync.model import AbsolutePath, Durability, FileSpec


def restore_directory(
    calls: Calls,
    directory: AbsolutePath,
    specs: Sequence[FileSpec],
    kept: str | None,
    *,
    memory: Memory,
    state_dir: str | None,
    previous: Collection[str],
) -> bool:
    """See `config_sync.files.disk.Disk.restore_directory`. Raises FileError."""
    if kept is not None and not GENERATION.fullmatch(kept):
        raise refusal(f"{directory}/{DATA}", f"{kept!r} is no name of a generation", reason="NotKept", step="names")
    like = shared_terms(directory, specs)
    durable = like.durability is Durability.FULL
    names = {*previous, *(spec.path.name for spec in specs)}
    with contextlib.ExitStack() as held:
        try:
            here = held.enter_context(
                opened_set(calls, directory, like, state_dir=state_dir, create=False, settle=False)
            )
        except DirectoryMissing:
            return kept is None
        memory.settled.pop(f"{directory}/{DATA}", None)
        if kept is None:
            dissolve(calls, names, at=here, directory=directory, durable=durable)
            return True
        return _is_switched_back(calls, kept, names, at=here, directory=directory, durable=durable)


def _is_switched_back(
    calls: Calls, kept: str, names: Collection[str], *, at: int, directory: AbsolutePath, durable: bool
) -> bool:
    generation = read_generation(calls, kept, at=at, path=directory)
    if generation is None:
        return False
    with step("lstat", f"{directory}/{DATA}"):
        shown = current_name(calls, at=at)
    if shown != kept:
        switch(calls, kept, at=at, directory=directory, durable=durable)
        require_switched(calls, kept, at=at, directory=directory)
        if durable:
            require_synced(calls, at=at, path=directory)
    for name in sorted(generation.files):
        with step("lstat", f"{directory}/{name}"):
            is_free = calls.lstat(name, at=at) is None
        if is_free:
            put_link(calls, name, link_text(name), at=at, path=f"{directory}/{name}", is_over=False)
    remove_links(calls, set(names) - generation.files.keys(), at=at, directory=directory)
    if durable:
        require_synced(calls, at=at, path=directory)
    return True


def dissolve(calls: Calls, names: Collection[str], *, at: int, directory: str, durable: bool) -> None:
    """All of a set goes: our links, ``..data``, then every generation that nobody holds. Raises FileError.

    In this order, so that a death on the way leaves no link that leads to nothing, and a second run ends it.
    """
    with step("readdir", directory):
        around = calls.names(at)
    remove_links(calls, {*names, *names_in_all(calls, around, at=at)}, at=at, directory=directory)
    with step("unlink", f"{directory}/{DATA}"):
        if current_name(calls, at=at) is not None:
            if durable:
                require_synced(calls, at=at, path=directory)
            calls.unlink(DATA, at=at)
    with step("unlink", directory):
        sweep_generations(calls, around, at=at, keep=(), grace_s=0, now=0)
    if durable:
        require_synced(calls, at=at, path=directory)
