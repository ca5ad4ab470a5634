"""The whole agent on a virtual clock: a service and streams in memory, real files, a real control socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path

from config_sync.agent.agent import Agent, Connection
from config_sync.agent.assembly import Memory
from config_sync.cache import RevisionCache
from config_sync.credentials import default_key, default_token
from config_sync.errors import SettingsError
from config_sync.files import Disk
from config_sync.formats.json_ import JsonFormat
from config_sync.model import (
    AbsolutePath,
    ConfigName,
    ConfigRef,
    Debounce,
    FileSpec,
    OnDrift,
    Outcome,
    Target,
    Validate,
)
from config_sync.notify import Notifier
from config_sync.reconciler import Occasion, Reconciler
from config_sync.records import open_records
from config_sync.settings import AgentSettings, ServiceSettings, Settings
from config_sync.stop import Stop
from config_sync.triggers.watching import Paths
from tests.fake_streams import FakeStream, FakeStreams
from tests.fakes import KEY, FakeReload, FakeService, InlineWorkers, Keys
from tests.virtual_clock import run, running_clock

DAY_S = 86400.0


class World:
    """One agent's surroundings; `running` starts an agent in them, as often as wanted."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.etc = directory / "etc"
        self.etc.mkdir()
        self.service = FakeService()
        self.streams = FakeStreams()
        self.workers = InlineWorkers()
        self.notifier = Notifier(None)
        self.reloads: dict[str, FakeReload] = {}
        self.connections: list[ServiceSettings] = []
        self.next_settings: Settings | SettingsError | None = None
        self.watches: list[tuple[Paths, Callable[[frozenset[str]], None]]] = []
        """Those that run, with whom they tell."""
        self.before_pass: Callable[[str], None] = lambda _: None
        environ = {"CONFIG_SERVICE_TOKEN": "token", "CONFIG_SERVICE_KEY": KEY.raw.hex()}
        self.service_settings = ServiceSettings("http://localhost", default_token(environ), default_key(environ))

    def target(
        self,
        name: str = "app",
        *configs: str,
        debounce: Debounce | None = None,
        is_required: bool = True,
        validate: Validate | None = None,
        on_drift: OnDrift = OnDrift.RESTORE,
    ) -> Target:
        """One file for each config (by default one config of the target's name), told by a consumer of its own."""
        files = tuple(
            FileSpec(
                AbsolutePath(str(self.etc / (f"{name}.json" if not configs else f"{name}-{config}.json"))),
                ConfigRef(ConfigName(config)),
                JsonFormat(),
            )
            for config in (configs or (name,))
        )
        reload = self.reloads.setdefault(name, FakeReload())
        return Target(
            name,
            files,
            validate=validate,
            reload=(reload,),
            on_drift=on_drift,
            debounce=debounce or Debounce(),
            required=is_required,
        )

    def settings(self, *targets: Target, service: ServiceSettings | None = None) -> Settings:
        state, runtime = (AbsolutePath(str(self.directory / name)) for name in ("state", "run"))
        return Settings(service or self.service_settings, AgentSettings(state, runtime), targets)

    @contextlib.asynccontextmanager
    async def running(self, *targets: Target, settings: Settings | None = None) -> AsyncIterator[Agent]:
        """An agent that runs for the length of the block and is then stopped, which must not fail."""
        clock = running_clock()
        settings = settings or self.settings(*(targets or (self.target(),)))
        records = open_records(settings.agent.state_dir)
        disk = Disk(digest_key=records.digest_key, state_dir=settings.agent.state_dir, clock=clock)
        cache = RevisionCache(settings.agent.state_dir, digest_key=records.digest_key)
        stop = Stop()

        def connect(current: Settings) -> Connection:
            self.connections.append(current.service)
            reconciler = _Watched(
                self.service, keys=Keys(), records=records, disk=disk, clock=clock, cache=cache, slots=self.workers
            )
            reconciler.before_pass = lambda name: self.before_pass(name)
            return Connection(self.service, self.streams, reconciler)

        def read_settings() -> Settings:
            if isinstance(self.next_settings, SettingsError):
                raise self.next_settings
            return self.next_settings or settings

        agent = Agent(
            settings,
            memory=Memory(records, disk, cache),
            connect=connect,
            read_settings=read_settings,
            workers=self.workers,
            notifier=self.notifier,
            stop=stop,
            clock=clock,
            chance=random.Random(1).random,
            watch=self._watch,
        )
        task = asyncio.create_task(agent.run(), name="agent")
        await asyncio.sleep(0.01)
        try:
            yield agent
        finally:
            agent.stop()
            await task

    async def _watch(self, paths: Paths, on_change: Callable[[frozenset[str]], None]) -> None:
        """The place of the watch over directories, whose thread knows no virtual time."""
        self.watches.append((paths, on_change))
        try:
            while True:
                before = frozenset(paths)
                await paths.changed.wait()
                paths.changed.clear()
                if added := frozenset(paths) - before:
                    on_change(added)
        finally:
            self.watches.remove((paths, on_change))

    def edit(self, content: str, name: str = "app") -> None:
        """Somebody changes the target's file, and the watch over its directory tells of it."""
        path = self.etc / f"{name}.json"
        path.write_text(content)
        self.stir(name)

    def stir(self, name: str = "app") -> None:
        """The watch tells that something happened to the target's file."""
        self.stir_path(self.etc / f"{name}.json")

    def stir_path(self, path: Path) -> None:
        """The same for a file of any name."""
        for paths, on_change in self.watches:
            if str(path) in set(paths):
                on_change(frozenset({str(path)}))

    def text(self, name: str = "app") -> str | None:
        """The file's content, or None."""
        path = self.etc / f"{name}.json"
        return path.read_text() if path.exists() else None

    def stream(self, config: str = "app") -> FakeStream:
        """The open stream of the config."""
        return next(stream for stream in self.streams.open_streams if stream.ref.name == config)

    async def until_streaming(self, config: str = "app") -> FakeStream:
        """Wait until the config's stream is open: one that the server leaves silent has gaps of up to 5 s."""
        while not any(stream.ref.name == config for stream in self.streams.open_streams):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        return self.stream(config)

    def condition(self, kind: str, name: str = "app") -> dict[str, object]:
        """The target's condition of that type, as ``status.json`` has it."""
        return next(one for one in _list(self.status(name)["conditions"]) if one["type"] == kind)

    def status(self, name: str = "app") -> dict[str, object]:
        """The target's part of ``status.json``."""
        for one in _list(self.page()["targets"]):
            if one["name"] == name:
                return one
        raise AssertionError(f"{name} is not in status.json")

    def page(self) -> dict[str, object]:
        """All of ``status.json``."""
        return _object(json.loads((self.directory / "run" / "status.json").read_text()))

    async def ask(self, **request: object) -> dict[str, object]:
        """One request on the control socket, and its answer."""
        reader, writer = await asyncio.open_unix_connection(str(self.directory / "run" / "control.sock"))
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            return _object(json.loads(await reader.readline()))
        finally:
            writer.close()


class _Watched(Reconciler):
    """The real one; a test may do something at the start of each pass, such as failing with a bug."""

    before_pass: Callable[[str], None]

    def reconcile(self, target: Target, occasion: Occasion, stop: Stop) -> Outcome:
        self.before_pass(target.name)
        return super().reconcile(target, occasion, stop)


def _object(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return {str(key): member for key, member in value.items()}


def _list(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return [_object(one) for one in value]


@contextlib.contextmanager
def new_world() -> Iterator[World]:
    """In memory where there is such a place: a fsync proves nothing here; and a socket's path is short."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as made:
        directory = Path(made)
        directory.chmod(0o755)
        yield World(directory)


def play(scenario: Callable[[World], Coroutine[object, object, None]], *, limit_s: float = DAY_S) -> None:
    """Run the scenario in a new world on virtual time, for at most `limit_s` of it."""
    with new_world() as world:
        run(scenario(world), limit_s=limit_s)
