"""Lines of a process, searched with a deadline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import IO, TypeAlias

import pytest

from config_sync.cli.demo_lines import Lines
from config_sync.errors import ConfigSyncError
from tests.waiting import eventually


@pytest.fixture
def pipe() -> Iterator[tuple[IO[bytes], Callable[[bytes], None], Callable[[], None]]]:
    """Its reading end, and how to write to and close the other."""
    reader, writer = os.pipe()
    ends = {writer}

    def close() -> None:
        if ends:
            os.close(ends.pop())

    def write(data: bytes) -> None:
        os.write(writer, data)

    with os.fdopen(reader, "rb") as file:
        yield file, write, close
        close()


Pipe: TypeAlias = tuple[IO[bytes], Callable[[bytes], None], Callable[[], None]]


def anything(_line: Mapping[str, object]) -> bool:
    return True


def test_the_wanted_line_is_found_and_those_before_it_are_dropped(pipe: Pipe) -> None:
    file, write, close = pipe
    lines = Lines(file)
    write(b'{"n": 1}\nno json\n[2]\n{"n": 3}\n{"n": 4}\n')
    assert lines.find(lambda line: line.get("n") == 3, 5, "three") == {"n": 3}
    assert lines.find(anything, 5, "the next") == {"n": 4}
    close()


def test_the_end_of_the_process_is_told_with_its_last_words(pipe: Pipe) -> None:
    file, write, close = pipe
    lines = Lines(file)
    write(b"config-sync: no luck\n  hint: try again\n")
    close()
    with pytest.raises(ConfigSyncError, match=r"ended while it waited for luck: \nconfig-sync: no luck\n  hint: try"):
        lines.find(anything, 5, "luck")


def test_the_time_is_bounded(pipe: Pipe) -> None:
    file, _write, close = pipe
    with pytest.raises(ConfigSyncError, match=r"waited 0\.01 s for luck"):
        Lines(file).find(anything, 0.01, "luck")
    close()


def test_what_was_drained_is_not_found(pipe: Pipe) -> None:
    file, write, close = pipe
    lines = Lines(file)
    write(b'{"n": 1}\n{"n": 2}\n')
    assert lines.find(lambda line: line.get("n") == 1, 5, "one") == {"n": 1}

    def is_drained() -> bool:
        lines.drain()
        try:
            lines.find(anything, 0.0, "anything")
        except ConfigSyncError:
            return True
        return False

    eventually(is_drained)
    write(b'{"n": 3}\n')
    assert lines.find(anything, 5, "three") == {"n": 3}
    close()
