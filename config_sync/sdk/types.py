"""The values that the SDK gives and takes: what a config is, what changed, which format."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from config_sync.client.listing import ConfigInfo, parse_time
from config_sync.sse import MAX_CHANGE

__all__ = ["ConfigChangeEvent", "ConfigInfo", "Format", "parse_event"]


@dataclass(frozen=True)
class ConfigChangeEvent:
    """What a stream said of a change. `changed_by` is the id of whoever made it; `timestamp` is aware.

    A hint: what can be fetched may be newer, or, for a moment, older.
    """

    config_name: str
    version: int
    changed_by: int
    timestamp: datetime


class Format(str, enum.Enum):  # noqa: UP042  # as published: str() gives `Format.JSON`, which StrEnum would change
    """The plain-text formats that the service renders itself."""

    JSON = "json"
    YAML = "yaml"
    ENV = "env"


def parse_event(data: str) -> ConfigChangeEvent | None:
    """The change in an event's data, None where a part is missing or cannot be read; never raises.

    Accepts what the published SDK accepts: numbers also as text, times also without an offset (UTC).
    """
    if len(data) > MAX_CHANGE:
        return None
    try:
        found: object = json.loads(data)
        if not isinstance(found, dict):
            return None
        when = found["timestamp"]
        return ConfigChangeEvent(
            config_name=str(found["config_name"]),
            version=_whole(found["version"]),
            changed_by=_whole(found["changed_by"]),
            timestamp=_aware(str(when)),
        )
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError):
        return None


def _whole(value: object) -> int:
    if isinstance(value, (int, float, str)):
        return int(value)
    raise TypeError("not a number")


def _aware(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
