"""What a target needs of the system when the agent runs as an ordinary user inside its sandbox. Pure."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from config_sync.formats.template import TemplateFormat
from config_sync.model import AbsolutePath, FileSpec, Target
from config_sync.reloads import CommandReload, SignalReload, SystemdReload, TouchReload
from config_sync.reloads.pidfile import ByPidFile

AGENT_USER = "config-sync"
"""Of the shipped units; its group has the same name."""

STAMPS = "/run/config-sync-stamps"
"""Where config-sync-stamp@.path looks."""

VERBS: Mapping[str, str] = {"try-reload-or-restart": "reload-or-try-restart"}
"""By the action in the settings, what polkit hears as ``verb``, where they differ (252, method ReloadOrTryRestart)."""

_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  # what `PrivateTmp=` replaces

_SHARED = frozenset(
    {
        "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root",
        "/run", "/sbin", "/srv", "/sys", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin",
        "/usr/local/etc", "/usr/share", "/var", "/var/lib", "/var/log", *_TEMPORARY,
    }
)  # fmt: skip
"""Directories that belong to the machine: never given to the agent's user, whatever they hold."""

_HOMES = ("/home", "/root", "/run/user")
"""What ``ProtectHome=`` hides (systemd.exec(5))."""

_STICKY = 0o1000


@dataclass(frozen=True, slots=True)
class Standing:
    """A directory as it is now. `is_ours`: nothing but files of the targets stands in it."""

    uid: int
    gid: int
    mode: int
    is_ours: bool


@dataclass(frozen=True, slots=True)
class Names:
    """The names of users and groups; a number as text where there is none. `agent_uid`: None before it is made."""

    user: Callable[[int], str]
    group: Callable[[int], str]
    agent_uid: int | None


@dataclass(frozen=True, slots=True)
class Rights:
    """All that one target needs. Names of users and groups, or numbers as text.

    `made`: directories with mode and group that tmpfiles.d makes. `verbs`: by unit, what polkit allows. `doubts`: what
    no file of ours can give, each as a sentence.
    """

    writable: tuple[str, ...]
    made: Mapping[str, tuple[int, str]]
    groups: tuple[str, ...] = ()
    sees_others: bool = False
    gives_owner: bool = False
    signals: bool = False
    sees_homes: bool = False
    sees_temporary: bool = False
    verbs: Mapping[str, tuple[str, ...]] | None = None
    stamped: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def rights_of(target: Target, every: Sequence[Target], standing: Mapping[str, Standing | None], names: Names) -> Rights:
    """What `target` needs; `every` target of the settings counts for a directory that several share.

    `standing` has each directory of `directories_of`; None: it is not there.
    """
    shared = {path: _specs_in(path, every) for path in _directories(target)}
    made = {
        path: (_mode_of(specs), names.group(gid) if (gid := _one_group(specs)) is not None else AGENT_USER)
        for path, specs in shared.items()
        if _may_be_made(path, standing[path], names)
    }
    made |= {path: (0o755, AGENT_USER) for path in _stamps(target) if _may_be_made(path, standing[path], names)}
    gids = {spec.gid for spec in target.files if spec.gid is not None}
    given = {
        spec.gid
        for spec in target.files
        if spec.gid is not None and not _gives_group(spec, shared[spec.directory], made, standing)
    }
    owners = any(spec.uid not in (None, names.agent_uid) for spec in target.files)
    signals = any(isinstance(one, SignalReload) for one in target.reload)
    paths = [*_paths(target)]
    return Rights(
        writable=(*shared, *_stamps(target)),
        made=made,
        groups=tuple(sorted(names.group(gid) for gid in given)),
        sees_others=bool(gids) or owners or signals,
        gives_owner=owners,
        signals=signals,
        sees_homes=any(is_in_home(path) for path in paths),
        sees_temporary=any(_is_below(path, _TEMPORARY) for path in paths),
        verbs=_verbs(target),
        stamped=tuple(path.name for path in _touched(target) if path.parent == STAMPS),
        doubts=tuple(_doubts(target, made, standing, names)),
    )


