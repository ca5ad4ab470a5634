"""``probe``: whether the consumer is well, looked at until it is or the time is up."""

from __future__ import annotations

from config_sync.clock import Clock
from config_sync.errors import ProbeFailed, Stopped
from config_sync.model import Probing, ReloadOrder
from config_sync.stop import Stop

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 1.0
"""Between two looks: doubled each time, up to the longest."""

_AGAIN_S = 0.25
"""A consumer may answer once more by its old content before it reads the new: a first look that finds it well is
followed by another one after so long. One that found it unwell before has seen the change."""

_LEAST_S = 1.0
"""A look that begins in time may take so long: one at the very end that is cut off at once would find nothing well."""

_ONE_LOOK_S = 5.0
"""A look at a consumer that hangs must not use up all the time: another one may be answered by its successor."""


def await_well(probing: Probing, order: ReloadOrder, stop: Stop, *, clock: Clock) -> None:
    """The probe holds, within its time.

    Raises:
        ProbeFailed: it did not; tells what it found last.
        Stopped: also in a pause, at once.
    """
    deadline = clock.monotonic() + probing.within_s
    pause_s = _FIRST_PAUSE_S
    is_first, held = True, False
    while True:
        left_s = deadline - clock.monotonic()
        try:
            _look(probing, order, stop, left_s=left_s)
        except ProbeFailed as error:
            failed, held = error, False
        else:
            if held or not is_first:
                return
            held = True
        is_first = False
        left_s = deadline - clock.monotonic()
        if held and left_s <= _AGAIN_S:
            return
        if left_s <= 0:
            raise ProbeFailed(
                f"the probe did not hold within {probing.within_s:g} s: {failed.message}", hint=failed.hint
            ) from failed
        # The last look is at the very end: what needs all of its time is well in time.
        if stop.wait(_AGAIN_S if held else min(pause_s, left_s)):
            raise Stopped
        pause_s = pause_s if held else min(2 * pause_s, _LONGEST_PAUSE_S)


def _look(probing: Probing, order: ReloadOrder, stop: Stop, *, left_s: float) -> None:
    stop.check()
    is_long = probing.probe.kind == "command"  # it has its own idea of how long to wait
    probing.probe.look(order, stop, timeout_s=max(_LEAST_S, left_s if is_long else min(left_s, _ONE_LOOK_S)))


def is_well(probing: Probing, order: ReloadOrder, stop: Stop) -> ProbeFailed | None:
    """What one look finds wrong; None: nothing. Raises Stopped."""
    try:
        _look(probing, order, stop, left_s=probing.within_s)
    except ProbeFailed as error:
        return error
    return None
