"""A warm process that plays scenarios, each act in a child that waits to be traced. One request a line, as JSON.

Requests are ``{"scenario": name, "place": directory}``. The first answer is the child's pid: it has stopped itself just
before the act, which lies between two calls of getpgid(2). The second answer comes after the child's end and a plain
second run: an `Aftermath`.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config_sync.errors import FileError
from config_sync.files import Calls
from tests.system.writing.scenario import Scenario, all_scenarios

_MOST_S = 20


@dataclass(frozen=True, slots=True)
class Told:
    """How an act ended in its own words: a FileError, or nothing of it when `is_done`."""

    is_done: bool
    reason: str = ""
    message: str = ""
    errno: int | None = None
    step: str | None = None
    is_published: bool = False


@dataclass(frozen=True, slots=True)
class Aftermath:
    """The world after an act, and after the plain second run. `told` None: the child died, `code` says how."""

    code: int
    told: Told | None
    seen_before: str
    seen: str
    is_untouched: bool
    left: list[str]
    again: Told | None
    seen_again: str
    left_again: list[str]


def aftermath_of(line: str) -> Aftermath:
    """From the answer."""
    read: object = json.loads(line)
    assert isinstance(read, dict), line
    told, again = ((None if read[key] is None else Told(**read[key])) for key in ("told", "again"))
    return Aftermath(**{**read, "told": told, "again": again})


def main() -> None:
    """Until the requests end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    known = all_scenarios()
    gc.disable()
    for line in sys.stdin:
        request: dict[str, str] = json.loads(line)
        place = Path(request["place"])
        print(json.dumps(dataclasses.asdict(_play(known[request["scenario"]], place))), flush=True)


def _play(scenario: Scenario, place: Path) -> Aftermath:
    fresh(place)
    scenario.prepare(place)
    scenario.precede(place)
    seen_before, before, lay_there = scenario.see(place), scenario.untouched(place), scenario.litter(place)
    code, told = _in_child(lambda: scenario.act(place, Calls()), is_traced=True)
    seen, is_untouched = scenario.see(place), scenario.untouched(place) == before
    left = [name for name in scenario.litter(place) if name not in lay_there]
    _, again = _in_child(lambda: scenario.act(place, Calls()), is_traced=False)
    seen_again, left_again = scenario.see(place), scenario.litter(place)
    return Aftermath(code, told, seen_before, seen, is_untouched, left, again, seen_again, left_again)


def fresh(place: Path) -> None:
    """An empty directory that every user can enter."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    place.chmod(0o755)


def _in_child(act: Callable[[], None], *, is_traced: bool) -> tuple[int, Told | None]:
    """The child's exit code (negative: the signal) and what it said."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            os.write(writer, json.dumps(dataclasses.asdict(_act(act, is_traced=is_traced))).encode())
        finally:
            os._exit(0)
    os.close(writer)
    if is_traced:
        os.waitpid(pid, os.WUNTRACED)
        print(pid, flush=True)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), Told(**json.loads(said)) if said else None


def _act(act: Callable[[], None], *, is_traced: bool) -> Told:
    signal.alarm(_MOST_S)  # whoever waits for what never comes dies of SIGALRM
    if is_traced:
        os.kill(os.getpid(), signal.SIGSTOP)
    os.getpgid(0)
    try:
        act()
    except FileError as error:
        return Told(False, error.reason, error.message, error.errno, error.step, error.published)
    except BaseException:  # noqa: BLE001 - the test shows it
        return Told(False, "Broken", traceback.format_exc())
    finally:
        os.getpgid(0)
    return Told(True)


if __name__ == "__main__":
    main()
