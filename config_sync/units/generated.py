"""The files that let an agent of these settings run under systemd, as texts. Reads the shipped units, else pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config_sync.units.rights import AGENT_USER, Rights

_SHIPPED = Path(__file__).parent / "shipped"
_PROGRAM = "/usr/local/bin/config-sync"
"""As the shipped units call it."""

DEFAULT_SETTINGS = "/etc/config-sync/settings.yaml"
_INSTANCE = re.compile(r"/etc/config-sync/([A-Za-z0-9:_.-]+)\.yaml", re.ASCII)

SEAL = re.compile(r"^(?:#|//) install-systemd: ([0-9a-f]{16})$", re.MULTILINE)
"""The line by which a file of ours is known, and whether somebody has changed it since."""


@dataclass(frozen=True, slots=True)
class UnitFile:
    """One file, 0644. `text` None: it has no place any more, and one that we wrote is to be removed."""

    path: str
    text: str | None


def unit_of(settings: str) -> str:
    """The agent's unit for the settings at this path: an instance for ``/etc/config-sync/NAME.yaml``."""
    found = _INSTANCE.fullmatch(settings)
    return "config-sync.service" if found is None or settings == DEFAULT_SETTINGS else f"config-sync@{found[1]}.service"


def unit_files(
    rights: Mapping[str, Rights], *, settings: str, program: str, credentials: Sequence[str] = ()
) -> tuple[UnitFile, ...]:
    """Everything for the targets named, each with its rights: the unit, the user, and for each target what it needs.

    `settings` and `program` are absolute paths, `credentials` the names of systemd credentials that the settings say.
    """
    unit = unit_of(settings)
    template = re.sub(r"@.*\.", "@.", unit)
    names = {template}
    if any(name.startswith("config-sync-hook@") for one in rights.values() for name in one.verbs or ()):
        names.add("config-sync-hook@.service")
    if any(one.stamped for one in rights.values()):
        names |= {"config-sync-stamp@.path", "config-sync-stamp@.service"}
    made = [UnitFile(f"/etc/sysusers.d/{AGENT_USER}.conf", sealed(_shipped("sysusers.d/config-sync.conf")))]
    made += [
        _file(f"/etc/systemd/system/{name}", _shipped(name).replace(_PROGRAM, _word(program))) for name in sorted(names)
    ]
    made.append(_file(f"/etc/systemd/system/{unit}.d/40-settings.conf", _settings(unit, settings, credentials)))
    scope = unit.removesuffix(".service")  # instances have targets of the same name, and files of their own
    for target, one in rights.items():
        # A target's name may have any letter; a file's name here only plain ones.
        stem = re.sub(r"[^A-Za-z0-9_.-]", "_", target)
        if stem != target:
            stem = f"{stem}-{_digest(target)[:6]}"
        made.append(_file(f"/etc/systemd/system/{unit}.d/50-{stem}.conf", _drop_in(target, one, settings)))
        made.append(_file(f"/etc/tmpfiles.d/{scope}-{stem}.conf", _tmpfiles(target, one)))
        made.append(_file(f"/etc/polkit-1/rules.d/50-{scope}-{stem}.rules", _polkit(target, one)))
    return tuple(made)


def sealed(text: str) -> str:
    """The text with its seal as last line: `is_untouched` tells whether it is still as we wrote it."""
    mark = "//" if text.startswith("//") else "#"
    return f"{text}{mark} install-systemd: {_digest(text)}\n"


def is_untouched(text: str) -> bool:
    """Whether we wrote exactly this, in whatever version."""
    found = SEAL.search(text)
    return found is not None and text.endswith(found[0] + "\n") and found[1] == _digest(text[: found.start()])


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _file(path: str, text: str | None) -> UnitFile:
    return UnitFile(path, None if text is None else sealed(text))


def _shipped(name: str) -> str:
    return (_SHIPPED / name).read_text(encoding="utf-8")


def _word(text: str) -> str:
    """One word of a unit file or of tmpfiles.d, whatever is in it (systemd.syntax(7), "Quoting"; ``%%`` is ``%``)."""
    plain = text.replace("%", "%%")
    if not re.search(r"[\s\"'\\]", plain):
        return plain
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in escaped) + '"'


