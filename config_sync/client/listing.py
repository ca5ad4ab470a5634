"""The list of configs, parsed at the border."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from config_sync.errors import UnexpectedResponse
from config_sync.fields import nearest, quoted

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
    found = datetime.fromisoformat(f"{day}T{clock}.{micros}{zone}")
    try:
        found.astimezone(UTC)
    except OverflowError:  # the first or the last hours that a calendar has
        raise ValueError("no such time in UTC") from None
    return found


def validity(info: ConfigInfo, now: float) -> str | None:
    """What the list says of a config that may explain why it is not served as expected; None: it is simply valid.

    `now` is Unix time in seconds.
    """
    if info.valid_from.timestamp() > now:
        return f"valid only from {info.valid_from.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return None if info.is_valid else "not valid"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a config was refused, as far as the list tells: a clause for the message, and what a person can do."""

    clause: str
    hint: str


def explain(name: str, infos: Sequence[ConfigInfo], now: float, *, is_missing: bool) -> Explanation | None:
    """What the list says of a config that the service refused to give; None where it explains nothing.

    `is_missing`: the refusal was a 404. `now` is Unix time in seconds.
    """
    info = next((one for one in infos if one.name == name), None)
    if info is not None and (said := validity(info, now)) is not None:
        return Explanation(f"the list of configs says that it is {said}", "wait until then, or save a valid revision")
    if info is not None and is_missing:
        return Explanation(
            "the list of configs has it, so it is missing in this environment or version",
            "check `environment` and `version`",
        )
    if info is None and is_missing:
        near = nearest(name, [one.name for one in infos])
        meant = f"did you mean {quoted(near)}? " if near else ""
        return Explanation(
            f"it is not among the {len(infos)} that the token may read", f"{meant}`config-sync list` shows them"
        )
    return None


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
