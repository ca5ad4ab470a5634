"""The kinds of scalar and list a setting can be. Each says what it expects, parses it, and gives its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from config_sync.fields import Invalid, JsonSchema, Kind, ListNode, MapNode, Node, Problems, ScalarNode, expanded
from config_sync.fields import quoted as quoted
from config_sync.fields import refuse as refuse
from config_sync.fields import scalar as scalar
from config_sync.model import AbsolutePath, ConfigName

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Text:
    """Any text. A bare number or boolean is taken as written.

    `expands`: it is a name (of a unit, a user …), in which ``${NAME}`` is replaced.
    """

    expected: str = "a text"
    expands: bool = False

    def parse(self, node: Node, problems: Problems) -> str:
        """The text as written, or with its variables replaced."""
        return (expanded if self.expands else scalar)(node, problems, self.expected).text

    def json_schema(self) -> JsonSchema:
        """A string."""
        return {"type": "string"}


@dataclass(frozen=True, slots=True)
class Flag:
    """``true`` or ``false``."""

    expected: str = "true or false"

    def parse(self, node: Node, problems: Problems) -> bool:
        """The boolean; YAML 1.1's yes/no/on/off are refused, since readers disagree on them."""
        one = scalar(node, problems, self.expected)
        if one.tag == "bool" and one.text.lower() in ("true", "false"):
            return one.text.lower() == "true"
        raise refuse(node, problems, f"expected {self.expected}, not {quoted(one.text)}")

    def json_schema(self) -> JsonSchema:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between two bounds."""

    minimum: int = 0
    maximum: int = 2**63 - 1

    @property
    def expected(self) -> str:
        """With its bounds."""
        top = "" if self.maximum == 2**63 - 1 else f" to {self.maximum}"
        return f"a whole number from {self.minimum}{top}"

    def parse(self, node: Node, problems: Problems) -> int:
        """The number, in decimal only."""
        one = scalar(node, problems, self.expected)
        if re.fullmatch(r"-?(0|[1-9][0-9]{0,18})", one.text) and self.minimum <= int(one.text) <= self.maximum:
            return int(one.text)
        raise refuse(node, problems, f"expected {self.expected}, not {quoted(one.text)}")

    def json_schema(self) -> JsonSchema:
        """An integer with its bounds."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Duration:
    """A time span; the value is in seconds, between two bounds in seconds."""

    minimum_s: float = 0.0
    maximum_s: float = 366 * 86400.0
    expected: str = "a duration such as 250ms, 10s, 5m, 24h or 7d"

    def parse(self, node: Node, problems: Problems) -> float:
        """Seconds."""
        one = scalar(node, problems, self.expected)
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", one.text)
        if found is None:
            is_number = re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", one.text)
            hint = f"write the unit: {one.text}s" if is_number and one.text != "0" else None
            hint = "write 0s" if one.text == "0" else hint
            raise refuse(node, problems, f"expected {self.expected}, not {quoted(one.text)}", hint=hint)
        value_s = float(found[1]) * _DURATION_UNITS[found[2]]
        if not self.minimum_s <= value_s <= self.maximum_s:
            bounds = f"from {self.minimum_s:g} to {self.maximum_s:g} seconds"
            raise refuse(node, problems, f"expected a duration {bounds}, not {quoted(one.text)}")
        return value_s

    def json_schema(self) -> JsonSchema:
        """A string with a pattern."""
        return {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"}


_SIZE_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


@dataclass(frozen=True, slots=True)
class Size:
    """An amount of data; the value is in bytes."""

    expected: str = "a size such as 64KiB or 16MiB"

    def parse(self, node: Node, problems: Problems) -> int:
        """Bytes, at least one."""
        one = scalar(node, problems, self.expected)
        found = re.fullmatch(r"([0-9]{1,12})(B|KiB|MiB|GiB)", one.text)
        if found is None or int(found[1]) == 0:
            raise refuse(node, problems, f"expected {self.expected}, not {quoted(one.text)}")
        return int(found[1]) * _SIZE_UNITS[found[2]]

    def json_schema(self) -> JsonSchema:
        """A string with a pattern."""
        return {"type": "string", "pattern": "^[1-9][0-9]*(B|KiB|MiB|GiB)$"}


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One of several words. A value of None: the word is known but not in this version."""

    words: Mapping[str, T | None]

    @property
    def expected(self) -> str:
        """The words that work."""
        known = [word for word, value in self.words.items() if value is not None]
        return "one of " + ", ".join(known) if len(known) > 1 else known[0]

    def parse(self, node: Node, problems: Problems) -> T:
        """The value behind the word."""
        one = scalar(node, problems, self.expected)
        value = self.words.get(one.text)
        if value is not None:
            return value
        if one.text in self.words:
            raise refuse(node, problems, f"{quoted(one.text)} is not in this version; expected {self.expected}")
        raise refuse(node, problems, f"expected {self.expected}, not {quoted(one.text)}")

    def json_schema(self) -> JsonSchema:
        """An enumeration of the words that work."""
        return {"enum": [word for word, value in self.words.items() if value is not None]}


def words(*known: str, later: tuple[str, ...] = ()) -> Choice[str]:
    """A choice whose value is the word itself; those in `later` are refused as not in this version."""
    table: dict[str, str | None] = {word: word for word in known}
    table.update(dict.fromkeys(later))
    return Choice(table)


@dataclass(frozen=True, slots=True)
class PathText:
    """An absolute path."""

    expected: str = "an absolute path"

    def parse(self, node: Node, problems: Problems) -> AbsolutePath:
        """Normalized: no doubled or trailing slash. A variable that is unset and not needed still gives a path."""
        one = expanded(node, problems, self.expected)
        is_unset = isinstance(node, ScalarNode) and node.expansion is not None and bool(node.expansion.unset)
        try:
            return AbsolutePath("/" + one.text if is_unset else one.text)
        except ValueError as error:
            raise refuse(node, problems, f"{error}, not {quoted(one.text)}") from None

    def json_schema(self) -> JsonSchema:
        """A string that starts with a slash or a variable."""
        return {"type": "string", "pattern": r"^(/|\$\{)"}


@dataclass(frozen=True, slots=True)
class Name:
    """A config's name."""

    expected: str = "a config name: 1 to 253 characters, none of / \\ ? # %, white space or control characters"

    def parse(self, node: Node, problems: Problems) -> ConfigName:
        """Safe as one path segment."""
        one = expanded(node, problems, self.expected)
        try:
            return ConfigName(one.text)
        except ValueError as error:
            raise refuse(node, problems, f"{error}, not {quoted(one.text)}") from None

    def json_schema(self) -> JsonSchema:
        """A bounded string."""
        return {"type": "string", "minLength": 1, "maxLength": 253, "pattern": r"^[^./\\?#%\s][^/\\?#%\s]*$"}


@dataclass(frozen=True, slots=True)
class Argv:
    """A command as a list of words; a single string is refused with a hint, since no shell runs it."""

    expected: str = "a list of words, such as [nginx, -t]"

    def parse(self, node: Node, problems: Problems) -> tuple[str, ...]:
        """At least one word, none with a NUL."""
        if not isinstance(node, ListNode):
            hint = "no shell runs it: write each word as an element" if isinstance(node, ScalarNode) else None
            raise refuse(node, problems, f"expected {self.expected}", hint=hint)
        if not node.items:
            raise refuse(node, problems, f"expected {self.expected}, not an empty list")
        found = tuple(Text("a word").parse(item, problems) for item in node.items)
        if any("\0" in word for word in found):
            raise refuse(node, problems, "a command has no NUL character")
        return found

    def json_schema(self) -> JsonSchema:
        """An array of at least one string."""
        return {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1}


@dataclass(frozen=True, slots=True)
class TextMap:
    """A mapping of names to texts."""

    expected: str = "a mapping of names to texts"

    def parse(self, node: Node, problems: Problems) -> Mapping[str, str]:
        """In source order."""
        if not isinstance(node, MapNode):
            raise refuse(node, problems, f"expected {self.expected}")
        return {key: Text().parse(value, problems) for key, value in node.entries.items()}

    def json_schema(self) -> JsonSchema:
        """An object of strings."""
        return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}


