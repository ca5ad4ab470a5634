"""The log tells an outage once, its end once, and each change once; what did not change is for debugging."""

from __future__ import annotations

from structlog.testing import capture_logs

from config_sync.agent.settle import Again
from config_sync.agent.story import SAY_AGAIN_S, Storyteller
from config_sync.errors import NotFound, ServiceUnavailable, SyncError
from config_sync.formats.json_ import JsonFormat
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, FileSpec, Outcome, Record, Result, Target
from config_sync.workqueue import Wake
from tests.fakes import HandClock

TARGET = Target("app", (FileSpec(AbsolutePath("/etc/app.json"), ConfigRef(ConfigName("app")), JsonFormat()),))


class Told:
    """A storyteller, and the lines of what it is told of: level and event."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.teller = Storyteller(self.clock.monotonic)

    def of(
        self,
        result: Result,
        error: SyncError | None = None,
        *,
        recovered: SyncError | None = None,
        after_s: float = 1.0,
    ) -> list[tuple[str, str]]:
        self.clock.passed_s += after_s
        outcome = Outcome("app", result, "InSync", 0.1, error=error)
        with capture_logs() as logs:
            self.teller.tell(
                outcome,
                target=TARGET,
                record=Record(version=3),
                recovered=recovered,
                again=Again(5.0, Wake.RETRY),
                wakes=frozenset({Wake.EVENT, Wake.RETRY}),
            )
        assert all(line["trigger"] == "event+retry" for line in logs)
        return [(str(line["log_level"]), str(line["event"])) for line in logs]


def test_an_outage_is_one_warning_its_repetitions_are_for_debugging_and_its_end_is_told() -> None:
    told = Told()
    error = ServiceUnavailable("refused")
    assert told.of(Result.FAILED, error) == [("warning", "target.failed")]
    assert told.of(Result.FAILED, ServiceUnavailable("refused")) == [("debug", "target.failed")]
    assert told.of(Result.UNCHANGED, recovered=error) == [("info", "target.recovered"), ("debug", "target.reconciled")]
    assert told.of(Result.FAILED, error) == [("warning", "target.failed")]


def test_a_long_outage_is_said_again_now_and_then() -> None:
    told = Told()
    told.of(Result.FAILED, ServiceUnavailable("refused"))
    assert told.of(Result.FAILED, ServiceUnavailable("refused"), after_s=SAY_AGAIN_S - 1) == [
        ("debug", "target.failed")
    ]
    assert told.of(Result.FAILED, ServiceUnavailable("refused"), after_s=2) == [("warning", "target.failed")]


def test_another_failure_is_news_and_one_that_needs_a_person_is_an_error() -> None:
    told = Told()
    told.of(Result.FAILED, ServiceUnavailable("refused"))
    assert told.of(Result.FAILED, NotFound("404")) == [("error", "target.failed")]


def test_a_change_is_told_and_nothing_new_is_not() -> None:
    told = Told()
    assert told.of(Result.CHANGED) == [("info", "target.reconciled")]
    assert told.of(Result.UNCHANGED) == [("debug", "target.reconciled")]
