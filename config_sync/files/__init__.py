"""The files of a target on the disk: observed, staged, published whole, kept for a way back, swept.

`Disk` is the door; the modules behind it hold one step each. The order of the steps, and what each one promises, is
told in `config_sync.files.writer`.
"""

from config_sync.files.calls import Calls
from config_sync.files.directory import PublishedSet
from config_sync.files.disk import Disk
from config_sync.files.in_place import TornWrite
from config_sync.files.observe import UNREADABLE, Seen
from config_sync.files.remove import NotOurs, Removal, Removed
from config_sync.files.replace import replace_file
from config_sync.files.result import Published, WriteResult
from config_sync.files.stage import Staged
from config_sync.files.state_lock import StateLock

__all__ = [
    "UNREADABLE",
    "Calls",
    "Disk",
    "NotOurs",
    "Published",
    "PublishedSet",
    "Removal",
    "Removed",
    "Seen",
    "Staged",
    "StateLock",
    "TornWrite",
    "WriteResult",
    "replace_file",
]
