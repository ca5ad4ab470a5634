"""Telling systemd how the agent is: sd_notify(3) without a library.

One datagram a message, to the socket named by ``$NOTIFY_SOCKET`` (a path, or ``@name`` in the abstract namespace).
Without it nothing is sent. Nothing here ever raises: a service manager that cannot be told is no reason to fail.
Nothing is removed from the environment: children get one of their own (`config_sync.reloads.story`).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

_SEND_TIMEOUT_S = 1.0
"""systemd reads its socket at once unless it is overloaded; a full queue must not hold the agent for ever."""

_MAX_STATUS = 512
"""Characters; `systemctl status` shows one line."""


@dataclass(frozen=True, slots=True)
class Notifier:
    """Where to tell, and how often the watchdog wants to hear (`watchdog_s`, seconds; None: not at all)."""

    address: str | None
    watchdog_s: float | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Notifier:
        """By ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` (sd_watchdog_enabled(3))."""
        address = environ.get("NOTIFY_SOCKET", "")
        is_usable = address.startswith(("/", "@")) and len(address) > 1
        return cls(address if is_usable else None, _watchdog_s(environ) if is_usable else None)

    def ready(self, *, status: str | None = None) -> bool:
        """Start-up, or a reload of the settings, is over. It must follow every `reloading`, also a failed one."""
        return self._send("READY=1", *_status(status))

    def reloading(self, *, status: str | None = None) -> bool:
        """The settings are being read again.

        Both lines stand in one datagram, with CLOCK_MONOTONIC in microseconds, as ``Type=notify-reload`` asks
        (systemd.service(5), 253 and later).
        """
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        return self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}", *_status(status))

    def stopping(self, *, status: str | None = None) -> bool:
        """Shut-down has begun."""
        return self._send("STOPPING=1", *_status(status))

    def status(self, text: str) -> bool:
        """One line for ``systemctl status``: what is being waited for."""
        return self._send(*_status(text))

    def watchdog(self) -> bool:
        """The loops make progress. Nothing is sent where no watchdog listens."""
        return self.watchdog_s is not None and self._send("WATCHDOG=1")

    def extend(self, timeout_s: float) -> bool:
        """Give start-up or shut-down so many seconds more, counted from now."""
        return self._send(f"EXTEND_TIMEOUT_USEC={int(timeout_s * 1_000_000)}")

    def _send(self, *lines: str) -> bool:
        """Whether it was handed to the kernel."""
        if self.address is None:
            return False
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        message = "\n".join(lines).encode(errors="replace")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_SEND_TIMEOUT_S)
                sender.sendto(message, os.fsencode(address))
        except (OSError, ValueError):  # ValueError: a NUL inside a path
            return False
        return True


def _status(text: str | None) -> tuple[str, ...]:
    """A line break would begin a new field, and so could be made to say anything."""
    return () if text is None else ("STATUS=" + " ".join(text.split())[:_MAX_STATUS],)


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """None where there is none or it is meant for another process."""
    span, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not (span.isascii() and span.isdigit()) or int(span) == 0:
        return None
    if pid and pid != str(os.getpid()):
        return None
    return int(span) / 1_000_000
