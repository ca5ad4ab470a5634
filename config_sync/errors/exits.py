"""How a command ends, and how a failed pass is tried again."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """The exit codes of every command (the contract is the README's table, generated from here)."""

    DONE = 0
    DIFFERS = 1
    USAGE = 2
    SETTINGS = 3
    UNAUTHORIZED = 4
    NOT_FOUND = 5
    SERVICE = 6
    DECRYPT = 7
    DOCUMENT = 8
    REJECTED = 9
    WRITE = 10
    RELOAD = 11
    LOCKED = 12
    BUG = 70
    APPLICATION_NOT_RUNNABLE = 126
    APPLICATION_NOT_FOUND = 127

    @property
    def meaning(self) -> str:
        """What the code tells an operator, in one clause."""
        return _MEANINGS[self]


_MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.DIFFERS: "only: `diff` differs, `health` not ok",
    Exit.USAGE: "usage: the command line is wrong",
    Exit.SETTINGS: "settings or credentials: missing, wrong or unreadable",
    Exit.UNAUTHORIZED: "unauthorized or forbidden (401, 403)",
    Exit.NOT_FOUND: "not found: the service has no such config, the cache no such revision; or a version did not come",
    Exit.SERVICE: "the service: unreachable, TLS, or an unexpected answer (3xx, other 4xx, over `max_size`)",
    Exit.DECRYPT: "decrypt: wrong key or damaged data",
    Exit.DOCUMENT: "document or render refused (also by `schema`, also empty)",
    Exit.REJECTED: "rejected by `validate`; of `sync --version`: the target is held",
    Exit.WRITE: "write failed",
    Exit.RELOAD: "reload or probe failed, or the revision was rolled back",
    Exit.LOCKED: "another agent holds the state directory (its pid is named)",
    Exit.BUG: "a bug in config-sync",
    Exit.APPLICATION_NOT_RUNNABLE: "only `exec`: the application may not be executed (as shells and `env` have it)",
    Exit.APPLICATION_NOT_FOUND: "only `exec`: there is no such application (as shells and `env` have it)",
}


class Retry(enum.Enum):
    """How a failed pass is tried again (network.md, "Classes")."""

    BACKOFF = "backoff"
    """Heals by itself: exponential backoff with jitter."""
    SLOW = "slow"
    """A person must act: uniform in [max/2, max] of `reconnect`, at once on an event, credential or settings change."""
    RESYNC = "resync"
    """A new version must come: only at the next wake-up or resync."""
