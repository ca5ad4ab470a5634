"""The plain-text renderings of ``/formatted``: simple ones, in the spirit of the service's own.

What config-sync writes into files comes from `config_sync.formats`, not from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import yaml

from config_sync.document import compact_json, parse_document
from config_sync.model import JsonValue, Number


class Unwritable(Exception):
    """The document cannot be written in this format; the message quotes no value."""


def _json(document: bytes) -> bytes:
    return document


def _yaml(document: bytes) -> bytes:
    value = parse_document(document).value
    return yaml.dump(value, Dumper=_YamlDumper, sort_keys=False, allow_unicode=True, encoding="utf-8")


def _env(document: bytes) -> bytes:
    value = parse_document(document).value
    if not isinstance(value, dict):
        raise Unwritable("only an object can be written as env")
    lines = [f"{name}={_quoted(text)}\n" for name, text in _flat("", value)]
    return "".join(lines).encode("utf-8")


def _flat(prefix: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """Names joined by two underscores in upper case; lists as compact JSON; null is left out."""
    if isinstance(value, dict):
        for key, child in value.items():
            name = re.sub(r"[^A-Z0-9_]", "_", key.upper())
            yield from _flat(f"{prefix}__{name}" if prefix else name, child)
    elif isinstance(value, str):
        yield prefix, value
    elif value is not None:
        yield prefix, compact_json(value)


def _quoted(text: str) -> str:
    """As a shell reads it back."""
    if "'" not in text:
        return f"'{text}'"
    return '"' + re.sub(r'(["\\$`])', r"\\\1", text) + '"'


class _YamlDumper(yaml.SafeDumper):
    """Knows our numbers, which keep their spelling."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 PyYAML's own hook
        """JSON has no anchors."""
        return True

    def represent_number(self, number: Number) -> yaml.ScalarNode:
        """As spelled; what YAML 1.1 would read as a text (``1e3``) gets the tag that says otherwise."""
        kind = "int" if re.fullmatch(r"-?[0-9]+", number.text) else "float"
        return self.represent_scalar(f"tag:yaml.org,2002:{kind}", number.text)


_YamlDumper.add_representer(Number, _YamlDumper.represent_number)

RENDERINGS: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        "json": ("application/json", _json),
        "yaml": ("application/yaml", _yaml),
        "env": ("text/plain", _env),
    }
)
"""The word in ``?format=`` to its media type and renderer (document in, text out, raises Unwritable)."""
