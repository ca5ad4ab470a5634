r"""An environment file as its variables: what `EnvFormat` writes, and edits by hand that keep to its shape.

The quoted dialects share one grammar, the shell's without expansions: ``NAME=`` and then, up to the end of the line,
``'…'`` (anything but ``'``), ``"…"`` (in which a backslash stands before ``" \ $ ` ``), ``\\x``, and plain characters.
``docker`` has raw lines. Blank lines and those that begin with ``#`` are passed over, as all readers do.
"""

from __future__ import annotations

import re

from config_sync.formats.names import NAME

_LINE = re.compile(r"(?:export )?(?P<name>[^=\n]*)=")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\$`]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\$`])')
_PLAIN = re.compile(r"""[^\s'"\\$`#&;|<>()]+""")


class NoVariables(ValueError):
    """The text is no environment file; the message has the line's number and nothing of the line."""


def variables(content: bytes, *, is_raw: bool) -> dict[str, str]:
    """Names and values in the order of the file; of a name that is there twice the last. Raises NoVariables."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise NoVariables(f"line {number} is not UTF-8") from None
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)]
        if not line.strip() or line.lstrip().startswith("#"):
            at += len(line) + 1
            continue
        head = _LINE.match(text, at)
        if head is None or not NAME.fullmatch(head["name"]):
            raise NoVariables(f"line {_number(text, at)} does not begin with NAME=")
        value, at = (line[head.end() - at :], at + len(line)) if is_raw else _value(text, head.end())
        found[head["name"]] = value
        at += 1
    return found


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins there, and where its line ends."""
    begun = at
    parts: list[str] = []
    while at < len(text) and text[at] != "\n":
        if part := _SINGLE.match(text, at):
            parts.append(part[1])
        elif part := _DOUBLE.match(text, at):
            parts.append(_ESCAPED.sub(r"\1", part[1]))
        elif text[at] == "\\" and text[at + 1 : at + 2] not in ("", "\n"):
            parts.append(text[at + 1])
            at += 2
            continue
        elif part := _PLAIN.match(text, at):
            parts.append(part[0])
        else:
            raise NoVariables(f"line {_number(text, begun)} has a value that is not quoted as our env files are")
        at = part.end()
    return "".join(parts), at


def _number(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
