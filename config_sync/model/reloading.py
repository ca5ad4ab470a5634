"""How a consumer is told: the order, the result, and the seam that every reload kind fills."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from config_sync.model.names import AbsolutePath
from config_sync.stop import Stop


@dataclass(frozen=True, slots=True)
class ReloadOrder:
    """Everything a reload may know: the story of one change, with no value in it.

    Times are Unix seconds. `files` are the published paths, `changed` those of them that this change wrote.
    """

    target: str
    files: tuple[AbsolutePath, ...]
    changed: tuple[AbsolutePath, ...]
    reason: str
    attempt: int = 1
    version: int | None = None
    previous_version: int | None = None
    changed_by: int | None = None
    written_at: float | None = None
    saved_at: float | None = None
    forced: bool = False
    """An operator asked (``reload TARGET``): told even when the consumer started after the write."""


class ReloadResult(enum.Enum):
    """How telling the consumer ended, when it did not fail."""

    RELOADED = "Reloaded"
    ALREADY_CURRENT = "AlreadyCurrent"
    """The consumer started after the write: it has read it."""
    WAITING_FOR_CONSUMER = "WaitingForConsumer"
    """It is not running: it will read the file when it starts."""
    OWN_UNIT = "OwnUnit"
    """The unit is the agent's own, which is never reloaded by itself."""


class StopSignal(Protocol):
    """What a wait needs to know of `config_sync.stop.Stop`."""

    def is_set(self) -> bool:
        """Whether everything that waits must end."""
        ...

    def fileno(self) -> int:
        """A descriptor that is readable once set."""
        ...


class Reload(Protocol):
    """One way to tell a consumer (one file each under ``reloads/``)."""

    @property
    def kind(self) -> str:
        """The word in the settings: ``systemd``, ``signal``, ``command`` …"""
        ...

    def describe(self) -> str:
        """What it does, for logs and status: ``SIGHUP to the pid in /run/nginx.pid``."""
        ...

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:
        """Tell the consumer and wait for the outcome. Raises ReloadFailed, Stopped."""
        ...


class Probe(Protocol):
    """One look at whether a consumer is well (one file each under ``probes/``)."""

    @property
    def kind(self) -> str:
        """The word in the settings: ``command``, ``http``, ``tcp``."""
        ...

    def describe(self) -> str:
        """What it looks at, for messages: ``a connection to localhost:80``. Never arguments or credentials."""
        ...

    def look(self, order: ReloadOrder, /, stop: Stop, *, timeout_s: float) -> None:
        """The consumer is well, as seen once within `timeout_s` seconds. Raises ProbeFailed, Stopped."""
        ...


@dataclass(frozen=True, slots=True)
class Probing:
    """What must hold after a reload: `probe` is tried again and again for `within_s` seconds, until it holds."""

    probe: Probe
    within_s: float = 10.0


class OnFailure(enum.Enum):
    """What becomes of a revision whose reload or probe failed."""

    KEEP = "keep"
    ROLLBACK = "rollback"
