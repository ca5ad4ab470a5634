"""A strict reader of the Prometheus text format, version 0.0.4, for tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

Sample: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]

_LINE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (\S+)')
_LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\[\\n"])*)"')
_ESCAPED = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}


def parse(text: str) -> Mapping[Sample, float]:
    """Every sample by its name and sorted labels. Asserts that each family is one block under its own HELP and TYPE."""
    assert text.endswith("\n")
    found: dict[Sample, float] = {}
    family, seen = "", set[str]()
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in seen, line
            seen.add(family)
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == family, line
        else:
            match = _LINE.fullmatch(line)
            assert match is not None, line
            assert match[1] in (family, f"{family}_bucket", f"{family}_sum", f"{family}_count"), line
            labels = [
                (one[1], re.sub(r"\\.", lambda it: _ESCAPED[it[0]], one[2])) for one in _LABEL.finditer(match[2] or "")
            ]
            sample = (match[1], tuple(sorted(labels)))
            assert sample not in found, line
            found[sample] = float(match[3])
    return found
