"""The agent: the fixed roster of tasks, the commands it answers, the settings it can change, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from config_sync.agent.assembly import Memory, sweep
from config_sync.agent.awaiting import Awaiting
from config_sync.agent.commands import STUCK_S, AgentCommands
from config_sync.agent.control import Answer, answer, listening
from config_sync.agent.looking import looker
from config_sync.agent.passes import Passes
from config_sync.agent.roster import Roster
from config_sync.agent.watches import Watch, Watches
from config_sync.agent.watching_it import site_of
from config_sync.agent.workers import Workers
from config_sync.client import Service
from config_sync.client.streams import Streams
from config_sync.clock import Clock
from config_sync.errors import ConfigSyncError, Exit, SettingsError
from config_sync.log import CREDENTIALS_CHANGED, SETTINGS_REJECTED, SETTINGS_RELOADED, SETTINGS_WARNED, logger
from config_sync.model import AbsolutePath, ChangeEvent, ConfigRef, OnDrift, Target
from config_sync.notify import Notifier
from config_sync.reconciler import Reconciler
from config_sync.settings import Settings
from config_sync.status import Board, Linked, State, StatusPage
from config_sync.status.readiness import startup_done
from config_sync.stop import Stop
from config_sync.triggers.standing import Standing
from config_sync.triggers.watching import watch_files
from config_sync.webserver.serving import WebServer
from config_sync.workqueue import Wake

REPORT_S = 0.2
"""Status is written at most this often: a burst of a thousand outcomes is a handful of files."""
REPORT_SHARE = 20
"""A thousand targets take tens of milliseconds to write: of the loop's time it is to be a twentieth at most."""
EXTEND_S = 30.0
"""How much longer the service manager is asked to wait, three times in this span, while the first sync lasts."""
HOOKS_END_S = 12.0
"""A stop gives running hooks 10 s, then kills them: this is when the agent leaves whatever happens."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One way to the service; made anew when the settings name another."""

    service: Service
    streams: Streams
    reconciler: Reconciler


