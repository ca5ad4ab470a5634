"""The SDK's reference, from its docstrings: ``python -m tests.unit.sdk.reference >examples/sdk/REFERENCE.md``."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Iterator

import config_sync
from config_sync import testing

GROUPS = {
    "Clients": ("ConfigClient", "AsyncConfigClient"),
    "Options": ("Options", "AsyncOptions", "GetOptions"),
    "Values": ("Snapshot", "Stored", "Format", "ConfigInfo", "ConfigChangeEvent"),
    "Errors": (
        "ConfigClientError", "UnauthorizedError", "ForbiddenError", "NotFoundError", "InvalidResponseError",
        "ConnectionError", "DecryptionError", "UnmarshalError",
    ),
}  # fmt: skip
"""Heading to public names."""


def public() -> Iterator[tuple[str, type[object]]]:
    """Every class of the API with the name it is imported by."""
    for names in GROUPS.values():
        for name in names:
            found: type[object] = getattr(config_sync, name)
            yield name, found
    yield "testing.ConfigService", testing.ConfigService


def members(kind: type[object]) -> Iterator[tuple[str, str, str]]:
    """Name, signature and docstring of each public method and property, in the order of the source."""
    for name, member in vars(kind).items():
        if name.startswith("_") or (isinstance(kind, enum.EnumMeta) and not inspect.isfunction(member)):
            continue
        if isinstance(member, property):
            returns: object = inspect.signature(member.fget).return_annotation if member.fget else ""
            yield name, f"{name}: {returns}", inspect.getdoc(member) or ""
        elif isinstance(member, classmethod):
            yield name, f"{name}{_signature(getattr(kind, name))}", inspect.getdoc(getattr(kind, name)) or ""
        elif inspect.isfunction(member):
            prefix = "await " if inspect.iscoroutinefunction(member) else ""
            yield name, f"{prefix}{name}{_signature(member)}", inspect.getdoc(member) or ""


def render() -> str:
    """The whole page, as Markdown."""
    lines = [
        "# The SDK's reference",
        "",
        "Written from the docstrings by `tests/unit/sdk/reference.py`; a test says that it is current.",
        "All names are imported from `config_sync`. Times are seconds.",
    ]
    shown = dict(public())
    for heading, names in (*GROUPS.items(), ("For tests", ("testing.ConfigService",))):
        lines += ["", f"## {heading}"]
        for name in names:
            lines += ["", f"### `{name}{_construction(shown[name])}`", "", *_text(inspect.getdoc(shown[name]) or "")]
            for _, signature, text in members(shown[name]):
                lines += ["", f"#### `{signature}`", "", *_text(text)]
    return "\n".join(lines) + "\n"


def _text(docstring: str) -> list[str]:
    """The docstring with `Raises:` as a paragraph of its own."""
    lines = []
    for line in docstring.splitlines():
        if line.strip() == "Raises:":
            lines.append("Raises:")
            lines.append("")
        elif line.startswith("    ") and "Raises:" in lines:
            lines.append(f"- {line.strip()}" if ": " in line else f"  {line.strip()}")
        else:
            lines.append(line.replace("``", "`"))
    return lines


def _signature(function: object) -> str:
    assert callable(function)
    found = inspect.signature(function)
    kept = [one for one in found.parameters.values() if one.name not in ("self", "cls")]
    text = str(found.replace(parameters=kept)).replace("builtins.", "")
    return text.replace("''", '""').replace("'", "")  # annotations are strings here


def _construction(kind: type[object]) -> str:
    if issubclass(kind, (Exception, enum.Enum)) or kind is testing.ConfigService:
        return ""
    if dataclasses.is_dataclass(kind) and kind.__name__ in ("Stored", "ConfigInfo", "ConfigChangeEvent"):
        return f": {', '.join(one.name for one in dataclasses.fields(kind))}"
    return str(_signature(kind)).removesuffix(" -> None")


if __name__ == "__main__":
    print(render(), end="")
