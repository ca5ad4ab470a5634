"""Which key is in use: what an operator must know before an old one is taken away. Fingerprints, never a key."""

from __future__ import annotations

from config_sync.errors import DecryptFailed
from config_sync.model import Outcome, Truth


def key_in_use(outcome: Outcome) -> tuple[Truth, str, str] | None:
    """Status, reason and message of the condition `Decrypted`; None: the pass says nothing of it."""
    one = outcome.opened_by
    if isinstance(outcome.error, DecryptFailed):
        return (Truth.FALSE, outcome.error.reason, outcome.error.message)
    if one is None:
        return None
    if one.number == 1:
        return (Truth.TRUE, "NewestKey", f"by the newest key, {one.fingerprint}")
    said = f"by key {one.fingerprint}, number {one.number} of {one.of}: it is still needed; the newest is {one.newest}"
    return (Truth.TRUE, "OlderKey", said)
