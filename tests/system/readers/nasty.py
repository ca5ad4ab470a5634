"""Values that readers get wrong, made from a nasty alphabet. The same ones in every run: the seeds are fixed."""

from __future__ import annotations

from random import Random

from config_sync.model import JsonValue, Number
from tests.unit.formats.vectors import Json, load, objects

ATOMS = (
    *"'\"`$\\#=;&|<>(){}[]!*?~%^,:@-+./ \t\n\r",
    *(
        "a",
        "Z",
        "0",
        "é",
        "ß",
        "漢",
        "😀",
        "\u0085",
        "\u00a0",
        "\u2028",
        "\u200d",
        "\ufeff",
        "\ufffd",
        "\ufffe",
        "\U0010ffff",
    ),
    *("\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x7f", "\x9f"),
    *("\\n", "\\\\", "\\\n", "\\'", '\\"', "\\$", "\\x41", "\\u0041", "''", '""', "'''", '"""', "\n\n", "\r\n", "  "),
    *("$A0000", "${A0000}", "${A0000:-x}", "$(touch run)", "`touch run`", "$((1+1))", "$$", "$'", '$"', "!!", "${"),
    *(
        "export ",
        "\nB=injected\n",
        "\nunset A0000\n",
        "'\nB='injected",
        '"\nB="injected',
        "; touch run; ",
        "| touch run",
    ),
    *(
        " #",
        "#c",
        "%s",
        "%TEMP%",
        "&a",
        "*a",
        "<<",
        "<<: *a",
        "---",
        "...",
        "--- ",
        "- ",
        "? ",
        ": ",
        " : ",
        "!!str ",
        "|",
        ">",
    ),
)
"""Pieces of values: what shells, systemd, dotenv libraries and YAML readers give a meaning of their own."""

WORDS = (
    *(
        "",
        " ",
        "~",
        "null",
        "Null",
        "NULL",
        "true",
        "True",
        "yes",
        "Yes",
        "NO",
        "no",
        "n",
        "y",
        "Y",
        "on",
        "Off",
        "none",
    ),
    *(
        "1",
        "01",
        "0o17",
        "017",
        "0x1F",
        "0b11",
        "1_000",
        "1e3",
        "1E3",
        "25921e05",
        ".5",
        "5.",
        "+1",
        "-1",
        "-0",
        "1e-7",
        "e3",
    ),
    *(
        ".inf",
        "-.INF",
        ".nan",
        "NaN",
        "inf",
        "Infinity",
        "12:30",
        "12:30:45",
        "190:20:30",
        "1:2",
        "1:30",
        "0:0",
        "-1:30",
        "1:30.5",
        "2001-1-1",
        "0o7",
        "-0o7",
        "0x",
        "0b",
        "1e400",
        "+.INF",
        "2001-01-01",
    ),
    *(
        "2001-12-14t21:59:43.10-05:00",
        "=",
        "<<",
        "*",
        "&",
        "!",
        "%",
        "@",
        "`",
        "-",
        "?",
        ":",
        "- a",
        "? a",
        ": a",
        "a: b",
    ),
    *(
        "a:",
        "a #b",
        "#a",
        "[a]",
        "{a}",
        "[",
        "{",
        "]",
        "}",
        ",",
        "|",
        ">",
        "|-",
        ">+",
        "---",
        "...",
        "--- a",
        "%YAML 1.1",
    ),
    *(
        ":a",
        ":sym",
        "!ruby/object:X",
        "!!python/none",
        "0.",
        "0.1",
        "1.0",
        "1,000",
        "0777",
        "08",
        "09",
        "1__2",
        "_1",
        "+.inf",
    ),
    *(
        "a\n",
        "a\nb",
        "a\n\n",
        "\na",
        " a\n",
        "a \n",
        "\ta",
        "a\t",
        "a\tb\n",
        "  a\n b\n",
        "a\n  b",
        "-a\nb",
        "#a\nb",
        "a\n---\nb",
    ),
    *("a\n...\nb", "a\n#b\n", "a\r\nb", "a\rb", "é\nß\n", "a\n\tb", "undefined", "nil", "constructor", "toString"),
)
"""Whole values, and keys, that some YAML reader takes for something else than a string."""

NUMBERS = (
    *("0", "-0", "1", "-1", "10", "1.10", "1e3", "1E3", "1e+3", "1e-7", "1.5e300", "-0.0", "0.1", "1e16", "1E22"),
    *(
        "123456789012345678901234567890",
        "9007199254740993",
        "3.141592653589793238462643383279",
        "1e308",
        "1e-400",
        "5e-324",
        "18446744073709551616",
        "1" + "0" * 308,
        "0." + "0" * 900 + "1",
    ),
)

BEYOND = ("1e400", "-1E309", "1.7976931348623159e308", "9" * 309, "9" * 1001)
"""Numbers that no double holds: some readers of YAML have a text, some infinity."""


def measured() -> tuple[str, ...]:
    """The values of tests/data, whose reading by some 50 readers was measured."""
    env = (_measured(vector) for vector in objects(load("env_vectors.json")["vectors"]))
    yaml = (_measured(vector) for vector in objects(load("yaml_vectors.json")["strings"]))
    return tuple(dict.fromkeys((*env, *yaml)))


def _measured(vector: dict[str, Json]) -> str:
    match vector:
        case {"value": str(value)}:
            return value
        case {"value_repeat": [str(character), int(count)]}:
            return character * count
        case _:
            return "a\ud800b"  # which JSON cannot say


def texts(count: int, *, seed: str) -> tuple[str, ...]:
    """`count` strings of up to eight atoms. `seed` chooses which."""
    random = Random(seed)  # the same strings in every run
    return tuple("".join(random.choices(ATOMS, k=random.randint(0, 8))) for _ in range(count))


def trees(count: int, *, seed: str) -> tuple[JsonValue, ...]:
    """`count` JSON values of any kind, up to four levels deep, with nasty strings as values and keys."""
    random = Random(seed)
    return tuple(_tree(random, depth=4) for _ in range(count))


def _tree(random: Random, *, depth: int) -> JsonValue:
    kind = random.choice(
        ("object", "object", "array", "text", "word", "number", "constant") if depth else ("text", "word")
    )
    match kind:
        case "object":
            return {_key(random): _tree(random, depth=depth - 1) for _ in range(random.randint(0, 4))}
        case "array":
            return [_tree(random, depth=depth - 1) for _ in range(random.randint(0, 4))]
        case "word":
            return random.choice(WORDS)
        case "number":
            return Number(random.choice(NUMBERS if random.random() < 0.97 else BEYOND))
        case "constant":
            return random.choice((None, True, False))
        case _:
            return _text(random)


def _key(random: Random) -> str:
    """Often one that has a meaning of its own in YAML 1.1: a merge, a default value, null."""
    return random.choice(("<<", "=", "~", "", "null", "y", "1:30")) if random.random() < 0.3 else _text(random)


def _text(random: Random) -> str:
    if random.random() < 0.3:
        return random.choice(WORDS)
    return "".join(random.choices(ATOMS, k=random.randint(0, 6)))