def _settings(unit: str, settings: str, credentials: Sequence[str]) -> str | None:
    """What all targets share and the shipped unit does not have; None where that is nothing."""
    lines = []
    if unit == "config-sync.service" and settings != DEFAULT_SETTINGS:
        lines.append(f"Environment={_word(f'CONFIG_SYNC_CONFIG={settings}')}")
    loaded = f"{_shipped('config-sync.service')}\n"
    lines += [f"LoadCredential={name}" for name in credentials if f"\nLoadCredential={name}\n" not in loaded]
    return "\n".join([f"# What {settings} says.", "", "[Service]", *lines]) + "\n" if lines else None


def _drop_in(target: str, rights: Rights, settings: str) -> str:
    return "\n".join([f"# What the target {target} of {settings} needs.", "", "[Service]", *_lines(rights)]) + "\n"


def _lines(rights: Rights) -> Iterator[str]:
    yield "# A file is replaced by a rename in its directory. -: a missing one is told by the agent, not by systemd."
    yield from (f"ReadWritePaths={_word(f'-{path}')}" for path in rights.writable)
    if rights.sees_others:
        yield "# `group:`, `owner:` or `signal:`: in a user namespace all others are `nobody`."
        yield "PrivateUsers=no"
    if rights.groups:
        yield "# `group:` in a directory that is not setgid for it: only a member may give a file to a group."
        yield "SystemCallFilter=fchown"
        yield f"SupplementaryGroups={' '.join(rights.groups)}"
    if rights.gives_owner:
        yield "# `owner:`"
        yield "CapabilityBoundingSet=CAP_CHOWN CAP_FOWNER"
        yield "AmbientCapabilities=CAP_CHOWN CAP_FOWNER"
        yield "SystemCallFilter=fchown"
    if rights.signals:
        yield "# `signal:` to a program of another user: it must be seen, and may be told."
        yield "CapabilityBoundingSet=CAP_KILL"
        yield "AmbientCapabilities=CAP_KILL"
        yield "ProtectProc=default"
    if rights.sees_homes:
        yield "# A path is in a home directory."
        yield "ProtectHome=no"
    if rights.sees_temporary:
        yield "# A path is in /tmp or /var/tmp."
        yield "PrivateTmp=no"


def _tmpfiles(target: str, rights: Rights) -> str | None:
    if not rights.made:
        return None
    lines = [f"d {_word(path)} {mode:04o} {AGENT_USER} {group} -" for path, (mode, group) in rights.made.items()]
    why = "# The agent owns them, the program's group reads them; setgid (2…) gives that group every new file."
    return "\n".join([f"# The directories of the target {target}. See tmpfiles.d(5).", why, "", *lines]) + "\n"


def _polkit(target: str, rights: Rights) -> str | None:
    if not rights.verbs:
        return None
    verbs = json.dumps({unit: list(verbs) for unit, verbs in rights.verbs.items()})
    return f"""// Lets the agent's user tell these units of the target {target}, in these ways and no others. polkit(8).
polkit.addRule(function (action, subject) {{
    var verbs = {verbs};
    var unit = action.lookup("unit");
    if (action.id === "org.freedesktop.systemd1.manage-units" &&
        subject.user === "{AGENT_USER}" &&
        Object.prototype.hasOwnProperty.call(verbs, unit) &&
        verbs[unit].indexOf(action.lookup("verb")) >= 0) {{
        return polkit.Result.YES;
    }}
    return polkit.Result.NOT_HANDLED;
}});
"""


def next_steps(rights: Mapping[str, Rights], *, settings: str) -> tuple[str, ...]:
    """The commands that take the files into use, in order."""
    stamps = [f"config-sync-stamp@{unit}.path" for one in rights.values() for unit in one.stamped]
    return (
        "systemd-sysusers",
        "systemd-tmpfiles --create",
        "systemctl daemon-reload",
        *([f"systemctl enable --now {' '.join(stamps)}"] if stamps else []),
        f"systemctl enable {unit_of(settings)}",
        f"systemctl restart {unit_of(settings)}",
    )
