"""Output formats: how a document becomes the bytes of a file. One file a format, one line in `FORMATS`.

Every format is a pure function of the document, in document order, UTF-8 without BOM, with LF. What its readers would
not get back is refused, with the JSON pointer of the value and never the value. Settings, the reference, `--help` and
the vector tests all read the table.
"""

from __future__ import annotations

from collections.abc import Mapping

from config_sync.formats.env import ENV
from config_sync.formats.files import FILES
from config_sync.formats.json_ import JSON
from config_sync.formats.kind import FormatKind, SourceReader, Warns, warnings_of
from config_sync.formats.template import TEMPLATE
from config_sync.formats.yaml_ import YAML
from config_sync.model import AbsolutePath

__all__ = [
    "FORMATS",
    "FormatKind",
    "SourceReader",
    "Warns",
    "extra_missing",
    "format_for_path",
    "warnings_of",
]

FORMATS: Mapping[str, FormatKind] = {kind.name: kind for kind in (JSON, YAML, ENV, TEMPLATE, FILES)}
"""By the word in the settings."""


def format_for_path(path: AbsolutePath) -> str | None:
    """The format that a path's suffix chooses (``.json .yaml .yml .env``, and the whole name ``.env``), if any does.

    The suffix is matched as written: ``.JSON`` must be said.
    """
    stem, dot, suffix = path.name.rpartition(".")
    if not dot or not (stem or suffix == "env"):
        return None
    return next((kind.name for kind in FORMATS.values() if f".{suffix}" in kind.suffixes), None)


def extra_missing(name: str) -> str | None:
    """The one line that names the ``pip install`` a format needs here; None where it can be built."""
    return FORMATS[name].extra_missing
