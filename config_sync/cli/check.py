"""``config-sync check``: look for mistakes before they matter. Changes nothing; only errors make it fail.

Loading the settings has already found what is wrong in them (keys, values, owners, templates, extras). Here is what
only this machine can tell: directories, rights, credentials, checkers. What may come later is a warning.
"""

from __future__ import annotations

import argparse
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from config_sync.cli.loading import add_settings_options, set_up_log, settings_reader
from config_sync.cli.output import say
from config_sync.errors import CredentialError, Exit, SchemaUnusable, SyncError, TlsFailed
from config_sync.model import FileSpec, Target
from config_sync.reloads import Examined
from config_sync.settings import ServiceSettings, Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence with a hint. An error makes the command fail with `exit_code`; None: a warning."""

    where: str
    message: str
    hint: str | None = None
    exit_code: Exit | None = None


def configure(parser: argparse.ArgumentParser) -> None:
    """The form without a settings file is checked as well."""
    parser.epilog = "Answers for the user that runs it: run it as the agent's user."
    add_settings_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """0, or the code of the first error. Raises SettingsError."""
    settings = settings_reader(arguments, needs_service=False)()
    set_up_log(arguments, settings)
    findings = list(_findings(settings))
    for finding in findings:
        word = "warning" if finding.exit_code is None else "error"
        hint = f"\n  hint: {finding.hint}" if finding.hint else ""
        say(f"{word}: {finding.where}: {finding.message}{hint}")
    errors = [one.exit_code for one in findings if one.exit_code is not None]
    files = sum(len(target.files) for target in settings.targets)
    print(
        f"{len(settings.targets)} target(s), {files} file(s): {len(errors)} error(s), "
        f"{len(findings) - len(errors)} warning(s), as uid {os.geteuid()}"
    )
    return errors[0] if errors else Exit.DONE


def _findings(settings: Settings) -> Iterator[Finding]:
    for warning in settings.warnings:
        where = f"{warning.file}:{warning.line}:{warning.column}" if warning.line else warning.file
        yield Finding(f"{where}: {warning.path}" if warning.path else where, warning.message, warning.hint)
    yield from _of_credentials(settings)
    yield from _of_tls(settings.service)
    yield from _of_directory("agent.state_dir", settings.agent.state_dir)
    for target in settings.targets:
        yield from _of_target(target)


def _of_credentials(settings: Settings) -> Iterator[Finding]:
    for read, key in ((settings.service.token.read, "service.token"), (settings.service.keys.read, "service.key")):
        try:
            read()
        except CredentialError as error:
            # It may be put there by the unit or the pod; what is malformed will be told when it is used.
            yield Finding(key, error.message, error.hint)


def _of_tls(service: ServiceSettings) -> Iterator[Finding]:
    if service.ca_file is None and service.client_cert is None:
        return
    # ssl: only where there is something to look at
    from config_sync.http.client_pair import ClientPair
    from config_sync.http.tls import Tls

    if service.ca_file is not None:
        try:
            Tls(service.ca_file).context()
        except TlsFailed as error:
            yield _unusable("service.ca_file", error, (service.ca_file,))
    if service.client_cert is not None:
        pair = ClientPair(service.client_cert.cert_file, service.client_cert.key_file)
        try:
            pair.check()
        except CredentialError as error:
            yield _unusable("service.client_cert", error, pair.files())
        for doubt in pair.doubts():
            yield Finding("service.client_cert", doubt, f"chmod o= {pair.key_file}")


def _unusable(where: str, error: SyncError, files: tuple[str, ...]) -> Finding:
    """An error, if the files can be read; else they may be put there later, by the unit or the pod."""
    is_there = all(os.access(path, os.R_OK) for path in files)
    message = error.message.removeprefix(where).lstrip(": ")
    return Finding(where, message, error.hint, Exit.SETTINGS if is_there else None)


def _of_directory(where: str, path: str) -> Iterator[Finding]:
    """A directory that is made if missing: its nearest ancestor must let us."""
    there = path
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        yield Finding(where, f"{there} is not a directory", "remove it, or name another directory")
    elif not os.access(there, os.W_OK | os.X_OK):
        yield Finding(
            where, f"uid {os.geteuid()} cannot write {there}", "run this as the agent's user, or mend its mode"
        )


def _of_target(target: Target) -> Iterator[Finding]:
    if target.schema is not None:
        # Only here: the reconciler's rooms and the validator cost 60 ms.
        from config_sync.reconciler.guarding import Schemas

        try:
            Schemas().schema(target.schema)
        except SchemaUnusable as error:
            yield Finding(f"targets.{target.name}.schema", error.message, error.hint, Exit.SETTINGS)
    for spec in target.files:
        yield from _of_file(target.name, spec)
    if target.validate is not None and shutil.which(target.validate.argv[0]) is None:
        yield Finding(
            f"targets.{target.name}.validate",
            f"{target.validate.argv[0]} is not on the PATH",
            "install it, or write its whole path",
        )
    for reload in target.reload:
        if isinstance(reload, Examined):
            for doubt in reload.doubts():
                where = f"targets.{target.name}.reload: {reload.describe()}"
                yield Finding(where, doubt.message, doubt.hint, Exit.SETTINGS if doubt.is_error else None)


def _of_file(name: str, spec: FileSpec) -> Iterator[Finding]:
    where = f"targets.{name}: {spec.path}"
    parent = spec.directory
    if spec.uid is not None and spec.uid != os.geteuid() and not _may_chown():
        yield Finding(
            where,
            f"uid {os.geteuid()} cannot give the file to uid {spec.uid}: that takes CAP_CHOWN",
            "leave 'owner' out and use 'group', or grant CAP_CHOWN (systemd: AmbientCapabilities=CAP_CHOWN)",
            Exit.SETTINGS,
        )
    if spec.gid is not None and not _may_give_to(spec.gid, parent) and not _may_chown():
        yield Finding(
            where,
            f"uid {os.geteuid()} is not in group {spec.gid} and cannot give the file to it",
            "add the agent's user to the group (systemd: SupplementaryGroups=), or leave 'group' out",
            Exit.SETTINGS,
        )
    try:
        at_parent = os.stat(parent)
    except FileNotFoundError:
        if not spec.create_parents:
            yield Finding(where, f"{parent} does not exist", "create it, or set 'create_parents: true'")
        return
    except OSError as error:
        yield Finding(where, f"{parent}: {error.strerror}", exit_code=Exit.WRITE)
        return
    if not stat.S_ISDIR(at_parent.st_mode):
        yield Finding(where, f"{parent} is not a directory", "correct the path", Exit.WRITE)
        return
    if not os.access(parent, os.W_OK | os.X_OK):
        yield Finding(
            where,
            f"uid {os.geteuid()} cannot write in {parent}",
            "a file is replaced by renaming, so its directory must be writable for the agent's user",
            Exit.WRITE,
        )
    if not spec.is_set:
        yield from _of_destination(where, spec)


def _of_destination(where: str, spec: FileSpec) -> Iterator[Finding]:
    try:
        found = os.lstat(spec.path)
    except FileNotFoundError:
        yield Finding(where, "is not there yet")
        return
    if os.path.ismount(spec.path):
        yield Finding(
            where,
            "is a mount point: it cannot be replaced by renaming",
            "mount the directory instead of the single file",
            Exit.WRITE,
        )
    elif not stat.S_ISREG(found.st_mode) and not stat.S_ISLNK(found.st_mode):
        yield Finding(where, "is not a regular file", "remove it, or correct the path", Exit.WRITE)


def _may_give_to(gid: int, directory: str) -> bool:
    """Whether a new file can have the group: one of ours, or the one that a setgid directory gives by itself."""
    if gid in (os.getegid(), *os.getgroups()):
        return True
    try:
        found = os.stat(directory)
    except OSError:
        return False
    return bool(found.st_mode & stat.S_ISGID) and found.st_gid == gid


_CAP_CHOWN = 1 << 0


def _may_chown() -> bool:
    """Whether CAP_CHOWN is in force (capabilities(7); proc(5), CapEff)."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) & _CAP_CHOWN)
    return os.geteuid() == 0
