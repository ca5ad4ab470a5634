"""Hunks: a patch that makes the new of the old, and which masked lines say that they are changed."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config_sync.reconciler.hunks import Side, hunks
from config_sync.reconciler.outlines import MASK, Line, as_it_is

texts = st.lists(st.sampled_from("abcdefgh"), max_size=40)


def lines(texts: list[str]) -> list[Line]:
    return [Line(text, text) for text in texts]


def printed(old: list[Line], new: list[Line]) -> list[str]:
    return [f"{line.side.value}{line.text}" for line in hunks(old, new)]


def applied(old: list[str], patch: list[str]) -> list[str]:
    """What a patch makes of the old lines, read as patch(1) reads it."""
    result, at = [], 0
    for line in patch:
        side, text = line[0], line[1:]
        if side == "@":
            start, _, count = text.split("-")[1].split(" ")[0].partition(",")
            begin = int(start) - (count != "0")
            result += old[at:begin]
            at = begin
        elif side in " -":
            assert old[at] == text
            at += 1
        if side in " +":
            result.append(text)
    return result + old[at:]


@given(texts, texts)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_hunks_make_the_new_lines_of_the_old(old: list[str], new: list[str]) -> None:
    patch = printed(lines(old), lines(new))
    assert applied(old, patch) == new
    assert bool(patch) == (old != new)


def test_only_what_stands_for_something_else_at_its_place_says_so() -> None:
    old = [Line(f"a: {MASK}", "1", "/a"), Line(f"b: {MASK}", "1", "/b"), Line(f"c: {MASK}", "1", "/c")]
    new = [Line(f"a: {MASK}", "2", "/a"), Line(f"b: {MASK}", "1", "/b"), Line(f"d: {MASK}", "1", "/d")]
    assert printed(old, new)[1:] == [
        f"-a: {MASK}",
        f"+a: {MASK} (changed)",
        f" b: {MASK}",
        f"-c: {MASK}",
        f"+d: {MASK}",
    ]


def test_far_changes_stand_in_hunks_of_their_own_and_near_ones_in_one() -> None:
    old = [str(number) for number in range(30)]
    far = [*old]
    far[2], far[20] = "x", "y"
    near = [*old]
    near[2], near[7] = "x", "y"
    assert [line.text for line in hunks(lines(old), lines(far)) if line.side is Side.PLACE] == [
        "@ -1,6 +1,6 @@",
        "@ -18,7 +18,7 @@",
    ]
    assert [line.text for line in hunks(lines(old), lines(near)) if line.side is Side.PLACE] == ["@ -1,11 +1,11 @@"]


def test_two_changes_far_apart_in_much_text_are_two_small_hunks() -> None:
    old = [str(number) for number in range(30_000)]
    new = [*old]
    new[3] = "x"
    new[29_990:29_992] = []
    assert [line.text for line in hunks(lines(old), lines(new)) if line.side is Side.PLACE] == [
        "@ -1,7 +1,7 @@",
        "@ -29988,8 +29988,6 @@",
    ]


def test_much_text_that_is_all_new_or_pushed_far_down_still_makes_the_new_of_the_old() -> None:
    old = [str(number) for number in range(6_000)]
    for new in ([f"n{line}" for line in old], [f"n{line}" for line in old[:5_000]] + old, old[3_000:] + old[:3_000]):
        assert applied(old, printed(lines(old), lines(new))) == new
        assert applied(new, printed(lines(new), lines(old))) == old
    same = ["a"] * 9_000
    assert applied(same, printed(lines(same), lines([*same, "b", *same]))) == [*same, "b", *same]


def test_text_is_fit_for_a_terminal_and_says_where_no_line_ends_it() -> None:
    assert [line.shown for line in as_it_is(b"a\x1b[31m\n\xff\n")] == ["a\\x1b[31m", "\\xff"]
    assert as_it_is(b"a")[0].shown == "a\n\\ No newline at end of file"
    assert hunks(as_it_is(b"a\n"), as_it_is(b"a"))
    assert not hunks(as_it_is(b""), as_it_is(b""))
