"""Orders where no agent runs, given by somebody whose files the agent could not read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.program import NOBODY, Home, assert_refused, files_in
from tests.system.test_pins import home as home
from tests.system.test_pins import versions


@pytest.mark.root
def test_another_users_memory_is_not_taken_from_his_agent(home: Home, configs: Path) -> None:
    versions(home, configs, 1, 2)
    memory, lock = home.state_dir / "records.json", home.state_dir / "lock"
    for path in (home.state_dir, memory, lock):
        os.chown(path, NOBODY, -1)
    before = files_in(home.state_dir)
    for words in (("hold", "app"), ("resume", "app"), ("rollback", "app")):
        assert_refused(home.ask(*words), 2, f"{memory} belongs to uid {NOBODY}", f"sudo -u '#{NOBODY}'")
    assert files_in(home.state_dir) == before
    memory.unlink()
    assert_refused(home.ask("hold", "app"), 2, f"{lock} belongs to uid {NOBODY}")
    lock.unlink()
    assert_refused(home.ask("hold", "app"), 2, f"{home.state_dir} belongs to uid {NOBODY}")
    assert not memory.exists()


def test_an_order_that_would_be_forgotten_is_refused(home: Home, configs: Path) -> None:
    versions(home, configs, 1)
    memory = home.state_dir / "records.json"
    memory.unlink()
    memory.mkdir()
    assert_refused(home.ask("hold", "app"), 10, "cannot be read", "the user of the agent")
