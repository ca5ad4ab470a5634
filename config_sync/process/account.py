"""A user of this machine as whom a command can be run: with the rights, groups and home of a login, and no more."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

from config_sync.process.capabilities import Capability, has_capability


@dataclass(frozen=True, slots=True)
class Account:
    """An entry of the user database (passwd(5))."""

    name: str
    uid: int
    gid: int
    home: str

    @property
    def is_ours(self) -> bool:
        """Nothing need change: this process runs as that user already."""
        return self.uid == os.getuid() == os.geteuid()

    @property
    def may_be_taken(self) -> bool:
        """Whether this process may start a command as that user, and end it again."""
        return self.is_ours or has_capability(Capability.SETUID, Capability.SETGID, Capability.KILL)

    def groups(self) -> list[int]:
        """The group and all supplementary ones, as the machine has them now (getgrouplist(3))."""
        return os.getgrouplist(self.name, self.gid)


def account_of(text: str) -> Account:
    """The user with this name or, of digits, this id. Raises KeyError where there is none."""
    found = pwd.getpwuid(int(text)) if text.isascii() and text.isdecimal() and len(text) <= 10 else pwd.getpwnam(text)
    return Account(found.pw_name, found.pw_uid, found.pw_gid, found.pw_dir)
