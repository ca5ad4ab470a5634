"""How a publish ended, when it did not fail."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from config_sync.errors import FileError


class WriteResult(enum.Enum):
    """How a publish ended, when it did not fail."""

    WRITTEN = "written"
    HEALED = "healed"
    """The bytes were right, the attributes (or the durability) were not: replaced, no reload is owed."""
    UNCHANGED = "unchanged"
    WRITTEN_NOT_DURABLE = "written_not_durable"
    """The new file is visible, but the directory's fsync failed: `Published.error` tells it (``published=True``)."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish did. `kept`: base name of the hard link that holds the replaced file.

    `is_same_content`: the bytes were there before; also for `WRITTEN_NOT_DURABLE`, where the result does not say it.
    """

    result: WriteResult
    kept: str | None = None
    warnings: tuple[str, ...] = ()
    error: FileError | None = None
    is_same_content: bool = False
