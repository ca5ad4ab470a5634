"""Owners and groups: names or ids, turned into ids when the settings are read."""

from __future__ import annotations

import grp
import pwd
import re
from collections.abc import Callable
from dataclasses import dataclass

from config_sync.fields import JsonSchema, Node, Problems, ScalarNode, expanded, nearest, quoted, refuse

MAX_ID = 2**32 - 2
"""The last one is no id: chown(2) takes it for "leave it"."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A name that must exist on this machine, or an id that need not (containers have files of unknown users)."""

    what: str
    look_up: Callable[[str], int]
    """Raises KeyError."""
    known: Callable[[], list[str]]

    @property
    def expected(self) -> str:
        """``a user name or id``."""
        return f"a {self.what} name or id"

    def parse(self, node: Node, problems: Problems) -> int | None:
        """The id; None where a variable is unset and not needed, with its warning."""
        one = expanded(node, problems, self.expected)
        if isinstance(node, ScalarNode) and node.expansion is not None and node.expansion.unset:
            return None
        if re.fullmatch(r"[0-9]{1,10}", one.text):
            if int(one.text) > MAX_ID:
                raise refuse(node, problems, f"expected {self.expected}, at most {MAX_ID}")
            return int(one.text)
        if not one.text or "\0" in one.text:
            raise refuse(node, problems, f"expected {self.expected}")
        try:
            return self.look_up(one.text)
        except (KeyError, ValueError):
            near = nearest(one.text, self.known())
            hint = f"did you mean {near!r}?" if near else "create it, or give the number"
            raise refuse(node, problems, f"no {self.what} {quoted(one.text)} on this machine", hint=hint) from None

    def json_schema(self) -> JsonSchema:
        """A string or a number."""
        return {"type": ["string", "integer"], "minLength": 1, "minimum": 0, "maximum": MAX_ID}


OWNER = Identity("user", lambda name: pwd.getpwnam(name).pw_uid, lambda: [one.pw_name for one in pwd.getpwall()])
GROUP = Identity("group", lambda name: grp.getgrnam(name).gr_gid, lambda: [one.gr_name for one in grp.getgrall()])
