"""Words that nobody hears, and results that do not arrive."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import TextIO, cast

import pytest

from config_sync.cli.output import ReaderGone, SteadyStream, put, say, settle
from config_sync.errors import Exit, FileError

Lost = Callable[[str], TextIO]


@pytest.fixture
def lost() -> Iterator[Lost]:
    """A text stream onto ``full`` (a disk) or ``gone`` (a pipe's reader); closed whatever is left in it."""
    made: list[TextIO] = []

    def stream(where: str) -> TextIO:
        if where == "full":
            made.append(open("/dev/full", "w"))  # noqa: SIM115  # the fixture closes it
        else:
            reader, writer = os.pipe()
            os.close(reader)
            made.append(os.fdopen(writer, "w"))
        return made[-1]

    yield stream
    for one in made:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), one.fileno())
        one.close()


@pytest.mark.parametrize("size", [10, 100_000], ids=["small", "large"])
def test_a_result_that_does_not_arrive_is_an_error(monkeypatch: pytest.MonkeyPatch, lost: Lost, size: int) -> None:
    monkeypatch.setattr(sys, "stdout", lost("full"))
    with pytest.raises(FileError) as caught:
        put("x" * size)
    assert caught.value.exit_code is Exit.WRITE
    assert "No space left on device" in caught.value.message
    put("this goes nowhere")


@pytest.mark.parametrize("size", [10, 100_000], ids=["small", "large"])
def test_a_reader_that_has_gone_is_its_own_matter(monkeypatch: pytest.MonkeyPatch, lost: Lost, size: int) -> None:
    monkeypatch.setattr(sys, "stdout", lost("gone"))
    with pytest.raises(ReaderGone):
        put(b"x" * size)


def test_what_was_printed_before_comes_first(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    print("one", flush=False)
    put(b"two\xff")
    put("\u00e4\n")
    assert capfdbinary.readouterr().out == b"one\ntwo\xff\xc3\xa4\n"


@pytest.mark.parametrize("where", ["full", "gone"])
def test_what_nobody_hears_stops_nothing(monkeypatch: pytest.MonkeyPatch, lost: Lost, where: str) -> None:
    monkeypatch.setattr(sys, "stderr", lost(where))
    say("one", "two")
    settle()
    say("three")
    sys.stderr.flush()


@pytest.mark.parametrize("where", ["full", "gone"])
def test_a_log_without_a_reader_takes_lines_for_ever(lost: Lost, where: str) -> None:
    stream = SteadyStream(lost(where))
    for _ in range(3):
        assert stream.write("line\n" * 10_000) == 50_000
        stream.flush()
    assert not stream.isatty()


def test_a_log_with_a_reader_arrives() -> None:
    out = io.StringIO()
    stream = SteadyStream(cast("TextIO", out))
    stream.write("line\n")
    stream.flush()
    assert out.getvalue() == "line\n"
