"""The records as the JSON of ``records.json``, and back. Pure.

Every member is checked against the type of its field; one that is not known is passed over, since a newer version of us
may have written it, and one that is missing takes the field's default.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from config_sync.model import Attempt, Pin, Record, WayBack

Kept: TypeAlias = "Record | Attempt | WayBack | Pin"
T = TypeVar("T", Record, Attempt, WayBack, Pin)

_VERSION = 1
_FIRST_S = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_END_S = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""Between these lies every time that can be told as a date. Every float of a record is one, in Unix seconds."""


class Damaged(Exception):
    """The file is not what we write; says why, never quoting it."""


class Encoder:
    """Records as the file's whole content, again and again: only what changed since the last time is encoded.

    A save writes every record, and of a thousand one has changed: it was 25 ms for each save of a first sync.
    """

    def __init__(self, digest_key: bytes) -> None:
        self._digest_key = digest_key
        self._texts: dict[str, tuple[Record, str]] = {}

    def encoded(self, records: Mapping[str, Record]) -> bytes:
        """As ``json.dumps(…, indent=1)`` of all of it would give it. Not for two threads at once."""
        self._texts = {name: self._text(name, record) for name, record in sorted(records.items())}
        targets = ",\n".join(text for _, text in self._texts.values())
        whole = {"version": _VERSION, "digest_key": self._digest_key.hex(), "targets": {}}
        before, _, after = json.dumps(whole, indent=1).rpartition("{}")
        return f"{before}{{\n{targets}\n }}{after}\n".encode() if targets else f"{before}{{}}{after}\n".encode()

    def _text(self, name: str, record: Record) -> tuple[Record, str]:
        known = self._texts.get(name)
        if known is not None and known[0] is record:  # frozen: the same object has the same text
            return known
        members = json.dumps(_members(record), indent=1).replace("\n", "\n  ")  # none is within a string of JSON
        return record, f"  {json.dumps(name)}: {members}"


def _members(value: Kept) -> dict[str, object]:
    """Field by field, because `dataclasses.asdict` cannot copy a read-only mapping."""
    members: dict[str, object] = {}
    for each in dataclasses.fields(value):
        held: object = getattr(value, each.name)
        if isinstance(held, (Attempt, WayBack, Pin)):
            held = _members(held)
        elif isinstance(held, Mapping):
            held = dict(held)
        elif isinstance(held, enum.Enum):
            held = held.value
        members[each.name] = held
    return members


def decoded(content: bytes) -> tuple[bytes, dict[str, Record]]:
    """The digest key and the records. Raises Damaged."""
    try:
        whole: object = json.loads(content)
    except (ValueError, RecursionError):
        raise Damaged("it is no JSON") from None
    members = _object(whole, "the file")
    if members.get("version") != _VERSION:
        raise Damaged(f"its version is not {_VERSION}")
    key = members.get("digest_key")
    if not isinstance(key, str) or not re.fullmatch(r"[0-9a-f]{64}", key):
        raise Damaged("its digest_key is not 64 hex characters")
    targets = _object(members.get("targets"), "targets")
    return bytes.fromhex(key), {name: _built(Record, _object(value, name)) for name, value in targets.items()}


def _built(kind: type[T], members: Mapping[str, object]) -> T:
    """The dataclass from its members, each checked against the field's type. Raises Damaged."""
    values: dict[str, object] = {}
    for name, hint in get_type_hints(kind).items():
        if name in members:
            values[name] = _checked(members[name], hint, name)
    try:
        return kind(**values)  # type: ignore[arg-type]  # each was checked against its field's type
    except TypeError:
        raise Damaged(f"a member of {kind.__name__} is missing") from None


def _checked(value: object, hint: object, name: str) -> object:
    """`value` as the type `hint` wants it. Raises Damaged."""
    wanted = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if value is None and NoneType in wanted:
        return None
    if Attempt in wanted:
        return _built(Attempt, _object(value, name))
    if WayBack in wanted:
        return _built(WayBack, _object(value, name))
    if Pin in wanted:
        return _built(Pin, _object(value, name))
    for one in wanted:
        if isinstance(one, type) and issubclass(one, enum.Enum):
            return _word(value, one, name)
    if any(get_origin(each) is Mapping for each in wanted):
        return _numbers(value, name) if get_args(wanted[0])[1] is int else _texts(value, name)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if float in wanted and isinstance(value, (int, float)) and is_number:
        if not _FIRST_S <= value < _END_S:  # NaN and infinity too
            raise Damaged(f"{name} is no time")
        return value
    if int in wanted and is_number and isinstance(value, int):
        return value
    if (bool in wanted and isinstance(value, bool)) or (str in wanted and isinstance(value, str)):
        return value
    raise Damaged(f"{name} is of the wrong type")


def _word(value: object, kind: type[enum.Enum], name: str) -> enum.Enum:
    try:
        return kind(value)
    except ValueError:
        raise Damaged(f"{name} is no word that we know") from None


def _texts(value: object, name: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for key, text in _object(value, name).items():
        if not isinstance(text, str):
            raise Damaged(f"{name} holds something else than text")
        texts[key] = text
    return texts


def _numbers(value: object, name: str) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for key, number in _object(value, name).items():
        if not isinstance(number, int) or isinstance(number, bool):
            raise Damaged(f"{name} holds something else than whole numbers")
        numbers[key] = number
    return numbers


def _object(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Damaged(f"{what} is not an object")
    return value
