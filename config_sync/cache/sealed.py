"""One file of the cache as bytes: a magic line, a line of JSON, a line with the seal, then the ciphertext.

::

    config-sync revision 1
    {"name": "my-service", "environment": null, "pinned": null, "revision": "9c1d…", "version": 7, …}
    64 hex characters
    (nonce, ciphertext and tag, as the service sent them)

The seal is an HMAC-SHA256 over the other three. Its key is derived from the digest key of ``records.json``, so that the
two belong together: a file from elsewhere, a cut or a changed one does not open, nor does one under the name of another
config or revision. Pure.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping

from config_sync.cache.revision import Cached, Revision
from config_sync.errors import RevisionDamaged
from config_sync.model import ConfigName, ConfigRef

_MAGIC = b"config-sync revision 1"
_PURPOSE = b"config-sync revision cache, seal"


def sealing_key(digest_key: bytes) -> bytes:
    """The key of the seals, 32 bytes: known to whoever reads ``records.json``, and of no use for its digests."""
    return hmac.digest(digest_key, _PURPOSE, "sha256")


def sealed(cached: Cached, *, key: bytes) -> bytes:
    """The whole file."""
    one = cached.revision
    members: dict[str, object] = {
        "name": one.ref.name,
        "environment": one.ref.environment,
        "pinned": one.ref.version,
        "revision": one.revision,
        "key": one.key,
        "version": one.version,
        "changed_by": one.changed_by,
        "saved_at": one.saved_at,
        "stored_at": one.stored_at,
        "confirmed_at": one.confirmed_at,
        "number": one.number,
        "refused_by": list(one.refused_by),
    }
    head = _MAGIC + b"\n" + json.dumps(members).encode() + b"\n"
    return head + _seal(head, cached.ciphertext, key) + b"\n" + cached.ciphertext


def opened(content: bytes, *, key: bytes, path: str) -> Cached:
    """What `sealed` made; `path` is for the message.

    Raises:
        RevisionDamaged: it was changed or cut, or another ``records.json`` belongs to it.
    """
    magic, _, rest = content.partition(b"\n")
    header, _, rest = rest.partition(b"\n")
    seal, _, ciphertext = rest.partition(b"\n")
    head = magic + b"\n" + header + b"\n"
    if not hmac.compare_digest(seal, _seal(head, ciphertext, key)):
        raise RevisionDamaged(f"{path}: it was changed or cut, or does not belong to this records.json")
    if magic != _MAGIC:
        raise RevisionDamaged(f"{path}: another version of config-sync wrote it")
    members: Mapping[str, object] = json.loads(header)
    return Cached(_revision(members), ciphertext)


def _seal(head: bytes, ciphertext: bytes, key: bytes) -> bytes:
    """The lines of `head` are of JSON and of a constant, so that none of them runs into the ciphertext."""
    return hmac.digest(key, head + ciphertext, "sha256").hex().encode()


def _revision(members: Mapping[str, object]) -> Revision:
    """Of members that are as we wrote them: their seal is unbroken."""
    ref = ConfigRef(ConfigName(str(members["name"])), _text(members["environment"]), version=_number(members["pinned"]))
    refused = members["refused_by"]
    return Revision(
        ref=ref,
        revision=str(members["revision"]),
        key=str(members["key"]),
        version=_number(members["version"]),
        changed_by=_number(members["changed_by"]),
        saved_at=_time(members["saved_at"]),
        stored_at=_time(members["stored_at"]) or 0.0,
        confirmed_at=_time(members["confirmed_at"]) or 0.0,
        number=_number(members["number"]) or 0,
        refused_by=tuple(str(name) for name in refused) if isinstance(refused, list) else (),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _time(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
