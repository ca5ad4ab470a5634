"""One thing wrong in the settings."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One thing wrong in the settings, with everything needed to mend it.

    A named tuple: the one dataclass among the errors would cost `health` and ``--help`` the import of inspect (8 ms).

    `line` and `column` count from 1; both are 0 where the problem is not in a file (the command line, a variable).
    """

    file: str
    line: int
    column: int
    path: str
    """Key path, such as ``targets.my-service.files[0].mode``."""
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        key = f" {self.path}:" if self.path else ""
        return f"{where}:{key} {self.message}" + (f"\n  hint: {self.hint}" if self.hint else "")
