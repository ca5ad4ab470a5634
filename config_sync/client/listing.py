"""The list of configs, parsed at the border."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

from config_sync.errors import UnexpectedResponse

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class ConfigInfo:
    """What the list says of one config; times are aware, to the microsecond."""

    name: str
    is_valid: bool
    valid_from: datetime
    updated_at: datetime


def parse_time(text: str) -> datetime:
    """A time as Go writes it (RFC 3339, up to nanoseconds, ``Z`` or an offset); without an offset it is UTC.

    Raises:
        ValueError: for anything else.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time")
    day, clock, fraction, offset = match.groups()
    micros = (fraction or "")[:6].ljust(6, "0")
    zone = "+00:00" if offset is None or offset in "Zz" else offset
    return datetime.fromisoformat(f"{day}T{clock}.{micros}{zone}")


def parse_listing(body: bytes, *, where: str) -> tuple[ConfigInfo, ...]:
    """The list's entries in its own order; members we do not know are skipped.

    Raises:
        UnexpectedResponse: not a JSON list of the entries the protocol describes; never quotes the body.
    """
    try:
        loaded: object = json.loads(body)
    except (ValueError, RecursionError):
        # `from None`: a JSONDecodeError carries the whole document.
        raise UnexpectedResponse(
            f"the list of configs from {where} is not JSON ({len(body)} bytes)", hint=_HINT
        ) from None
    if loaded is None:  # Go's encoding of a nil slice
        return ()
    if not isinstance(loaded, list):
        raise UnexpectedResponse(f"the list of configs from {where} is not a JSON list", hint=_HINT)
    return tuple(_entry(entry, number, where) for number, entry in enumerate(loaded))


def _entry(entry: object, number: int, where: str) -> ConfigInfo:
    problem = f"entry {number} of the list of configs from {where}"
    if not isinstance(entry, dict):
        raise UnexpectedResponse(f"{problem} is not a JSON object", hint=_HINT)
    name: object = entry.get("name")
    if not isinstance(name, str):
        raise UnexpectedResponse(f"{problem} has no name", hint=_HINT)
    is_valid: object = entry.get("is_valid")
    if not isinstance(is_valid, bool):
        raise UnexpectedResponse(f"{problem} has no is_valid of true or false", hint=_HINT)
    return ConfigInfo(name, is_valid, _time(entry.get("valid_from"), problem), _time(entry.get("updated_at"), problem))


def _time(value: object, problem: str) -> datetime:
    if isinstance(value, str):
        try:
            return parse_time(value)
        except ValueError:
            pass
    raise UnexpectedResponse(f"{problem} has a time that is not RFC 3339", hint=_HINT)


_HINT = "is this the Config Service? see service.host"
