"""A writer killed at any of its system calls: what is there is whole, and the next run repairs without help."""

from __future__ import annotations

import pytest

from tests.system.writing.scenario import BETWEEN, NEW, OLD, WHOLE, all_scenarios
from tests.system.writing.syscalls import Lab, last_mark

pytestmark = [pytest.mark.root, pytest.mark.strace]


@pytest.mark.parametrize("name", all_scenarios())
def test_killed_writer_leaves_a_whole_thing_and_the_next_run_no_litter(lab: Lab, name: str) -> None:
    calls, may_show = lab.calls_of(name), all_scenarios()[name].may_show
    seen = set()
    for hit in lab.hit(name, [(call, "signal=KILL") for call in (*calls, last_mark(calls))]):
        after = hit.aftermath
        seen.add(after.seen)
        assert after.seen in may_show, hit
        assert after.is_untouched or after.seen != OLD, hit
        assert after.again is not None, hit
        assert after.again.is_done, hit
        assert (after.seen_again, after.left_again) == (NEW, []), hit
    assert NEW in seen
    assert BETWEEN in seen or may_show == WHOLE or seen == {NEW}
    assert len(calls) > 10
