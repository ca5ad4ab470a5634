"""Stand-ins at the agent's seams: a service in memory, a consumer that notes what it read, workers without threads.

Each satisfies the Protocol of the real thing; `tests/contracts` holds the service and the streams to the same answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config_sync.agent.workers import Job
from config_sync.client import ConfigInfo, Fetched
from config_sync.crypto import encrypt
from config_sync.errors import NotFound, ServiceUnavailable, SyncError
from config_sync.model import ConfigName, ConfigRef, EncryptionKey, ReloadOrder, ReloadResult, StopSignal
from config_sync.stop import Stop

KEY = EncryptionKey("0123456789abcdef" * 4)
START = 1_700_000_000.0
"""Unix time at which a `HandClock` starts."""


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def monotonic(self) -> float:
        return self.passed_s

    def now(self) -> float:
        return START + self.passed_s


class ClockedStop(Stop):
    """A Stop whose waits move a clock instead of lasting; `at_s` is when it is set."""

    def __init__(self, clock: HandClock, *, at_s: float = float("inf")) -> None:
        super().__init__()
        self._clock = clock
        self._at_s = at_s
        self.waits: list[float] = []

    def wait(self, timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        if self._clock.passed_s + timeout_s >= self._at_s:
            self._clock.passed_s = self._at_s
            self.set()
            return True
        self._clock.passed_s += timeout_s
        return self.is_set()


@dataclass(frozen=True)
class Keys:
    """A ring of keys as the reconciler reads it."""

    ring: tuple[EncryptionKey, ...] = (KEY,)

    def read(self) -> tuple[EncryptionKey, ...]:
        return self.ring


@dataclass
class _Kept:
    """One config: its versions in order, and how many reads still get the one before the newest."""

    versions: dict[int, bytes] = field(default_factory=dict)
    newest: int = 0
    updates: int = 0
    stale_reads: int = 0
    before: int = 0


class FakeService:
    """A `config_sync.client.Service` over documents in memory, with real ciphertext.

    The list's `updated_at` is a second later with each version, in whatever environment.

    `failures[name]` are raised by the next fetches of it, one each (None: that fetch works); `outage` by all of them.
    `damage[name]` changes the ciphertext of every answer.
    """

    def __init__(self, key: EncryptionKey = KEY, *, tells_version: bool = True) -> None:
        self.key = key
        self.tells_version = tells_version
        self.failures: dict[str, deque[SyncError | None]] = {}
        self.outage: SyncError | None = None
        self.damage: dict[str, Callable[[bytes], bytes]] = {}
        self.fetches: list[ConfigRef] = []
        self.forgotten: list[ConfigRef] = []
        self.looks = 0
        """How often the list was asked for."""
        self.listed: dict[str, ConfigInfo] = {}
        """Entries of the list that are other than they would be."""
        self.on_fetch: Callable[[ConfigRef], None] = lambda _: None
        self.is_closed = False
        self.hides_list = False
        """Whether the list of configs explains no 404."""
        self._configs: dict[tuple[str, str | None], _Kept] = {}
        self._nonces = itertools.count(1)

    def put(
        self, name: str, content: object, *, environment: str | None = None, version: int | None = None, stale: int = 0
    ) -> int:
        """A new newest version (by default one higher); the first `stale` reads still get the one before.

        Bytes go in as they are, anything else as JSON. Returns the version.
        """
        kept = self._configs.setdefault((name, environment), _Kept())
        kept.before, kept.stale_reads = kept.newest, stale
        kept.updates += 1
        kept.newest = version if version is not None else max(kept.versions, default=0) + 1
        kept.versions[kept.newest] = content if isinstance(content, bytes) else json.dumps(content).encode()
        return kept.newest

    def take_away(self, name: str, *, environment: str | None = None) -> None:
        """No such config any more, in that environment or (None) in any."""
        self._configs = {
            key: kept
            for key, kept in self._configs.items()
            if key[0] != name or (environment is not None and key[1] != environment)
        }

    def fail(self, name: str, *errors: SyncError | None) -> None:
        """The next fetches of `name` end so, one after the other."""
        self.failures.setdefault(name, deque()).extend(errors)

    @property
    def counts(self) -> Counter[str]:
        """How often each config was asked for."""
        return Counter(str(ref.name) for ref in self.fetches)

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        """See `config_sync.client.Service`."""
        stop.check()
        self.fetches.append(ref)
        self.on_fetch(ref)
        if self.outage is not None:
            raise self.outage.with_traceback(None)  # the same error for hours: its traceback must not grow
        script = self.failures.get(ref.name)
        if script and (error := script.popleft()) is not None:
            raise error
        version, plaintext = self._read(ref)
        sealed = encrypt(plaintext, self.key, next(self._nonces).to_bytes(12, "big"))
        sealed = self.damage.get(ref.name, bytes)(sealed)
        return Fetched(ref, sealed, version if self.tells_version else None, etag=f'"{version}"')

    def _read(self, ref: ConfigRef) -> tuple[int, bytes]:
        kept = self._configs.get((ref.name, ref.environment)) or self._configs.get((ref.name, None))
        if kept is None:
            raise self._not_found(f"config {ref.name}: the service answers 404: not found", ref)
        version = ref.version if ref.version is not None else kept.newest
        if ref.version is None and kept.stale_reads > 0 and kept.before:
            kept.stale_reads -= 1
            version = kept.before
        if version not in kept.versions:
            raise self._not_found(f"config {ref.name}: the service answers 404: no version {version}", ref)
        return version, kept.versions[version]

    def _not_found(self, message: str, ref: ConfigRef) -> NotFound:
        error = NotFound(message, hint="see the list")
        error.is_listed = None if self.hides_list else any(name == ref.name for name, _ in self._configs)
        return error

    def list(self, stop: Stop) -> tuple[ConfigInfo, ...]:
        """See `config_sync.client.Service`."""
        stop.check()
        self.looks += 1
        if self.outage is not None:
            raise self.outage.with_traceback(None)
        updates: Counter[str] = Counter()
        for (name, _), kept in self._configs.items():
            updates[name] += kept.updates
        at = datetime.fromtimestamp(START, UTC)
        return tuple(
            self.listed.get(name, ConfigInfo(name, True, at, at + timedelta(seconds=count)))
            for name, count in sorted(updates.items())
        )

    def get_formatted(self, name: ConfigName, form: str, stop: Stop) -> bytes:
        """See `config_sync.client.Service`; ``json`` only."""
        stop.check()
        return self._read(ConfigRef(name))[1]

    def forget(self, ref: ConfigRef) -> None:
        """See `config_sync.client.Service`."""
        self.forgotten.append(ref)

    def close(self) -> None:
        """See `config_sync.client.Service`."""
        self.is_closed = True


def unavailable(retry_after_s: float | None = None) -> ServiceUnavailable:
    """No answer."""
    return ServiceUnavailable("the service cannot be reached: Connection refused", retry_after_s=retry_after_s)


class FakeReload:
    """A consumer: each run takes the next of `script` (a result, an error to raise, something to do), then RELOADED.

    `orders` are what it was told, `reads` the files' contents at that moment, as the consumer would read them.
    """

    def __init__(self, *script: ReloadResult | BaseException | Callable[[], None]) -> None:
        self.script = deque(script)
        self.orders: list[ReloadOrder] = []
        self.reads: list[Mapping[str, bytes]] = []
        self.otherwise = ReloadResult.RELOADED

    @property
    def kind(self) -> str:
        return "fake"

    def describe(self) -> str:
        return "a fake"

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:
        self.orders.append(order)
        self.reads.append({path: Path(path).read_bytes() for path in order.files if Path(path).is_file()})
        step = self.script.popleft() if self.script else self.otherwise
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, ReloadResult):
            return step
        step()
        return self.otherwise


class InlineWorkers:
    """A `config_sync.agent.workers.Workers` without threads, for a loop on virtual time.

    A job runs at once, or `takes_s[name]` virtual seconds after it was started; meanwhile it holds its slot.
    """

    def __init__(self, *, room: int = 32) -> None:
        self.on_room: Callable[[], None] = lambda: None
        self.takes_s: dict[str, float] = {}
        self.started: list[tuple[float, str]] = []
        self._room = room
        self._since: dict[int, float] = {}

    @property
    def has_room(self) -> bool:
        return len(self._since) < self._room

    def start(self, name: str, job: Job) -> None:
        loop = asyncio.get_running_loop()
        self.started.append((loop.time(), name))
        if (takes_s := self.takes_s.get(name, 0.0)) == 0.0:
            job()
            return
        number = len(self.started)
        self._since[number] = loop.time()

        def end() -> None:
            job()
            del self._since[number]
            self.on_room()

        loop.call_later(takes_s, end)

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        yield

    def idle(self, timeout_s: float) -> bool:
        return not self._since

    def longest_s(self) -> float:
        now = asyncio.get_running_loop().time()
        return max((now - since for since in self._since.values()), default=0.0)