@dataclass(frozen=True, slots=True)
class ListOf(Generic[T]):
    """A list of one kind."""

    item: Kind[T]
    minimum: int = 0

    @property
    def expected(self) -> str:
        """A list of what the item expects."""
        return f"a list, each item {self.item.expected}"

    def parse(self, node: Node, problems: Problems) -> tuple[T, ...]:
        """Every item is looked at, so that every problem is told."""
        if not isinstance(node, ListNode):
            raise refuse(node, problems, f"expected {self.expected}")
        if len(node.items) < self.minimum:
            raise refuse(node, problems, f"expected at least {self.minimum} item(s)")
        found: list[T] = []
        for child in node.items:
            try:
                found.append(self.item.parse(child, problems))
            except Invalid:
                continue
        if len(found) < len(node.items):
            raise Invalid
        return tuple(found)

    def json_schema(self) -> JsonSchema:
        """An array."""
        schema: JsonSchema = {"type": "array", "items": self.item.json_schema()}
        return {**schema, "minItems": self.minimum} if self.minimum else schema


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """A kind of its own: a function that parses and a schema to go with it."""

    expected: str
    parser: Callable[[Node, Problems], T]
    schema: Callable[[], JsonSchema]

    def parse(self, node: Node, problems: Problems) -> T:
        """Whatever the function makes of it. Raises Invalid."""
        return self.parser(node, problems)

    def json_schema(self) -> JsonSchema:
        """What the function accepts."""
        return self.schema()
