"""The one place that imports httpcore, the engine under httpx. To move to another of the same kind, change one line."""

from __future__ import annotations

import logging

import httpcore as httpcore

# Its DEBUG lines carry response headers.
logging.getLogger(httpcore.__name__).setLevel(logging.WARNING)
