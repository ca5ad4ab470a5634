"""As whom a unit runs its program: asked of systemd, or read from its files where no systemd answers."""

from __future__ import annotations

import contextlib
import glob
import grp
import os
import pwd
from collections.abc import Iterator, Mapping

from config_sync.errors import ReloadFailed
from config_sync.process.access import Reader
from config_sync.reloads.systemctl import systemctl
from config_sync.stop import Stop

_SHOWN = ("LoadState", "User", "Group", "SupplementaryGroups", "DynamicUser")
_PLACES = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system",
           "lib/systemd/system")  # fmt: skip
"""Where units are, the first one counts (systemd.unit(5), "UNIT FILE LOAD PATH")."""


def unit_reader(unit: str) -> Reader | None:
    """The user of the unit's program with all its groups; None where there is no such unit or no such user."""
    told = shown(unit, *_SHOWN) or offline(unit)
    if told is None or told.get("LoadState", "loaded") != "loaded":
        return None
    return reader_of(told)


def shown(unit: str, *properties: str) -> Mapping[str, str] | None:
    """What systemd says of the unit; None where none answers."""
    try:
        finished = systemctl(unit, Stop(), "show", f"--property={','.join(properties)}")
    except ReloadFailed:
        return None
    if not finished.is_success:
        return None
    return {key: value for key, _, value in (line.partition("=") for line in finished.output_tail.splitlines())}


def reader_of(told: Mapping[str, str]) -> Reader | None:
    """The user that these properties name. Raises nothing: a user that does not exist is None."""
    try:
        extra = {_gid(name) for name in told.get("SupplementaryGroups", "").split()}
        user, group = told.get("User", ""), told.get("Group", "")
        if told.get("DynamicUser") in ("yes", "true", "1", "on") and not _exists(user):
            return Reader("a dynamic user", None, frozenset(extra | ({_gid(group)} if _is_group(group) else set())))
        if not user:
            return Reader("root", 0, frozenset(extra))
        found = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
        gid = _gid(group) if group else found.pw_gid
        return Reader(found.pw_name, found.pw_uid, frozenset({*os.getgrouplist(found.pw_name, gid), *extra}))
    except KeyError:
        return None


def offline(unit: str, root: str = "/") -> Mapping[str, str] | None:
    """The same words out of the unit's file and its drop-ins below `root`; None where there is no file."""
    template = f"{unit.partition('@')[0]}@.{unit.rpartition('.')[2]}" if "@" in unit else unit
    for name in dict.fromkeys((unit, template)):
        for place in _PLACES:
            path = os.path.join(root, place, name)
            if os.path.isfile(path):
                return _words([path, *_drop_ins(root, dict.fromkeys((template, unit)))])
    return None


def _drop_ins(root: str, names: Mapping[str, None]) -> list[str]:
    """By the names of the files, whichever directory they are in; the first directory counts."""
    found: dict[str, str] = {}
    for name in names:
        for place in _PLACES:
            for path in glob.glob(os.path.join(glob.escape(os.path.join(root, place, f"{name}.d")), "*.conf")):
                found.setdefault(os.path.basename(path), path)
    return [found[name] for name in sorted(found)]


def _words(paths: list[str]) -> Mapping[str, str]:
    told: dict[str, str] = {}
    for key, value in _assignments(paths):
        is_list = key == "SupplementaryGroups" and value
        told[key] = f"{told.get(key, '')} {value}".strip() if is_list else value
    return {key: value for key, value in told.items() if "%" not in value}


def _assignments(paths: list[str]) -> Iterator[tuple[str, str]]:
    for path in paths:
        section = ""
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                text = line.strip()
                if text.startswith("["):
                    section = text
                elif section == "[Service]" and "=" in text and text[0] not in "#;":
                    key, _, value = text.partition("=")
                    yield key.strip(), value.strip()


def _exists(user: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(user) and bool(pwd.getpwnam(user))
    return False


def _is_group(name: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(name) and _gid(name) >= 0
    return False


def _gid(name: str) -> int:
    """Raises KeyError."""
    return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
