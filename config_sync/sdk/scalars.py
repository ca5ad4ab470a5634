"""The leaves of decoding: numbers, text, and the classes of the standard library that are written as text."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import TypeAlias

from config_sync.client.listing import parse_time

SCALARS: tuple[type[object], ...] = (bool, int, float, str)

_LONGEST_PATH = 200


class Misfit(Exception):
    """A value does not fit; the text names the place and the kinds, never the value."""

    def __init__(self, path: str, what: str) -> None:
        shown = path if len(path) <= _LONGEST_PATH else f"{path[:120]}…{path[-60:]}"
        shown = "".join(one if one.isprintable() else "?" for one in shown)
        super().__init__(f"{shown}: {what}" if shown else what)


def kind_of(value: object) -> str:
    """What a value is, in JSON's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


_WORDS: Mapping[type[object], str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


def scalar(value: object, hint: type[object], path: str) -> object:
    """A bool, int, float or str. Raises Misfit."""
    if hint is bool or hint is str:
        if isinstance(value, hint):
            return value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if hint is float:
            try:
                return float(value)
            except OverflowError:
                raise Misfit(path, "the number is too large for a float") from None
        if isinstance(value, int):
            return value
        if value.is_integer():
            return int(value)
        raise Misfit(path, "expected a whole number, found one with a fraction")
    raise Misfit(path, f"expected {_WORDS[hint]}, found {kind_of(value)}")


_Parse: TypeAlias = Callable[[object, str], object]


def text_class(hint: type[object]) -> _Parse | None:
    """How a class of the standard library is read from text, None for all others.

    By name, so that `uuid`, `decimal` and `pathlib` are imported by those alone who use them.
    """
    of = f"{hint.__module__.partition('.')[0]}.{hint.__name__}"  # pathlib._local.Path since 3.13
    what = _TEXTS.get(of)
    if what is None:
        return None

    def parse(value: object, path: str) -> object:
        if isinstance(value, str) or (
            of == "decimal.Decimal" and isinstance(value, (int, float)) and value is not True
        ):
            try:
                return _made(hint, str(value))
            except (ValueError, ArithmeticError):
                pass
        raise Misfit(path, f"expected {what}, found {kind_of(value)}")

    return parse


_TEXTS: Mapping[str, str] = {
    "datetime.datetime": "an RFC 3339 time as a string",
    "datetime.date": "a date as a string, such as 2026-01-31",
    "datetime.time": "a time of day as a string, such as 12:30:00",
    "uuid.UUID": "a UUID as a string",
    "decimal.Decimal": "a number",
    "pathlib.Path": "a path as a string",
    "pathlib.PurePath": "a path as a string",
    "pathlib.PosixPath": "a path as a string",
    "pathlib.PurePosixPath": "a path as a string",
}


def _made(hint: type[object], text: str) -> object:
    """Raises ValueError, ArithmeticError."""
    if hint is datetime.datetime:
        try:
            return parse_time(text)
        except ValueError:
            return datetime.datetime.fromisoformat(text)
    if hint is datetime.date:
        return datetime.date.fromisoformat(text)
    if hint is datetime.time:
        return datetime.time.fromisoformat(text)
    make: Callable[[str], object] = hint
    return make(text)
