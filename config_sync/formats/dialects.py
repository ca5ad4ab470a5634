r"""The dialects of environment files: how a value is spelled, and which values a dialect cannot carry.

No single spelling satisfies every reader. systemd, the shells, docker and the dotenv libraries disagree on quotes,
backslashes and ``$``, so each dialect is right for its own readers and refuses what they would misread:

``env``         systemd (from 241) and every POSIX shell for every value; dotenv libraries for what ``dotenv`` takes.
``dotenv``      what the dotenv libraries agree on.
``systemd``     systemd before 241 too.
``shell``       shells only.
``docker``      raw lines: docker, podman, ``kubectl --from-env-file``.
``kubernetes``  EnvFiles (``fileKeyRef``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config_sync.document import has_surrogate
from config_sync.formats.names import SHELL_OWN

MAX_ENTRY_BYTES = 131_071
"""``K=V``: execve(2) fails with E2BIG above it (MAX_ARG_STRLEN is 32 pages, with the final NUL)."""
MAX_LINE_BYTES = 65_535
"""Go's bufio.Scanner gives up on a longer line (docker, kubectl, kubelet)."""

_NEEDS_DOUBLE = re.compile(r"'|\r|\\\\|\\\Z|\\\n|\$\{")
_NEEDS_ESCAPE = re.compile(r'["\\$`\r]')
_ESCAPED = re.compile(r'(["\\$`])')
_NONCHARACTER = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + 0xFFFE) + chr(plane * 0x10000 + 0xFFFF) for plane in range(17))
    + "]"
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to write ``NAME=value`` lines.

    `spell` writes a value that `refusal` has let pass. `refusal` says in a clause why a name and value have no line.
    """

    name: str
    doc: str
    spell: Callable[[str], str]
    refusal: Callable[[str, str], str | None]


def why_not(dialect: Dialect, name: str, value: str) -> str | None:
    """Why the dialect has no line for this variable, in a clause without the value; None where it has one."""
    if "\0" in value:
        return "NUL cannot be in an environment variable"
    if not value.isascii() and has_surrogate(value):
        return "lone surrogate: not valid UTF-8"
    if _bytes(name) + 1 + _bytes(value) > MAX_ENTRY_BYTES:
        return f"entry longer than {MAX_ENTRY_BYTES} bytes: no program could be started with it"
    return dialect.refusal(name, value)


def alternatives(name: str, value: str) -> tuple[str, ...]:
    """The dialects that can carry what another one refused."""
    return tuple(one.name for one in DIALECTS.values() if why_not(one, name, value) is None)


def _single(value: str) -> str:
    return f"'{value}'"


def _double(value: str) -> str:
    return '"' + _ESCAPED.sub(r"\\\1", value) + '"'


def _shell(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _raw(value: str) -> str:
    return value


def _mixed(value: str) -> str:
    """Single quotes where no reader sees more in them than a shell does; else double ones, escaped where needed."""
    return _double(value) if _NEEDS_DOUBLE.search(value) else _single(value)


def _noncharacter(_name: str, value: str) -> str | None:
    is_one = not value.isascii() and _NONCHARACTER.search(value) is not None
    return "Unicode noncharacter: systemd rejects the whole file" if is_one else None


def _not_dotenv(name: str, value: str) -> str | None:
    if _NEEDS_DOUBLE.search(value) and _NEEDS_ESCAPE.search(value):
        return "no spelling that every dotenv reader agrees on"
    return _noncharacter(name, value)


def _not_shell(name: str, _value: str) -> str | None:
    return f"{name} belongs to the shell itself" if name in SHELL_OWN else None


def _not_docker(name: str, value: str) -> str | None:
    if "\n" in value or "\r" in value:
        return "line break"
    return _long_line(f"{name}={value}")


def _not_kubernetes(name: str, value: str) -> str | None:
    if "'" in value:
        return "single quote has no spelling in a Kubernetes env file"
    if "\r\n" in value:
        return "CR before LF"
    return _long_line(f"{name}='{value}'")


def _long_line(text: str) -> str | None:
    is_long = len(text) * 4 > MAX_LINE_BYTES and any(_bytes(line) > MAX_LINE_BYTES for line in text.split("\n"))
    return f"line longer than {MAX_LINE_BYTES} bytes" if is_long else None


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8"))


DIALECTS: Mapping[str, Dialect] = {
    one.name: one
    for one in (
        Dialect("env", "systemd and every shell; dotenv libraries for most values", _mixed, _noncharacter),
        Dialect("dotenv", "only what the dotenv libraries agree on", _mixed, _not_dotenv),
        Dialect("systemd", "EnvironmentFile= of every systemd", _double, _noncharacter),
        Dialect("shell", "sourced by a shell", _shell, _not_shell),
        Dialect("docker", "--env-file of docker and podman, kubectl --from-env-file", _raw, _not_docker),
        Dialect("kubernetes", "EnvFiles (fileKeyRef)", _single, _not_kubernetes),
    )
}
"""In the order in which a hint names them."""
