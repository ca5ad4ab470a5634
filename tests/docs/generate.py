"""Rewrites what is generated: the marked sections of the pages, and the JSON Schema beside the examples.

``python -m tests.docs.generate`` writes; with ``--check`` it only tells, and ends with 1 where something is stale.
A section stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``, each on a line of its own.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping

from config_sync.settings import json_schema
from tests.docs.sections import ROOT, SECTIONS

_MARKED = re.compile(r"(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- end -->\n)", re.DOTALL)


def marked(text: str) -> list[str]:
    """The names of the sections that a page has."""
    return [found[2] for found in _MARKED.finditer(text)]


def filled(text: str, sections: Mapping[str, Callable[[], str]]) -> str:
    """The page with every marked section made anew. Raises KeyError for a name that nobody generates."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{sections[found[2]]().strip()}\n\n{found[4]}", text)


def pages() -> dict[str, str]:
    """Every generated file by its path, as it should be."""
    made = {name: filled((ROOT / name).read_text(encoding="utf-8"), sections) for name, sections in SECTIONS.items()}
    made["examples/settings.schema.json"] = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    return made


def main() -> int:
    """0, or 1 where ``--check`` found something out of date."""
    stale = []
    for name, text in pages().items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{name} {'is out of date: run .ci/regenerate' if '--check' in sys.argv else 'written'}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
