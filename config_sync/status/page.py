"""``status.json``: the board as JSON, written whole when something changed (mode 0644: it holds no value)."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from typing import TypeAlias

from config_sync.clock import Clock
from config_sync.errors import FileError
from config_sync.files import replace_file
from config_sync.log import STATE_UNAVAILABLE, logger
from config_sync.model import Condition, ConfigRef, FileSpec
from config_sync.status.board import Board, TargetStatus
from config_sync.status.holding import hold_of, skipped_of, told_time

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"

FORMAT_VERSION = 1
NAME = "status.json"


def render(board: Board, *, host: str | None, started_at: float) -> dict[str, Json]:
    """The whole page; times are RFC 3339 in UTC, absent facts are null."""
    links = board.links().values()
    lost = [one.since for one in links if not one.is_connected]
    service: dict[str, Json] = {
        "host": host,
        "connected": bool(links) and not lost,
        "since": told_time(min(lost) if lost else max((one.since for one in links), default=None)),
    }
    return {
        "version": FORMAT_VERSION,
        "pid": os.getpid(),
        "started_at": told_time(started_at),
        "service": service,
        "targets": [_target(one) for one in board.statuses()],
    }


def _target(status: TargetStatus) -> dict[str, Json]:
    record = status.record
    error: dict[str, Json] | None = None
    if status.error is not None:
        refused = status.error.refused
        error = {
            "reason": status.error.reason,
            "message": status.error.message,
            "hint": status.error.hint,
            "since": told_time(status.error_since),
            "refused": None if refused is None else {"version": refused.version, "revision": refused.revision},
        }
    return {
        "name": status.target.name,
        "state": status.state.value,
        "conditions": [_condition(one) for one in status.conditions],
        "version": record.version,
        "revision": record.revision,
        "changed_by": record.changed_by,
        "saved_at": told_time(record.saved_at),
        "written_at": told_time(record.written_at),
        "reloaded_at": told_time(record.reloaded_at),
        "current_as_of": told_time(status.current_as_of),
        "reload_pending": status.reload_pending,
        "from_cache_since": told_time(record.from_cache_since),
        "hold": hold_of(record),
        "skipped": skipped_of(record),
        "error": error,
        "configs": [_config(ref, status) for ref in status.target.configs],
        "files": [
            *(_file(spec, status) for spec in record.known(status.target).files),
            *(_dropped(path) for path in record.dropped),
        ],
    }


def _condition(condition: Condition) -> dict[str, Json]:
    return {
        "type": condition.type.value,
        "status": condition.status.value,
        "reason": condition.reason,
        "message": condition.message,
        "since": told_time(condition.since or None),
    }


def _file(spec: FileSpec, status: TargetStatus) -> dict[str, Json]:
    is_written = spec.path in status.record.written
    names = ",".join(part.ref.name for part in spec.parts)
    return {"path": str(spec.path), "config": names, "state": "written" if is_written else "missing"}


def _config(ref: ConfigRef, status: TargetStatus) -> dict[str, Json]:
    record, target = status.record, status.target
    return {
        "name": str(ref.name),
        "environment": ref.environment,
        "version": record.version_of(ref, target),
        "pinned": ref.version is not None,
        "optional": ref in target.optional,
    }


def _dropped(path: str) -> dict[str, Json]:
    """A file of ours that the settings no longer name: it stands there still, and nobody keeps it right."""
    return {"path": path, "config": None, "state": "dropped"}


def amend(board: Board, *, runtime_dir: str) -> None:
    """Put what an order without an agent has changed into the page that the last one left, if there is one.

    What only an agent knows (conditions, how current it is) stays as that had it. It never fails the order.
    """
    path = os.path.join(runtime_dir, NAME)
    try:
        with open(path, "rb") as file:
            page: object = json.loads(file.read())
    except (OSError, ValueError):
        return
    targets = page.get("targets") if isinstance(page, dict) else None
    if not isinstance(page, dict) or not isinstance(targets, list):
        return
    known = {one.target.name: _target(one) for one in board.statuses()}
    for index, one in enumerate(targets):
        if isinstance(one, dict) and (now := known.get(str(one.get("name")))) is not None:
            stays = {key: one[key] for key in ("conditions", "current_as_of") if key in one}
            targets[index] = {**now, **stays}
    with contextlib.suppress(OSError, FileError):
        replace_file(runtime_dir, NAME, json.dumps(page, indent=1).encode() + b"\n", mode=0o644, durable=False)


def _bytes(page: Mapping[str, Json]) -> bytes:
    return json.dumps(page, indent=1).encode() + b"\n"


class StatusPage:
    """The file in the runtime directory. Writing it never fails the work it reports: a failure is said once."""

    def __init__(self, board: Board, *, runtime_dir: str, host: str | None, clock: Clock) -> None:
        self._board = board
        self._runtime_dir = runtime_dir
        self.host = host
        self._started_at = clock.now()
        self._last: Mapping[str, Json] | None = None
        self._is_broken = False

    def content(self) -> bytes:
        """What the file would hold if it were written now."""
        return _bytes(self._rendered())

    def _rendered(self) -> dict[str, Json]:
        return render(self._board, host=self.host, started_at=self._started_at)

    def write(self) -> None:
        """Replace the file if the page has changed since the last time."""
        page = self._rendered()
        if page == self._last:
            return
        try:
            os.makedirs(self._runtime_dir, mode=0o755, exist_ok=True)
            replace_file(self._runtime_dir, NAME, _bytes(page), mode=0o644, durable=False)
        except (OSError, FileError) as error:
            if not self._is_broken:
                reason = error.message if isinstance(error, FileError) else str(error.strerror)
                logger().warning(STATE_UNAVAILABLE, path=f"{self._runtime_dir}/{NAME}", reason=reason)
            self._is_broken = True
            return
        self._is_broken = False
        self._last = page
