"""Settings from a command line, where there is no file: the same tables, with problems that name the option."""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config_sync.errors import UsageError
from config_sync.fields import ListNode, MapNode, Node, Place, Problems, ScalarNode
from config_sync.settings.loading import build
from config_sync.settings.values import Settings

ORIGIN = "the command line"


@dataclass(frozen=True, slots=True)
class Arguments:
    """The options of the form without a settings file, as given. Paths may be relative to `cwd`, which is absolute."""

    cwd: str
    files: Sequence[str] = ()
    environment: str | None = None
    format: str | None = None
    mode: str | None = None
    group: str | None = None
    ca_file: str | None = None
    allow_insecure: bool = False
    signal: str | None = None
    pidfile: str | None = None
    systemd: str | None = None
    hook: str | None = None


def from_arguments(arguments: Arguments, *, environ: Mapping[str, str], needs_service: bool) -> Settings:
    """One target for each ``--file NAME=PATH``, all with the same options; no files give settings without targets.

    Raises:
        UsageError: options that do not fit together, or a ``--file`` that is not NAME=PATH.
        SettingsError: a value that the tables refuse; each problem names its option.
    """
    names = [_name_and_path(one) for one in arguments.files]
    seen: set[str] = set()
    for name, _path in names:
        if name in seen:
            raise UsageError(f"--file names {name!r} twice", hint="each --file is a target of its own")
        seen.add(name)
    reload = _reload(arguments)
    shared = {
        "environment": ("--environment", arguments.environment),
        "format": ("--format", arguments.format),
        "mode": ("--mode", arguments.mode),
        "group": ("--group", arguments.group),
    }
    targets: dict[str, Node] = {}
    for name, path in names:
        keys = {"path": ("--file", _absolute(path, arguments.cwd)), **shared}
        files = ListNode(_place("--file"), (_mapping("--file", keys),))
        target = {"files": files} if reload is None else {"files": files, "reload": reload}
        targets[name] = _of_nodes("--file", target)
    ca_file = None if arguments.ca_file is None else _absolute(arguments.ca_file, arguments.cwd)
    service = _mapping(ORIGIN, {"ca_file": ("--ca-file", ca_file)})
    if arguments.allow_insecure:
        flag = {"allow_insecure": ScalarNode(_place("--allow-insecure"), "true", "bool")}
        service = _of_nodes(ORIGIN, {**service.entries, **flag})
    root = _of_nodes(ORIGIN, {"service": service, "targets": _of_nodes("--file", targets)})
    return build(root, ORIGIN, Problems(), environ=environ, needs_service=needs_service)


def _name_and_path(given: str) -> tuple[str, str]:
    name, separator, path = given.partition("=")
    if not separator or not name or not path:
        raise UsageError(f"--file {given!r} is not NAME=PATH", hint="such as --file my-service=/run/app/config.yaml")
    return name, path


def _absolute(path: str, cwd: str) -> str:
    """Normal, also where the shell's user wrote ``..``: on a command line the meaning is seen at once."""
    return os.path.normpath(os.path.join(cwd, path))


def _reload(arguments: Arguments) -> Node | None:
    """The one action that the options ask for."""
    ways = {"--signal": arguments.signal, "--systemd": arguments.systemd, "--hook": arguments.hook}
    given = [option for option, value in ways.items() if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other", hint="a settings file can list several reloads")
    if (arguments.signal is None) != (arguments.pidfile is None):
        alone, other = ("--pidfile", "--signal") if arguments.signal is None else ("--signal", "--pidfile")
        raise UsageError(f"{alone} needs {other}", hint="such as --signal HUP --pidfile /run/my-service.pid")
    if arguments.signal is not None and arguments.pidfile is not None:
        pidfile = _absolute(arguments.pidfile, arguments.cwd)
        return _mapping("--signal", {"signal": ("--signal", arguments.signal), "pidfile": ("--pidfile", pidfile)})
    if arguments.systemd is not None:
        return _mapping("--systemd", {"systemd": ("--systemd", arguments.systemd)})
    if arguments.hook is None:
        return None
    shell = ScalarNode(_place("--hook"), "true", "bool")
    return _of_nodes("--hook", {"command": ScalarNode(_place("--hook"), arguments.hook), "shell": shell})


def _place(option: str) -> Place:
    return Place(option)


def _mapping(option: str, keys: Mapping[str, tuple[str, str | None]]) -> MapNode:
    """A mapping of the options that are given."""
    return _of_nodes(
        option, {key: ScalarNode(_place(name), value) for key, (name, value) in keys.items() if value is not None}
    )


def _of_nodes(option: str, entries: Mapping[str, Node]) -> MapNode:
    return MapNode(_place(option), entries, {key: node.place for key, node in entries.items()})
