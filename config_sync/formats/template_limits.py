"""What a template may spend: time, and text that it builds.

A template is the operator's own, so the limits are for mistakes: a loop in a loop in a loop, a macro that calls itself
twice, a text that doubles. A render runs in the agent's process; what runs away must end by itself, at its limit, with
other targets at work meanwhile. Two rules see to that:

1. Whatever repeats (an item of a loop, a call, a filter, a value that is printed or taken apart) looks at the clock of
   the thread's own CPU time: another program's load ends no template. (`spend`)
2. Whatever builds something larger than its parts in one step (a repetition, a join, a replacement, padding) is
   measured before it is built. (`grow` and its users)
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

MAX_OUTPUT_BYTES = 16 * 1024 * 1024
"""A file of ours is read whole by its consumer; a template that passes this has run away."""
MAX_CPU_S = 5.0
"""Of one rendering. A loop of a million items that prints takes about one second."""
_MAX_BITS = 10_000
_MAX_PRECISION = 300

_LONG_FIELD = re.compile(r"%(?:\([^)]*\))?[^a-zA-Z%]*(?:[0-9]{5}|\*)|\{[^{}]*(?:[0-9]{5}|\{)")
"""A width of five digits, or one that comes from an argument, in a format of either kind."""
_AS_REPR = re.compile(r"![ra]|%(?:\([^)]*\))?[^a-zA-Z%]*[ra]")
_REPR_FACTOR = 10
"""Of ``\\U0001f600`` to its one character."""


class TooMuch(Exception):
    """The template asked for more text or digits than any file of ours holds."""

    what = f"makes more than {MAX_OUTPUT_BYTES // 1024**2} MiB"


class TooLong(TooMuch):
    """The template did not come to its end."""

    what = "takes too long: over {:g} s of CPU time"


@dataclass(slots=True)
class Spending:
    """One rendering, which may take `limit_s` seconds of the thread's CPU time.

    `look_at` is a time of the ordinary clock before which that cannot be over: it is the cheaper one to ask (vdso(7)).
    """

    limit_s: float
    until_s: float = field(init=False)
    look_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.until_s = time.thread_time() + self.limit_s
        self.look_at = time.monotonic() + self.limit_s

    def look(self) -> None:
        """Raises TooLong, or says when to look again."""
        left_s = self.until_s - time.thread_time()
        if left_s <= 0:
            error = TooLong()
            error.what = TooLong.what.format(self.limit_s)
            raise error
        self.look_at = time.monotonic() + left_s


_SPENDING: ContextVar[Spending | None] = ContextVar("spending", default=None)


@contextlib.contextmanager
def limited(cpu_s: float) -> Iterator[None]:
    """Within the block `spend` raises once the thread has used `cpu_s` seconds of CPU time."""
    token = _SPENDING.set(Spending(cpu_s))
    try:
        yield
    finally:
        _SPENDING.reset(token)


def spend() -> None:
    """One step of what may repeat. Raises TooLong."""
    spending = _SPENDING.get()
    if spending is not None and time.monotonic() > spending.look_at:
        spending.look()


def paced(items: Iterable[object]) -> Iterator[object]:
    """The items, with a step for each."""
    for item in items:
        spend()
        yield item


def grow(size: float) -> None:
    """A step that builds that many characters or items. Raises TooMuch."""
    spend()
    if size > MAX_OUTPUT_BYTES:
        raise TooMuch


def joined(pieces: Iterable[str], separator: str = "") -> str:
    """As ``separator.join(pieces)``, measured first. Raises TooMuch."""
    known = list(pieces)
    grow(sum(map(len, known)) + len(separator) * len(known))
    return separator.join(known)


def check_operation(operator: str, left: object, right: object) -> None:
    """Before a sum, a product or a power. Raises TooMuch."""
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
        if bits > _MAX_BITS:
            raise TooMuch
    elif operator == "*":
        for one, other in ((left, right), (right, left)):
            if isinstance(one, int) and isinstance(other, (str, list, tuple)):
                grow(one * len(other))
    elif isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
        grow(len(left) + len(right))
    spend()


def check_format(text: str, arguments: Sequence[object] = (), named: Mapping[str, object] | None = None) -> None:
    """Before a text is formatted: no field is wide, and all of them together are not too much. Raises TooMuch."""
    if _LONG_FIELD.search(text):
        raise TooMuch
    longest = max(map(_length, (*arguments, *(named or {}).values())), default=0)
    factor = _REPR_FACTOR if _AS_REPR.search(text) else 1
    grow(len(text) + (text.count("%") + text.count("{")) * longest * factor)


def _length(value: object) -> int:
    """At most so many characters are written for it, with a step for each of its parts."""
    spend()
    if isinstance(value, str):
        return len(value)
    if isinstance(value, (int, float)):
        return len(str(value))
    parts = [*value.keys(), *value.values()] if isinstance(value, Mapping) else value
    return _REPR_FACTOR * sum(2 + _length(one) for one in parts) if isinstance(parts, (list, tuple)) else 64


def check_method(text: str, name: str, arguments: Sequence[object]) -> None:
    """Before a method of a text is called that can build more than it is given. Raises TooMuch."""
    first = arguments[0] if arguments else None
    if name in ("ljust", "rjust", "center", "zfill") and isinstance(first, int):
        grow(first)
    elif name == "expandtabs" and isinstance(first, int):
        grow(len(text) + text.count("\t") * first)
    elif name == "replace" and len(arguments) > 1:
        check_replacement(text, first, arguments[1])
    elif name == "join" and isinstance(first, (str, list, tuple, dict)):
        grow(len(text) * len(first) + sum(len(one) for one in first if isinstance(one, str)))
    elif name in ("join", "translate", "encode", "maketrans"):
        raise TooMuch  # of what cannot be measured, or has no use in a text
    spend()


def check_replacement(text: str, old: object, new: object) -> None:
    """Before a replacement in a text. Raises TooMuch."""
    if isinstance(old, str) and isinstance(new, str):
        grow(len(text) + text.count(old) * len(new))


def check_filter(name: str, value: object, arguments: Sequence[object]) -> None:
    """Before a filter of jinja2's own. Raises TooMuch."""
    first = arguments[0] if arguments else None
    text = value if isinstance(value, str) else ""
    match name:
        case "center" | "batch" | "slice" if isinstance(first, int):
            grow(abs(first))
        case "indent" if isinstance(first, (int, str)):
            width = len(first) if isinstance(first, str) else abs(first)
            grow(len(text) + width * (text.count("\n") + 1))
        case "round" if isinstance(first, int) and abs(first) > _MAX_PRECISION:
            raise TooMuch
        case "replace":
            check_replacement(str(value), first, arguments[1] if len(arguments) > 1 else "")
        case "wordwrap":
            longest = max((len(one) for one in arguments if isinstance(one, str)), default=1)
            grow(len(text) * (longest + 1))
        case _:
            spend()