class Agent:
    """Everything `run` does between its start and its end.

    `connect` makes a Connection for settings; `read_settings` reads them again (raises SettingsError). `on_started` is
    called once every required target is there.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        memory: Memory,
        connect: Callable[[Settings], Connection],
        read_settings: Callable[[], Settings],
        workers: Workers,
        notifier: Notifier,
        stop: Stop,
        clock: Clock,
        chance: Callable[[], float],
        watch: Watch = watch_files,
        on_started: Callable[[], None] | None = None,
        is_socket_needed: bool = True,
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._connect = connect
        self._read_settings = read_settings
        self._workers = workers
        self._notifier = notifier
        self._stop = stop
        self._clock = clock
        self._chance = chance
        self._board = Board(clock, stale_after_s=settings.service.stale_after_s)
        self._page = StatusPage(
            self._board, runtime_dir=settings.agent.runtime_dir, host=settings.service.host, clock=clock
        )
        self._connection = connect(settings)
        self._passes = Passes(
            self._connection.reconciler,
            records=memory.records,
            board=self._board,
            workers=workers,
            stop=stop,
            clock=clock,
            chance=chance,
        )
        self._roster = Roster(on_mark=self._on_mark, on_standing=self._on_standing, chance=chance, clock=clock)
        self._awaiting = Awaiting(on_known=self._board.note, on_mark=self._passes.mark, clock=clock)
        self._passes.on_unmet = self._on_unmet
        self._stopping = asyncio.Event()
        self._news = asyncio.Event()
        self._board.on_change = self._news.set
        self._on_started = on_started or (lambda: None)
        self._is_socket_needed = is_socket_needed
        self._watches = Watches(watch, on_credentials=self._on_credentials, on_outputs=self._on_files)
        self._is_started = False
        self._commands = AgentCommands(self._passes, self._board, workers, reload_settings=self.reload_settings)
        site = site_of(self._board, self._page, self._roster.states, self._commands.health, clock)
        self._web = WebServer(site, chance=chance)

    async def run(self) -> None:
        """Work until `stop` is called. Everything is ended and saved when it returns."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            runtime_dir = self._settings.agent.runtime_dir
            async with listening(runtime_dir, self._commands, is_needed=self._is_socket_needed):
                self._apply(self._settings, wake=Wake.START)
                fixed = [
                    tasks.create_task(self._passes.run(), name="passes"),
                    tasks.create_task(self._report(), name="report"),
                    tasks.create_task(self._keep_alive(), name="keep alive"),
                ]
                await self._stopping.wait()
                self._roster.stop()
                self._watches.stop()
                self._web.stop()
                for task in fixed:
                    task.cancel()
            await self._wind_down()

    def stop(self) -> None:
        """End: fetches and waits at once, a publish when it is whole, hooks within their grace. Safe to repeat."""
        self._notifier.stopping()
        self._stop.set()
        self._stopping.set()

    async def _wind_down(self) -> None:
        deadline = self._clock.monotonic() + HOOKS_END_S
        # The workers are threads: nothing in this loop could be awaited instead.
        while not self._workers.idle(0) and self._clock.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)  # the last pass has ended: let its outcome arrive
        self._page.write()

    # ---- settings

    def _apply(self, settings: Settings, *, wake: Wake) -> None:
        for warning in settings.warnings:
            logger().warning(SETTINGS_WARNED, reason=str(warning))
        self._settings = settings
        self._board.stale_after_s = settings.service.stale_after_s
        self._page.host = settings.service.host
        self._passes.reconciler = self._connection.reconciler
        self._passes.offline_start_s = settings.agent.offline_start_s
        self._web.follow(settings.agent.listen, tasks=self._tasks)
        self._passes.watch(settings.targets, settings.service, wake=wake)
        self._awaiting.look = looker(self._connection.service, self._workers, self._stop)
        self._roster.follow(
            settings.targets,
            self._connection.streams,
            self._awaiting.look,
            service=settings.service,
            tasks=self._tasks,
        )
        self._watches.follow(settings.service, self._output_paths(), tasks=self._tasks)

    def _output_paths(self) -> list[AbsolutePath]:
        """The files whose edits by others matter; those of a set as they were last written."""
        watched = [target for target in self._settings.targets if target.on_drift is not OnDrift.IGNORE]
        return [spec.path for target in watched for spec in self._known(target).files]

    def _known(self, target: Target) -> Target:
        record = self._memory.records.get(target.name) if target.key_set is not None else None
        return target if record is None else record.known(target)

    def reload_settings(self) -> Answer:
        """Read the settings again; the old ones stay in force if the new ones are bad."""
        if self._is_started:
            self._notifier.reloading()
        try:
            settings = self._read_settings()
            _check_same_state(self._settings, settings)
            if settings.service != self._settings.service:
                before = self._connection
                self._connection = self._connect(settings)
                before.service.close()
        except ConfigSyncError as error:
            problems = [str(one) for one in error.problems] if isinstance(error, SettingsError) else []
            logger().error(SETTINGS_REJECTED, error=error.message, hint=error.hint, reason=problems or None)
            lines = "\n".join([f"the settings stay as they were: {error.message}", *problems])
            return answer(error.exit_code, lines, hint=error.hint)
        finally:
            if self._is_started:  # before that, READY would promise a first sync that has not been
                self._notifier.ready(status=self._summary())
        sweep(settings, self._memory)
        self._apply(settings, wake=Wake.SETTINGS)
        self._roster.retry_now()
        logger().info(SETTINGS_RELOADED, targets=len(settings.targets))
        return answer(Exit.DONE, f"settings read: {len(settings.targets)} target(s)")

    def _on_files(self, paths: frozenset[str]) -> None:
        """A file of ours changed: by our own hand, or by somebody else's, which a look at the disk will tell."""
        for target in self._settings.targets:
            if any(spec.path in paths for spec in self._known(target).files):
                self._passes.mark(target.name, Wake.FILES)

    def _on_credentials(self, paths: frozenset[str]) -> None:
        """A credential's file changed: everything that waited for a person is tried at once."""
        logger().info(CREDENTIALS_CHANGED, path=sorted(paths))
        self._roster.retry_now()
        self._passes.mark_all(Wake.CREDENTIALS)

    # ---- triggers

    def _on_mark(self, ref: ConfigRef, wake: Wake, event: ChangeEvent | None) -> None:
        self._passes.mark_config(ref.name, wake, event)

    def _on_standing(self, ref: ConfigRef, now: Standing) -> None:
        before = self._board.linked(ref.name)
        if before is not None and not now.is_told and (before.is_connected, before.reason) == (False, now.reason):
            return  # the message alone, of an outage: no news
        self._board.link(ref.name, Linked(now.is_told, now.reason, now.message, self._clock.now()))

    def _on_unmet(self, target: Target) -> None:
        if not self._stop.is_set():
            self._tasks.create_task(self._awaiting.explain(target), name=f"explain {target.name}")

    def sync_all(self) -> None:
        """USR1: look at everything now."""
        self._passes.mark_all(Wake.COMMAND)

    # ---- reports

    async def _report(self) -> None:
        """Write the status and tell the service manager when something changed, at most five times a second."""
        while True:
            await self._news.wait()
            self._news.clear()
            begun = self._clock.monotonic()
            self._page.write()
            if any(target.key_set for target in self._settings.targets):
                self._watches.follow_outputs(self._output_paths())  # a set may have other files than before
            if not self._is_started and startup_done(self._board.statuses()):
                self._is_started = True
                self._on_started()
                self._notifier.ready(status=self._summary())
            else:
                self._notifier.status(self._summary())
            await asyncio.sleep(max(REPORT_S, REPORT_SHARE * (self._clock.monotonic() - begun)))

    async def _keep_alive(self) -> None:
        """While the first sync lasts ask for more time; then feed the watchdog, as long as nothing is stuck."""
        watchdog_s = self._notifier.watchdog_s
        while not self._is_started or watchdog_s is not None:
            if not self._is_started:
                self._notifier.extend(EXTEND_S)
            if watchdog_s is not None and self._workers.longest_s() < STUCK_S:
                self._notifier.watchdog()
            await asyncio.sleep(min(EXTEND_S / 3, EXTEND_S if watchdog_s is None else watchdog_s / 3))

    def _summary(self) -> str:
        statuses = self._board.statuses()
        synced = sum(1 for one in statuses if one.state is State.SYNCED)
        for one in statuses:
            if one.error is not None:
                return f"{synced} of {len(statuses)} targets synced; {one.target.name}: {one.error.message}"
        for name, link in self._board.links().items():
            if not link.is_connected:
                return f"{synced} of {len(statuses)} targets synced; not told of changes of {name}: {link.message}"
        return f"{synced} of {len(statuses)} targets synced"


def _check_same_state(before: Settings, after: Settings) -> None:
    if (before.agent.state_dir, before.agent.runtime_dir) != (after.agent.state_dir, after.agent.runtime_dir):
        raise SettingsError(
            "agent.state_dir and agent.runtime_dir cannot change while the agent runs", hint="restart the agent"
        )
