"""An unreachable service is excused where all is on disk as it was last written, and nowhere else."""

from __future__ import annotations

import pytest

from config_sync.errors import (
    Exit,
    NotFound,
    ServiceError,
    TlsFailed,
    Unauthorized,
)
from tests.fakes import unavailable
from tests.unit.agent.running_once import Once


def test_unreachable_but_on_disk_as_recorded_is_excused_unless_fresh_is_asked_for(once: Once) -> None:
    once.service.put("app", {"v": 1})
    target = once.target("app")
    once.run(target)
    once.service.outage = unavailable()
    assert once.run(target, retry_for_s=1.0) == Exit.DONE
    assert once.sync.is_excused(target)
    assert once.run(target, retry_for_s=1.0, is_fresh=True) == Exit.SERVICE
    assert not once.sync.is_excused(target)


def test_what_was_edited_meanwhile_is_not_excused(once: Once) -> None:
    once.service.put("app", {"v": 1})
    target = once.target("app")
    once.run(target)
    (once.etc / "app.json").write_text("edited")
    once.service.outage = unavailable()
    assert once.run(target, retry_for_s=1.0) == Exit.SERVICE
    (once.etc / "app.json").unlink()
    assert once.run(target, retry_for_s=1.0) == Exit.SERVICE


@pytest.mark.parametrize("error", [NotFound("404"), Unauthorized("401"), TlsFailed("x")], ids=["404", "401", "tls"])
def test_only_an_unreachable_service_is_excused(once: Once, error: ServiceError) -> None:
    once.service.put("app", {"v": 1})
    target = once.target("app")
    once.run(target)
    once.service.outage = error
    assert once.run(target, retry_for_s=1.0) == error.exit_code


def test_one_target_never_written_spoils_the_excuse_of_the_others(once: Once) -> None:
    once.service.put("old", {"v": 1})
    once.run(once.target("old"))
    once.service.outage = unavailable()
    assert once.run(once.target("old"), once.target("new"), retry_for_s=1.0) == Exit.SERVICE


def test_a_reload_that_is_owed_is_made_even_when_the_service_is_away(once: Once) -> None:
    once.service.put("app", {"v": 1})
    once.run(once.target("app"), may_reload=False)
    once.service.outage = unavailable()
    assert once.run(once.target("app"), retry_for_s=1.0) == Exit.DONE
    assert len(once.reload.orders) == 1
