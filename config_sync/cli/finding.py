"""What `check` finds: one sentence with a hint, and whether it is an error."""

from __future__ import annotations

from dataclasses import dataclass

from config_sync.errors import Exit


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence with a hint. An error makes the command fail with `exit_code`; None: a warning."""

    where: str
    message: str
    hint: str | None = None
    exit_code: Exit | None = None
