"""Settings into working parts: what `run`, `once` and the service commands are put together from."""

from __future__ import annotations

import math
from dataclasses import dataclass

from config_sync.cache import RevisionCache
from config_sync.cache.revisions import CONFIRM_EVERY_S
from config_sync.client import Endpoint, Fetched, HttpService
from config_sync.clock import Clock, SystemClock
from config_sync.errors import ServiceUnavailable, SettingsError
from config_sync.files import Disk
from config_sync.http.client_pair import ClientPair
from config_sync.http.tls import Tls
from config_sync.log import (
    CACHE_PRUNED,
    FILE_WARNED,
    LEFTOVER_REMOVED,
    SERVICE_WARNED,
    STATE_UNAVAILABLE,
    TLS_RENEWED,
    logger,
)
from config_sync.model import ConfigRef
from config_sync.reconciler import Reconciler, Slots
from config_sync.records import Records, open_records
from config_sync.settings import ServiceSettings, Settings
from config_sync.stop import Stop


@dataclass(frozen=True, slots=True)
class Memory:
    """What outlives a change of settings: the records, the disk that knows their digest key, and the cache.

    `cache` None: there is no durable state.
    """

    records: Records
    disk: Disk
    cache: RevisionCache | None = None


def open_memory(settings: Settings, clock: Clock | None = None) -> Memory:
    """Open records and cache, say if there is no durable state, and sweep what a killed predecessor left."""
    records = open_records(settings.agent.state_dir)
    for warning in (records.why, records.warning):
        if warning:
            logger().warning(STATE_UNAVAILABLE, path=settings.agent.state_dir, reason=warning)
    state_dir = settings.agent.state_dir if records.is_durable else None
    disk = Disk(digest_key=records.digest_key, state_dir=state_dir, clock=clock or SystemClock())
    cache = None if state_dir is None else RevisionCache(state_dir, digest_key=records.digest_key)
    if cache is not None:
        cache.sweep()
    memory = Memory(records, disk, cache)
    sweep(settings, memory)
    return memory


def sweep(settings: Settings, memory: Memory) -> None:
    """Remove our own leftovers beside the targets' files; tell of targets that the settings no longer name.

    Kept files that a record still names stay. What is cached of configs that no target is made of any more goes.
    """
    targets, records, disk = settings.targets, memory.records, memory.disk
    directories = {spec.directory for target in targets for spec in target.files}
    known = {target.name for target in targets}
    for name in records.names():
        record = records.get(name)
        if name not in known and record is not None and record.written:
            # Nobody keeps them right any more, and nobody may remove them: `prune` went with the target.
            logger().warning(
                FILE_WARNED, target=name, path=list(record.written), reason="the target is no longer named"
            )
    for path in disk.sweep(directories, keep=records.kept_names()):
        logger().info(LEFTOVER_REMOVED, path=path)
    if memory.cache is not None:
        memory.cache.history = settings.agent.history
        memory.cache.confirm_every_s = _confirm_every_s(settings.agent.offline_start_s)
        named = {ref for target in targets for ref in target.configs}
        if gone := memory.cache.prune(named):
            logger().info(CACHE_PRUNED, path=list(gone))


def _confirm_every_s(offline_start_s: float) -> float:
    """How often the cache notes that the service still has what it had: so that an age is told to a part in 24.

    Not more often than each minute: every note is a durable write for each config.
    """
    is_age = 0 < offline_start_s < math.inf
    return min(CONFIRM_EVERY_S, max(60.0, offline_start_s / 24)) if is_age else CONFIRM_EVERY_S


def endpoint_of(service: ServiceSettings) -> Endpoint:
    """Where the service is. Raises SettingsError where the settings do not say."""
    if service.host is None:
        raise SettingsError(
            "no Config Service is named",
            hint="set service.host in the settings, or CONFIG_SERVICE_HOST in the environment",
        )
    pair = service.client_cert
    tls = Tls(
        service.ca_file,
        client_pair=None if pair is None else ClientPair(pair.cert_file, pair.key_file),
        warn=lambda reason: logger().warning(SERVICE_WARNED, reason=reason),
        note=lambda reason: logger().info(TLS_RENEWED, reason=reason),
    )
    return Endpoint(
        service.host, service.token, tls=tls, connect_timeout_s=service.connect_timeout_s, proxy=service.proxy
    )


def service_at(endpoint: Endpoint, service: ServiceSettings) -> HttpService:
    """The client for fetches."""
    return HttpService(endpoint, request_timeout_s=service.request_timeout_s, max_bytes=service.max_bytes)


def reconciler_for(
    service: HttpService, settings: Settings, memory: Memory, *, clock: Clock, slots: Slots | None = None
) -> Reconciler:
    """The one code path that changes files."""
    return Reconciler(
        service,
        keys=settings.service.keys,
        records=memory.records,
        disk=memory.disk,
        cache=memory.cache,
        clock=clock,
        slots=slots,
        named=frozenset(spec.path for target in settings.targets for spec in target.files),
    )


class _NoService:
    """The service of a process that must not ask it."""

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        """Raises ServiceUnavailable, Stopped."""
        stop.check()
        raise ServiceUnavailable(f"{ref.label} is not asked for here", hint="start the agent, or use 'once'")

    def forget(self, ref: ConfigRef) -> None:
        """Nothing is remembered."""


def reconciler_alone(settings: Settings, memory: Memory, *, clock: Clock) -> Reconciler:
    """One that needs no service: for orders that are carried out from disk, records and cache."""
    return Reconciler(
        _NoService(),
        keys=settings.service.keys,
        records=memory.records,
        disk=memory.disk,
        cache=memory.cache,
        clock=clock,
    )
