"""`once` without the service: the cache serves at the deadline, unless fresh content is asked for."""

from __future__ import annotations

import pytest

from config_sync.errors import Exit, ReloadFailed, ServiceError, ServiceUnavailable, TlsFailed, Unauthorized
from tests.fakes import unavailable
from tests.unit.agent.running_once import Once

WEEK_S = 7 * 86400.0


def taken_away(once: Once) -> None:
    """Synced, then rebooted with an empty memory file system into an outage."""
    once.service.put("app", {"v": 1})
    once.run(once.target("app"))
    (once.etc / "app.json").unlink()
    once.service.outage = unavailable()


def test_the_cache_serves_at_the_deadline_and_not_before(once: Once) -> None:
    taken_away(once)
    seen: list[bool] = []
    once.service.on_fetch = lambda _: seen.append((once.etc / "app.json").exists())
    assert once.run(once.target("app"), retry_for_s=30.0, offline_start_s=WEEK_S) == Exit.DONE
    assert (len(seen) > 3, any(seen)) == (True, False)
    assert (once.etc / "app.json").read_bytes() == b'{"v": 1}'
    assert once.clock.passed_s == 30.0
    assert once.sync.is_excused(once.target("app"))
    outcome = once.sync.outcomes["app"]
    assert isinstance(outcome.error, ServiceUnavailable)
    assert (outcome.cached_as_of, len(outcome.wrote)) == (once.clock.now() - 30.0, 1)
    assert len(once.reload.orders) == 2


def test_without_retries_it_serves_after_the_one_attempt(once: Once) -> None:
    taken_away(once)
    assert once.run(once.target("app"), retry_for_s=0.0, offline_start_s=WEEK_S) == Exit.DONE
    assert len(once.service.fetches) == 2


def test_fresh_content_does_not_come_from_a_cache(once: Once) -> None:
    taken_away(once)
    code = once.run(once.target("app"), retry_for_s=1.0, is_fresh=True, offline_start_s=WEEK_S)
    assert (code, (once.etc / "app.json").exists()) == (Exit.SERVICE, False)


@pytest.mark.parametrize("error", [Unauthorized("401"), TlsFailed("expired")], ids=["401", "tls"])
def test_a_service_that_says_no_is_not_away(once: Once, error: ServiceError) -> None:
    taken_away(once)
    once.service.outage = error
    assert once.run(once.target("app"), retry_for_s=1.0, offline_start_s=WEEK_S) == error.exit_code
    assert not (once.etc / "app.json").exists()


def test_what_was_never_there_is_not_served(once: Once) -> None:
    taken_away(once)
    code = once.run(once.target("app"), once.target("new"), retry_for_s=1.0, offline_start_s=WEEK_S)
    assert code == Exit.SERVICE
    assert (once.etc / "app.json").exists()
    error = once.sync.outcomes["new"].error
    assert error is not None
    assert "nothing that it could use is in the cache" in error.message


def test_no_reload_leaves_it_owed_and_a_failing_one_is_tried_once(once: Once) -> None:
    taken_away(once)
    once.run(once.target("app"), retry_for_s=0.0, may_reload=False, offline_start_s=WEEK_S)
    assert len(once.reload.orders) == 1
    (once.etc / "app.json").unlink()
    once.reload.script.append(ReloadFailed("not yet"))
    assert once.run(once.target("app"), retry_for_s=0.0, offline_start_s=WEEK_S) == Exit.DONE
    assert len(once.reload.orders) == 2
