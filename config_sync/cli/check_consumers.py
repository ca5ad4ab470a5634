"""What `check` says of the programs that read the files: can their users read them, and can the agent tell them."""

from __future__ import annotations

import contextlib
import grp
import os
import shutil
import stat
from collections.abc import Iterator

from config_sync.cli.finding import Finding
from config_sync.errors import Exit, ReloadFailed
from config_sync.model import FileSpec, Target
from config_sync.process.access import Look, Reader, barrier
from config_sync.process.sandbox import Sandbox
from config_sync.reloads import Examined, SignalReload, SystemdReload
from config_sync.reloads.main_process import ByUnit
from config_sync.reloads.pidfile import ByPidFile, read_pid_file
from config_sync.reloads.unit_user import unit_reader

_POLKIT = "usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"


def of_consumers(target: Target, sandbox: Sandbox, of_unit: Sandbox) -> Iterator[Finding]:
    """Everything that stands between the files and who reads them, or is told of them.

    `sandbox` is this process's own, `of_unit` that of the agent's unit.
    """
    if target.validate is not None and shutil.which(target.validate.argv[0]) is None:
        yield Finding(
            f"targets.{target.name}.validate",
            f"{target.validate.argv[0]} is not on the PATH",
            "install it, or write its whole path",
        )
    readers: dict[str, Reader] = {}
    for reload in target.reload:
        where = f"targets.{target.name}.reload: {reload.describe()}"
        if isinstance(reload, Examined):
            for doubt in reload.doubts():
                yield Finding(where, doubt.message, doubt.hint, Exit.SETTINGS if doubt.is_error else None)
        if isinstance(reload, SignalReload):
            yield from _of_signal(where, reload, of_unit)
        if isinstance(reload, SystemdReload) and reload.action != "start":
            yield from _of_polkit(where)
        unit = _unit_of(reload)
        if unit is not None and not sandbox.hides_users and (reader := unit_reader(unit)) is not None:
            readers[unit] = reader
    for unit, reader in readers.items():
        for spec in target.files:
            yield from _of_reader(target.name, spec, unit, reader)


def _unit_of(reload: object) -> str | None:
    """The unit whose program reads the files. One that is started for the reload is a hook, and reads what it likes."""
    if isinstance(reload, SystemdReload) and reload.action != "start":
        return reload.unit
    if isinstance(reload, SignalReload) and isinstance(reload.consumer, ByUnit):
        return reload.consumer.unit
    return None


def _of_reader(name: str, spec: FileSpec, unit: str, reader: Reader) -> Iterator[Finding]:
    file = _future(spec)
    path = f"{spec.path}/KEY" if spec.is_set else str(spec.path)
    stands_at = barrier(reader, path, file)
    if stands_at is None:
        return
    who = f"{unit.removesuffix('.service')} runs as {reader.name} and cannot read {spec.path}"
    group = _own_group(reader)
    if stands_at != path:
        may = f"chgrp {group} {stands_at} && chmod g+rx {stands_at}" if group else f"chmod o+x {stands_at}"
        said, hint = f"{who}: it may not enter {stands_at}", f"let it in: {may}"
    elif group is None:
        said, hint = who, "a user that is made anew at each start owns nothing: add SupplementaryGroups= to its unit"
    elif file.gid in reader.gids:
        said, hint = f"{who}: its group may not, by mode {file.mode:04o}", f'add `mode: "{file.mode | 0o040:04o}"`'
    else:
        said, hint = who, f"add `group: {group}`"
    yield Finding(f"targets.{name}: {spec.path}", said, hint)


def _future(spec: FileSpec) -> Look:
    """How the file will look: what the settings do not say comes from the directory, or from us."""
    gid = spec.gid
    if gid is None:
        gid = os.getegid()
        with contextlib.suppress(OSError):
            found = os.stat(spec.directory)
            gid = found.st_gid if found.st_mode & stat.S_ISGID else gid
    return Look(os.geteuid() if spec.uid is None else spec.uid, gid, stat.S_IFREG | spec.mode)


def _own_group(reader: Reader) -> str | None:
    """The name of a group that it is in; of those, one of its own name first."""
    names = []
    for gid in sorted(reader.gids):
        with contextlib.suppress(KeyError):
            names.append(grp.getgrgid(gid).gr_name)
    return reader.name if reader.name in names else next(iter(names), None)


def _of_signal(where: str, reload: SignalReload, sandbox: Sandbox) -> Iterator[Finding]:
    if not (sandbox.hides_users or sandbox.hides_processes) or _is_own(reload):
        return
    why = "ProtectProc=invisible" if sandbox.hides_processes else "PrivateUsers=yes"
    yield Finding(
        where,
        f"the agent's unit has {why}: another user's process cannot be signalled from there",
        "add the drop-in direct-signal.conf (CAP_KILL, PrivateUsers=no, ProtectProc=default), or reload it by"
        " `systemd: UNIT`; a program of the agent's own user is known by `unit: UNIT`",
        Exit.SETTINGS,
    )


def _is_own(reload: SignalReload) -> bool:
    """Whether it is known that the program runs as this very user."""
    consumer = reload.consumer
    if isinstance(consumer, ByUnit):
        reader = unit_reader(consumer.unit)
        return reader is not None and reader.uid == os.geteuid()
    if isinstance(consumer, ByPidFile):
        with contextlib.suppress(ReloadFailed, OSError):
            found = read_pid_file(consumer.path)
            return found is not None and os.stat(f"/proc/{found.pid}").st_uid == os.geteuid()
    return False


def _of_polkit(where: str) -> Iterator[Finding]:
    """Whether the rule is there polkit alone knows: its rules are not readable for others."""
    if os.geteuid() != 0 and shutil.which("systemctl") is not None and not os.path.exists(f"/{_POLKIT}"):
        yield Finding(
            where,
            f"polkit is not installed, so systemd lets nobody but root do this, and not uid {os.geteuid()}",
            "install polkitd and a rule (`config-sync install-systemd` writes one), or use `touch` with"
            " config-sync-stamp@UNIT.path",
        )
