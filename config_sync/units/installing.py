"""Unit files put in place: all of them or none, and never over what somebody has changed."""

from __future__ import annotations

import enum
import os
from collections.abc import Sequence

from config_sync.errors import FileError
from config_sync.files import replace_file
from config_sync.files.failures import failure
from config_sync.units.generated import SEAL, UnitFile, is_untouched


class Written(enum.Enum):
    """What became of one file."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


def install(files: Sequence[UnitFile], *, root: str = "", force: bool = False) -> list[tuple[UnitFile, Written]]:
    """Each file below `root` stands as wanted, or none was touched; those without a change in it are left alone.

    Raises:
        FileError: somebody has changed one of them (`force` overwrites it all the same), or it cannot be written.
    """
    found = [(one, _seen(f"{root}{one.path}")) for one in files]
    # Where none of ours is wanted, a file that never was ours is none of our business, forced or not.
    todo = [(one, seen) for one, seen in found if one.text is not None or (seen is not None and SEAL.search(seen))]
    foreign = [one.path for one, seen in todo if seen is not None and seen != one.text and not is_untouched(seen)]
    if foreign and not force:
        raise FileError(
            f"somebody else wrote or changed {' and '.join(foreign)}: nothing was written",
            hint="look at it beside `--print`; put changes into a drop-in of your own; --force overwrites it",
        )
    return [(one, _put(f"{root}{one.path}", one.text, seen)) for one, seen in todo if one.text or seen is not None]


def _seen(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failure(error, path, "read") from error


def _put(path: str, text: str | None, seen: str | None) -> Written:
    if text == seen:
        return Written.UNCHANGED
    if text is None:
        try:
            os.unlink(path)
        except OSError as error:
            raise failure(error, path, "unlink") from error
        return Written.REMOVED
    directory, name = os.path.split(path)
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
    except OSError as error:
        raise failure(error, path, "mkdir") from error
    replace_file(directory, name, text.encode(), mode=0o644)
    return Written.WRITTEN
