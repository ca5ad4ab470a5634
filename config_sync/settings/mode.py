"""File modes, as people write them: ``"0640"`` or ``u=rw,g=r``."""

from __future__ import annotations

import re

from config_sync.fields import Invalid, JsonSchema, Node, Problems, ScalarNode, quoted, refuse, scalar
from config_sync.kinds import Parsed

EXPECTED = 'a quoted octal mode such as "0640", or "u=rw,g=r"'
_OCTAL = re.compile(r"0?o?[0-7]{3,4}")
_CLAUSE = re.compile(r"([ugoa]+)=([rwxst]*)")
_SYMBOLIC = re.compile(rf"{_CLAUSE.pattern}(,{_CLAUSE.pattern})*")
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}


def _parse(node: Node, problems: Problems) -> int:
    one = scalar(node, problems, EXPECTED)
    value = _value(one, problems)
    if value & 0o6000:
        problems.warn(one.place, f"mode {value:04o} sets the setuid or setgid bit of a config file")
    if value & 0o002:
        problems.warn(one.place, f"mode {value:04o} lets every user of this machine change the file")
    elif value & 0o004:
        problems.warn(
            one.place,
            f"mode {value:04o} lets every user of this machine read the decrypted file",
            hint='name the reader by group, with mode "0640"',
        )
    return value


def _value(one: ScalarNode, problems: Problems) -> int:
    text = one.text
    if one.tag in ("int", "float") and not re.fullmatch(r"0[0-7]{3,4}", text):
        is_octal = re.fullmatch(r"[0-7]{3}", text) is not None
        said = f"expected {EXPECTED}, not the number {text[:20]}, which YAML reads as decimal"
        raise refuse(
            one, problems, said, hint=f'write "0{text}", with the quotes' if is_octal else 'write it as "0640"'
        )
    if _OCTAL.fullmatch(text):
        return _bounded(int(text.replace("o", ""), 8), one, problems)
    if re.fullmatch(r"0?o?[0-7]{5,}", text):
        raise _too_high(one, problems)
    if _SYMBOLIC.fullmatch(text):
        return _symbolic(text)
    is_relative = bool(set(text) & set("+-"))
    hint = 'only = is known, since nothing is there to add to or take from: "u=rw,g=r"' if is_relative else None
    raise refuse(one, problems, f"expected {EXPECTED}, not {quoted(text)}", hint=hint)


def _bounded(value: int, one: ScalarNode, problems: Problems) -> int:
    if value > 0o7777:
        raise _too_high(one, problems)
    return value


def _too_high(one: ScalarNode, problems: Problems) -> Invalid:
    return refuse(one, problems, f"expected {EXPECTED}, at most 7777, not {quoted(one.text)}")


def _symbolic(text: str) -> int:
    """Each clause sets its classes' bits anew, as chmod(1) does with ``=``; what is not named has none."""
    value = 0
    for who, what in _CLAUSE.findall(text):
        for letter in "ugo" if "a" in who else who:
            shift = _SHIFTS[letter]
            value &= ~(7 << shift)
            value |= sum(_BITS[bit] for bit in set(what) & set(_BITS)) << shift
            if "s" in what:
                value |= {"u": 0o4000, "g": 0o2000}.get(letter, 0)
        if "t" in what:
            value |= 0o1000
    return value


def _schema() -> JsonSchema:
    return {"type": "string", "pattern": f"^({_OCTAL.pattern}|{_SYMBOLIC.pattern})$"}


MODE = Parsed(EXPECTED, _parse, _schema)
