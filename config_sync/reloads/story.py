"""What a hook gets to know: the words it may use, its environment, and the story on its stdin. Never a value.

The environment is an allow list, so that no credential and none of systemd's channels can leak by being forgotten:
``PATH LANG TZ HOME`` of the agent's own, and

- ``CONFIG_SYNC_TARGET``, ``CONFIG_SYNC_REASON``, ``CONFIG_SYNC_ATTEMPT`` (from 1),
- ``CONFIG_SYNC_VERSION``, ``CONFIG_SYNC_PREVIOUS_VERSION`` (empty where not known),
- ``CONFIG_SYNC_FILES``, ``CONFIG_SYNC_CHANGED``: paths, one a line.

The story is one JSON object with the members ``target reason attempt version previous_version changed_by saved_at
written_at`` (both Unix seconds: at the service, and to disk) ``files changed``; what is not known is null.
"""

from __future__ import annotations

import json
import os.path
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from config_sync.model import AbsolutePath, ReloadOrder
from config_sync.process import DEFAULT_PATH

_ALLOWED = ("PATH", "LANG", "TZ", "HOME")

_PLACEHOLDER = re.compile(r"\{(?:name|dir|file(?::([^{}/]+))?)\}")
"""The words of interface.md; every other brace is the command's own."""


def plain_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of `environ` that a command may see; with a PATH in any case."""
    return {"PATH": DEFAULT_PATH} | {name: environ[name] for name in _ALLOWED if name in environ}


def hook_environment(environ: Mapping[str, str], order: ReloadOrder) -> dict[str, str]:
    """The whole environment of a hook, but for what its own ``env`` adds."""
    return plain_environment(environ) | {
        "CONFIG_SYNC_TARGET": order.target,
        "CONFIG_SYNC_REASON": order.reason,
        "CONFIG_SYNC_VERSION": _text(order.version),
        "CONFIG_SYNC_PREVIOUS_VERSION": _text(order.previous_version),
        "CONFIG_SYNC_FILES": "\n".join(order.files),
        "CONFIG_SYNC_CHANGED": "\n".join(order.changed),
        "CONFIG_SYNC_ATTEMPT": str(order.attempt),
    }


def story(order: ReloadOrder) -> bytes:
    """The JSON object for stdin, ended by a newline."""
    told = {
        "target": order.target,
        "reason": order.reason,
        "attempt": order.attempt,
        "version": order.version,
        "previous_version": order.previous_version,
        "changed_by": order.changed_by,
        "saved_at": order.saved_at,
        "written_at": order.written_at,
        "files": list(order.files),
        "changed": list(order.changed),
    }
    return json.dumps(told).encode() + b"\n"  # in ASCII: a path need not be valid UTF-8


def published(files: Sequence[AbsolutePath]) -> dict[AbsolutePath, str]:
    """The paths a hook is shown: the files where they are."""
    return {path: path for path in files}


def substitute(argv: Sequence[str], *, name: str, paths: Mapping[AbsolutePath, str]) -> tuple[str, ...]:
    """Every element with its placeholders replaced; replaced text is not looked at again.

    `name` is the target; `paths` maps each destination to the path to show (a staged copy, or itself).

    Raises:
        ValueError: a placeholder has no single meaning here; `placeholder_problem` says so at settings time.
    """
    if problem := placeholder_problem(argv, tuple(paths)):
        raise ValueError(problem)
    return tuple(_PLACEHOLDER.sub(lambda found: _meaning(found, name, paths), element) for element in argv)


def placeholder_problem(argv: Sequence[str], files: Sequence[AbsolutePath]) -> str | None:
    """The sentence to show where a placeholder cannot be meant with these destinations, else None."""
    for found in _placeholders(argv):
        word, basename = found[0], found[1]
        if basename is not None:
            times = Counter(path.name for path in files)[basename]
            if times != 1:
                return f"{word} must name one file of the target; {times or 'none'} of its files has this name"
        elif word == "{file}" and len(files) != 1:
            return f"{word} needs a target with one file, this one has {len(files)}; write {{file:BASENAME}}"
        elif word == "{dir}" and len({path.parent for path in files}) != 1:
            return f"{word} needs all files of the target in one directory"
    return None


def names_files(argv: Sequence[str]) -> bool:
    """Whether it holds ``{file}``, ``{file:BASENAME}`` or ``{dir}``: what ``validate`` must."""
    return any(found[0] != "{name}" for found in _placeholders(argv))


def _placeholders(argv: Sequence[str]) -> list[re.Match[str]]:
    return [found for element in argv for found in _PLACEHOLDER.finditer(element)]


def _meaning(found: re.Match[str], name: str, paths: Mapping[AbsolutePath, str]) -> str:
    if found[0] == "{name}":
        return name
    if found[0] == "{dir}":
        return os.path.dirname(next(iter(paths.values())))
    return next(shown for path, shown in paths.items() if found[1] is None or path.name == found[1])


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
