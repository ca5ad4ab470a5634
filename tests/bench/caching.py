"""What keeping revisions costs a sync, and how long a start takes that has nothing but them.

The first: one pass that publishes new content of 4 KB, on the disk of the directory, with and without a cache. The
second: everything back from the cache, targets one after the other in one thread as `once` does it, with the service
away and the files gone; beside it the same number of files published from a service in memory.
"""

from __future__ import annotations

import time
from pathlib import Path

from config_sync.cache import RevisionCache
from config_sync.clock import SystemClock
from config_sync.errors import ServiceUnavailable
from config_sync.files import Disk
from config_sync.formats.json_ import JsonFormat
from config_sync.log import set_up
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, FileSpec, Target
from config_sync.reconciler import Occasion, Reconciler
from config_sync.records import open_records
from config_sync.stop import Stop
from tests.bench.table import Row, Side, median
from tests.fakes import FakeService, Keys

NOTE = "keeping: the median pass with new content of 4 KB; start: all files gone, the service away, one thread"
STARTS = (1, 100, 1000)
_AGE_S = 7 * 86400.0


def rows(directory: Path, count: int) -> list[Row]:
    """The cost of keeping, of `count` changes; and a start with 1, 100 and 1,000 configs."""
    set_up(level="error", form="json")
    with_cache, without = _syncs(directory / "kept", count, True), _syncs(directory / "plain", count, False)
    kept = Row(
        Side("a sync that keeps its revision", median(with_cache) * 1000),
        Side("without a cache", median(without) * 1000),
        count,
    )
    return [kept, *(_start(directory / f"start-{number}", number) for number in STARTS)]


def _syncs(directory: Path, count: int, is_kept: bool) -> list[float]:
    service = FakeService()
    reconciler = _process(directory, service, is_kept=is_kept)
    (target,) = _targets(directory, 1)
    taken: list[float] = []
    for number in range(count + 1):
        service.put("app-0", {"number": number, "text": "x" * 4096})
        begun = time.perf_counter()
        outcome = reconciler.reconcile(target, Occasion(), Stop())
        taken.append(time.perf_counter() - begun)
        assert outcome.error is None, outcome.error
    return taken[1:]


def _start(directory: Path, number: int) -> Row:
    service = FakeService()
    targets = _targets(directory, number)
    for target in targets:
        service.put(target.name, {"name": target.name, "text": "x" * 4096})
    reconciler = _process(directory, service)
    begun = time.perf_counter()
    for target in targets:
        assert reconciler.reconcile(target, Occasion(), Stop()).error is None
    first_s = time.perf_counter() - begun
    for target in targets:
        Path(target.files[0].path).unlink()
    service.outage = ServiceUnavailable("away")
    reconciler = _process(directory, service)
    begun = time.perf_counter()
    for target in targets:
        outcome = reconciler.reconcile(target, Occasion(offline_start_s=_AGE_S), Stop())
        assert outcome.cached_as_of is not None, outcome.error
    taken_s = time.perf_counter() - begun
    return Row(
        Side(f"start from the cache, {number:,} config(s)", taken_s * 1000), Side("first sync", first_s * 1000), 1
    )


def _process(directory: Path, service: FakeService, *, is_kept: bool = True) -> Reconciler:
    state = directory / "state"
    (directory / "etc").mkdir(parents=True, exist_ok=True)
    records = open_records(str(state))
    return Reconciler(
        service,
        keys=Keys(),
        records=records,
        disk=Disk(digest_key=records.digest_key, state_dir=str(state)),
        clock=SystemClock(),
        cache=RevisionCache(str(state), digest_key=records.digest_key) if is_kept else None,
    )


def _targets(directory: Path, number: int) -> list[Target]:
    return [
        Target(
            f"app-{one}",
            (
                FileSpec(
                    AbsolutePath(f"{directory}/etc/app-{one}.json"), ConfigRef(ConfigName(f"app-{one}")), JsonFormat()
                ),
            ),
        )
        for one in range(number)
    ]
