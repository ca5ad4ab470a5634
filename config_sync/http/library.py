"""The one place that imports httpx. To move to another of the same kind, change one line."""

from __future__ import annotations

import logging
import sys

from config_sync.http.engine import httpcore as httpcore  # which silences it

# httpx brings a command line along where click and rich happen to be installed: 67 ms and some MB for nobody. It does
# without where it cannot import it, so for this one import it cannot.
_command_line = sys.modules.get("httpx._main")
sys.modules["httpx._main"] = None  # type: ignore[assignment]  # None forbids the import (library reference, sys.modules)
try:
    import httpx as httpx
finally:
    del sys.modules["httpx._main"]
    if _command_line is not None:
        sys.modules["httpx._main"] = _command_line

logging.getLogger(httpx.__name__).setLevel(logging.WARNING)
