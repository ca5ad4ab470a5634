"""Output, cut into lines: bounded, clean, whatever the pieces it comes in."""

from __future__ import annotations

import pytest

from config_sync.process.lines import HIDDEN, MAX_LINE, OutputLines


def lines_of(data: bytes, *, size: int, redact: tuple[str, ...] = (), max_bytes: int = 65536) -> list[str]:
    told: list[str] = []
    output = OutputLines(max_bytes=max_bytes, on_line=told.append, redact=redact)
    for start in range(0, len(data), size):
        output.feed(data[start : start + size])
    output.close()
    return told


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_any_split_of_the_bytes_gives_the_same_lines(size: int) -> None:
    data = "eins\r\nzwei ä €\n\nhunter22 x\nend".encode()
    assert lines_of(data, size=size, redact=("hunter22",)) == ["eins", "zwei ä €", f"{HIDDEN} x", "end"]


def test_a_secret_of_several_lines_is_taken_out_line_by_line() -> None:
    assert lines_of(b"BEGIN KEY\nabcdefgh\n", size=50, redact=("BEGIN KEY\nabcdefgh",)) == [HIDDEN, HIDDEN]


def test_a_secret_that_contains_another_goes_as_a_whole() -> None:
    assert lines_of(b"password1234\n", size=50, redact=("password", "password1234")) == [HIDDEN]


@pytest.mark.parametrize("before", range(MAX_LINE * 4 - 12, MAX_LINE * 4 + 2), ids=str)
def test_a_secret_at_the_end_of_what_is_kept_of_a_line_never_shows(before: int) -> None:
    told = lines_of(b"x" * before + b"hunter22" + b"y" * 100 + b"\n", size=4096, redact=("hunter22",))
    assert not any("hun" in line for line in told)


def test_after_the_bound_nothing_more_is_told_but_the_end_is_kept() -> None:
    told: list[str] = []
    output = OutputLines(max_bytes=20, on_line=told.append)
    output.feed(b"first line\nsecond line that is long\nx\nlast\n")
    assert told == ["first line"]
    assert output.tail.endswith("x\nlast")
    assert output.is_truncated
