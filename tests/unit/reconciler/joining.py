"""Targets whose file is joined of several configs, for the tests of that."""

from __future__ import annotations

from config_sync.formats.json_ import JsonFormat
from config_sync.model import (
    AbsolutePath,
    ConfigName,
    ConfigRef,
    FileSpec,
    Format,
    Part,
)
from tests.unit.reconciler.world import World


def part(name: str, *, environment: str | None = None, version: int | None = None, is_optional: bool = False) -> Part:
    return Part(ConfigRef(ConfigName(name), environment, version), is_optional)


PARTS = (part("common"), part("app"), part("host", is_optional=True))


def joined(
    world: World,
    *parts: Part,
    name: str = "app.json",
    select: str | None = None,
    form: Format | None = None,
    allow_empty: bool = False,
) -> FileSpec:
    """A file of these configs, by default of three of which the last is optional."""
    parts = parts or PARTS
    path = AbsolutePath(str(world.etc / name))
    return FileSpec(path, parts[0].ref, form or JsonFormat(), merge=parts, select=select, allow_empty=allow_empty)


WITHOUT_HOST = '{"db":{"host":"b","port":5432},"level":1.10}'
"""What the merge of the first two of them is."""
