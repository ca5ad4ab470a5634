"""What `diff` says beside the lines: versions, what waits and why, ids with their names."""

from __future__ import annotations

import dataclasses

from config_sync.cli.diff_lines import Painter, lines_of
from config_sync.formats.json_ import JsonFormat
from config_sync.model import (
    AbsolutePath,
    Attempt,
    ConfigName,
    ConfigRef,
    Digest,
    FileSpec,
    Pin,
    PinnedBy,
    PinnedUntil,
    Record,
    Target,
)
from config_sync.plan import Story
from config_sync.reconciler.comparing import Attribute, Change, Difference, FileDifference
from config_sync.reconciler.desired import Desired
from config_sync.reconciler.hunks import HunkLine, Side

PATH = AbsolutePath("/etc/a\x1bpp.json")
TARGET = Target("app", (FileSpec(PATH, ConfigRef(ConfigName("app")), JsonFormat()),))
CHANGED = FileDifference(PATH, Change.CHANGED, (Attribute("owner", 0, 4_000_000_000),), (HunkLine(Side.OLD, "x"),))
NEWEST = Desired((), {}, Story(8, "abc"))
PLAIN = Painter(is_on=False)


def said(found: Difference, record: Record | None, desired: Desired = NEWEST) -> list[str]:
    return list(lines_of(found, desired, record, PLAIN))


def difference(*files: FileDifference, is_held: bool = False) -> Difference:
    return Difference(TARGET, files, is_told=False, is_held=is_held)


def test_nothing_is_said_of_a_target_that_is_right() -> None:
    assert said(difference(), Record(version=8)) == []


def test_a_change_has_its_versions_paths_attributes_and_lines() -> None:
    assert said(difference(CHANGED), Record(version=7)) == [
        "# app: version 7 on disk, version 8 at the service",
        "--- /etc/a\\x1bpp.json",
        "+++ /etc/a\\x1bpp.json",
        "# owner root (0) -> 4000000000",
        "-x",
    ]


def test_versions_are_told_as_far_as_they_are_known() -> None:
    assert said(difference(CHANGED), None)[0] == "# app: version 8 at the service"
    assert said(difference(CHANGED), Record())[0] == "# app: version 8 at the service"
    assert said(difference(CHANGED), Record(version=8))[0] == "# app: version 8"
    unnumbered = dataclasses.replace(NEWEST, story=Story(None, "abc"))
    assert said(difference(CHANGED), Record(revision="xyz"), unnumbered)[0] == (
        "# app: revision xyz on disk, revision abc at the service"
    )


def test_what_is_held_waits_and_it_is_said_since_when_until_when_and_why() -> None:
    pin = Pin({}, PinnedBy.OPERATOR, PinnedUntil.TIME, reason="look\x1b", since=0.0, until_at=3600.0)
    lines = said(difference(CHANGED, is_held=True), Record(version=7, pin=pin))
    assert lines[1] == (
        "# held since 1970-01-01T00:00:00Z until 1970-01-01T01:00:00Z (look\\x1b):"
        " a sync changes nothing, and this waits"
    )


def test_what_was_rolled_back_is_skipped_and_why() -> None:
    refused = {str(PATH): Digest("b")}
    pin = Pin({}, PinnedBy.FAILURE, PinnedUntil.NEWER, refused=refused, refused_version=8, reason="it died of it")
    held = said(difference(CHANGED, is_held=True), Record(version=7, pin=pin))
    assert held[1].startswith("# skipped: version 8 was rolled back: it died of it;")
    over = said(difference(CHANGED), Record(version=7, pin=pin))
    assert not any("skipped" in line for line in over)


def test_an_unfinished_publish_is_told() -> None:
    record = Record(version=7, attempting=Attempt({}, {}))
    assert "# a publish was begun and did not end: the next pass ends it" in said(difference(CHANGED), record)


def test_what_is_made_or_removed_has_no_other_side() -> None:
    made = FileDifference(PATH, Change.CREATED, (Attribute("mode", "", 0o640),), note="one")
    gone = FileDifference(PATH, Change.REMOVED)
    lines = said(difference(made, gone), Record(version=8))
    assert lines[1:] == [
        "--- /dev/null",
        "+++ /etc/a\\x1bpp.json",
        "# mode 0640",
        "# one",
        "--- /etc/a\\x1bpp.json",
        "+++ /dev/null",
    ]


def test_colours_go_by_the_first_character_only_where_they_are_on() -> None:
    assert [Painter(is_on=True).paint(line) for line in ("-a", "+b", "@@", "# c", " d", "")] == [
        "\x1b[31m-a\x1b[0m",
        "\x1b[32m+b\x1b[0m",
        "\x1b[36m@@\x1b[0m",
        "\x1b[1m# c\x1b[0m",
        " d",
        "",
    ]
    assert PLAIN.paint("-a") == "-a"
