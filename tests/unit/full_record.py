"""A record in which every field says something."""

from __future__ import annotations

from types import MappingProxyType

from config_sync.model import Attempt, Digest, Pin, PinnedBy, PinnedUntil, Record, WayBack

A, B = Digest("a" * 32), Digest("b" * 32)

FULL = Record(
    written=MappingProxyType({"/etc/app.conf": A}),
    reloaded={"/etc/app.conf": B},
    attempting=Attempt(
        digests={"/etc/app.conf": A},
        kept={"/etc/app.conf": ".config-sync-0-1.old"},
        is_checked=False,
        back=WayBack(
            {"/etc/app.conf": B},
            {"/etc/app.conf": ".config-sync-0-2.old"},
            2,
            B,
            7,
            1.0,
            {"a": 1},
            {"a": B},
            {"/etc/app.conf": A},
            {"/etc/old.conf": A},
        ),
        is_going_back=True,
        follows=False,
    ),
    version=3,
    previous_version=2,
    revision=A,
    changed_by=7,
    saved_at=1.5,
    written_at=2.0,
    reloaded_at=3.25,
    pin=Pin(
        {"/etc/app.conf": B},
        PinnedBy.FAILURE,
        PinnedUntil.NEWER,
        refused={"/etc/app.conf": A},
        refused_version=3,
        refused_revision=A,
        reason="it died",
        since=3.5,
        who="ada",
        to={"a": A, "b@prod": B},
        is_reached=False,
        under=Pin({"/etc/app.conf": B}, PinnedBy.OPERATOR, PinnedUntil.RESUME, who="bob"),
        until_at=9.0,
        from_cache_since=4.5,
    ),
    versions={"a": 2, "b@prod": 1},
    revisions={"a": A, "b@prod": B},
)
