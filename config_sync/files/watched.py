"""Which directories to watch for changes by others. Directories, never files: a replaced file ends a watch on it."""

from __future__ import annotations

from config_sync.model import AbsolutePath, Target


def watched_directories(target: Target) -> tuple[AbsolutePath, ...]:
    """The directories of the target's files, each once, in settings order; with ``layout: directory`` it is one.

    That one shows a replaced link and a moved ``..data``. Bytes changed inside a generation show only there: who wants
    to see them watches ``..data`` too, anew after each publish; the resync finds them in any case.
    """
    return tuple(dict.fromkeys(spec.path.parent for spec in target.files))