def directories_of(targets: Sequence[Target]) -> tuple[str, ...]:
    """Every directory that one of them writes in, each once."""
    return tuple(dict.fromkeys(path for one in targets for path in (*_directories(one), *_stamps(one))))


def is_in_home(path: str) -> bool:
    """Whether ``ProtectHome=`` hides it."""
    return _is_below(path, _HOMES)


def _directories(target: Target) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(spec.directory) for spec in target.files))


def _touched(target: Target) -> tuple[AbsolutePath, ...]:
    return tuple(one.path for one in target.reload if isinstance(one, TouchReload))


def _stamps(target: Target) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(path.parent) for path in _touched(target)))


def _specs_in(path: str, every: Sequence[Target]) -> list[FileSpec]:
    return [spec for target in every for spec in target.files if spec.directory == path]


def _one_group(specs: Sequence[FileSpec]) -> int | None:
    """The group that all of them have; None where they differ or none is said."""
    gids = {spec.gid for spec in specs}
    return gids.pop() if len(gids) == 1 else None


def _mode_of(specs: Sequence[FileSpec]) -> int:
    """Of their directory: everybody may enter it only where somebody beyond owner and group may read a file."""
    is_open = any(spec.mode & stat.S_IROTH or spec.uid is not None for spec in specs)
    has_group = _one_group(specs) is not None
    is_open = is_open or not has_group
    return (0o2000 if has_group else 0) | (0o755 if is_open else 0o750)


def _may_be_made(path: str, found: Standing | None, names: Names) -> bool:
    """Whether the directory may be the agent's: new, its own already, or without anything of anybody else."""
    if path in _SHARED:
        return False
    return found is None or found.uid == names.agent_uid or (found.is_ours and not found.mode & _STICKY)


def _gives_group(
    spec: FileSpec,
    specs: Sequence[FileSpec],
    made: Mapping[str, tuple[int, str]],
    standing: Mapping[str, Standing | None],
) -> bool:
    """Whether a new file gets its group from the directory, without any right."""
    if spec.directory in made:
        return spec.gid == _one_group(specs)
    found = standing[spec.directory]
    return found is not None and found.gid == spec.gid and bool(found.mode & stat.S_ISGID)


def _paths(target: Target) -> Iterator[str]:
    """Every path that the sandbox may hide."""
    yield from (str(spec.directory) for spec in target.files)
    yield from (str(spec.format.source) for spec in target.files if isinstance(spec.format, TemplateFormat))
    yield from map(str, _touched(target))
    for one in target.reload:
        if isinstance(one, SignalReload) and isinstance(one.consumer, ByPidFile):
            yield str(one.consumer.path)


def _is_below(path: str, tops: Sequence[str]) -> bool:
    return any(path == top or path.startswith(f"{top}/") for top in tops)


def _verbs(target: Target) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in target.reload:
        if isinstance(one, SystemdReload):
            verb = VERBS.get(one.action, one.action)
            found[one.unit] = tuple(dict.fromkeys((*found.get(one.unit, ()), verb)))
    return found


def _doubts(
    target: Target, made: Mapping[str, tuple[int, str]], standing: Mapping[str, Standing | None], names: Names
) -> Iterator[str]:
    for path in (*_directories(target), *_stamps(target)):
        found = standing[path]
        if path in made or (found is not None and found.mode & stat.S_IWOTH):
            continue
        whose = "" if found is None else f", which belongs to {names.user(found.uid)} and holds other things"
        yield (
            f"{path}{whose}, is left as it is: give the files a directory of their own, or let the agent write there:"
            f" setfacl -m u:{AGENT_USER}:rwx {path}"
        )
    for one in target.reload:
        if isinstance(one, CommandReload) and one.account is not None:
            yield (
                f"the hook {one.describe()} runs as {one.account.name}, which takes root: let it be a unit of its own,"
                " config-sync-hook@NAME.service, with `systemd: config-sync-hook@NAME.service, action: start`"
            )
