"""``config-sync install-systemd``: the units, directories and rights that the settings need, written or shown."""

from __future__ import annotations

import argparse
import contextlib
import grp
import os
import pwd
import shutil
import sys
from collections.abc import Sequence

from config_sync.cli.loading import flag, require_targets, text, texts
from config_sync.cli.output import put, say
from config_sync.credentials.environment import EnvironmentSource
from config_sync.credentials.file import FileSource
from config_sync.credentials.systemd_credential import CredentialSource
from config_sync.errors import Exit, FileError, SettingsError, UsageError
from config_sync.fields import nearest
from config_sync.model import Target
from config_sync.settings import Settings, find_settings, load
from config_sync.units import AGENT_USER, Names, Rights, Standing, install, rights_of, unit_files
from config_sync.units.generated import next_steps
from config_sync.units.rights import directories_of, is_in_home

_STORES = ("/etc/credstore", "/run/credstore", "/usr/lib/credstore")
"""Where LoadCredential= without a path looks (systemd.exec(5))."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Whose rights, and whether to write."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="whose rights are written (default: all targets')")
    parser.add_argument("--print", dest="show", action="store_true", help="show the files with their paths; write none")
    parser.add_argument("--force", action="store_true", help="overwrite files that somebody has changed")
    parser.epilog = "The settings are read as the unit will: no variable of this shell is seen."


def run(arguments: argparse.Namespace) -> int:
    """Each file stands as wanted. Raises SettingsError, UsageError, FileError."""
    path = os.path.abspath(find_settings(text(arguments, "config"), os.environ))
    settings = _as_the_unit(path)
    require_targets(settings)
    rights = _rights(settings, texts(arguments, "targets"))
    files = unit_files(rights, settings=path, program=_program(), credentials=_credentials(settings))
    steps = next_steps(rights, settings=path)
    if flag(arguments, "show"):
        put("\n".join(f"# {one.path}\n{one.text}" for one in files if one.text is not None))
    else:
        if os.geteuid() != 0:
            raise FileError(
                f"uid {os.geteuid()} cannot write to /etc",
                hint="run it as root, or see with --print what it would write",
                step="open",
                reason="PermissionDenied",
            )
        for one, written in install(files, force=flag(arguments, "force")):
            put(f"{written.value:<10} {one.path}\n")
    say(*(f"warning: {target}: {doubt}" for target, one in rights.items() for doubt in one.doubts), *_hints(settings))
    say("next:", *(f"  {step}" for step in steps))
    return Exit.DONE


def _as_the_unit(path: str) -> Settings:
    """The settings in the environment that systemd gives. Raises SettingsError."""
    environ = {"STATE_DIRECTORY": "/var/lib/config-sync", "RUNTIME_DIRECTORY": "/run/config-sync"}
    try:
        return load(path, environ=environ, needs_service=True)
    except SettingsError as error:
        hint = "a unit sees no variable of this shell: write values into the settings"
        raise SettingsError(error.message, problems=error.problems, hint=error.hint or hint) from error


def _rights(settings: Settings, wanted: Sequence[str]) -> dict[str, Rights]:
    by_name: dict[str, Target] = {target.name: target for target in settings.targets}
    for name in wanted:
        if name not in by_name:
            near = nearest(name, tuple(by_name))
            hint = f"did you mean {near!r}?" if near else "targets: " + ", ".join(by_name)
            raise UsageError(f"the settings name no target {name!r}", hint=hint)
    names = Names(_user_name, _group_name, _agent_uid())
    standing = {path: _standing(path, settings.targets) for path in directories_of(settings.targets)}
    return {name: rights_of(by_name[name], settings.targets, standing, names) for name in wanted or by_name}


def _standing(path: str, targets: Sequence[Target]) -> Standing | None:
    try:
        found = os.stat(path)
        inside = set(os.listdir(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{path} cannot be looked at: {error.strerror}", hint="run it as root", step="stat") from error
    ours = {os.path.basename(spec.path) for one in targets for spec in one.files if spec.directory == path}
    is_ours = inside <= ours and not os.path.ismount(path)
    return Standing(found.st_uid, found.st_gid, found.st_mode & 0o7777, is_ours)


def _hints(settings: Settings) -> list[str]:
    """What must be there before the first start, and no file of ours brings."""
    programs = dict.fromkeys((_program(), os.path.realpath(sys.executable)))
    found = [
        f"warning: {path} is in a home directory, which the unit does not see: install it elsewhere"
        for path in programs
        if is_in_home(path)
    ]
    for what, source in (("token", settings.service.token.source), ("key", settings.service.keys.source)):
        match source:
            case EnvironmentSource():
                found.append(
                    f"warning: service.{what}: no unit sets the {source.describe()}: name a file or a credential"
                )
            case FileSource():
                found.append(f"warning: service.{what}: the user {AGENT_USER} must be able to read {source.path}")
            case _:
                name = source.name if isinstance(source, CredentialSource) else f"config-service-{what}"
                places = [f"{directory}/{name}" for directory in _STORES]
                if not any(os.path.lexists(path) for path in places):
                    found.append(f"warning: service.{what}: put it into {places[0]} (mode 0600, its directory 0700)")
    return found


def _credentials(settings: Settings) -> list[str]:
    """The systemd credentials that the settings name."""
    sources = (settings.service.token.source, settings.service.keys.source)
    return [source.name for source in sources if isinstance(source, CredentialSource)]


def _program() -> str:
    """The command as it was called, so that the unit runs the same one."""
    called = shutil.which(sys.argv[0]) if os.path.basename(sys.argv[0]) == "config-sync" else None
    return os.path.abspath(called) if called else "/usr/local/bin/config-sync"


def _agent_uid() -> int | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(AGENT_USER).pw_uid
    return None


def _user_name(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def _group_name(gid: int) -> str:
    with contextlib.suppress(KeyError):
        return grp.getgrgid(gid).gr_name
    return str(gid)
