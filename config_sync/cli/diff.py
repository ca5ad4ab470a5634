"""``config-sync diff [TARGET…]``: what is on disk beside what the service has now, and what a sync would change.

It goes the way of a pass up to the plan and writes nothing, takes no lock and asks no agent, so it works beside a
running one. Values are masked unless they are asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field

from config_sync.agent.assembly import endpoint_of, service_at
from config_sync.cli.choosing import target_named
from config_sync.cli.diff_lines import Painter, lines_of
from config_sync.cli.fetching import with_retries
from config_sync.cli.loading import (
    add_settings_options,
    flag,
    require_targets,
    set_up_log,
    settings_reader,
    texts,
)
from config_sync.cli.output import ReaderGone, put, say
from config_sync.client import Fetched
from config_sync.errors import Exit, ServiceUnavailable, SyncError
from config_sync.files import Disk
from config_sync.model import ConfigRef, Record, Target
from config_sync.reconciler.comparing import Difference, Sight, difference, sight
from config_sync.reconciler.desired import Desired, Service, from_service, guard_against_empty
from config_sync.reconciler.guarding import Schemas
from config_sync.records import Records, read_records
from config_sync.settings import Settings
from config_sync.stop import Stop


def configure(parser: argparse.ArgumentParser) -> None:
    """Which targets, and how much of them is shown."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="only these; else all")
    parser.add_argument("--show-values", action="store_true", help="show the values too, as they stand in the files")
    parser.epilog = "Ends with 0 where nothing differs, 1 where something does, above 1 where that cannot be told."
    add_settings_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """`Exit.DONE`, `Exit.DIFFERS`, or the code of the first target that could not be compared.

    Raises:
        SettingsError, UsageError: what was asked cannot be asked.
    """
    settings = settings_reader(arguments, needs_service=True)()
    require_targets(settings)
    set_up_log(arguments, settings)
    chosen = [target_named(settings, name) for name in dict.fromkeys(texts(arguments, "targets"))]
    records = read_records(settings.agent.state_dir)
    if records.why:
        say(f"config-sync: note: {records.why}: what is held, edited or no longer named is not known")
    client = service_at(endpoint_of(settings.service), settings.service)
    comparer = _Comparer(settings, records, _AskedOnce(client), shows_values=flag(arguments, "show_values"))
    painter = Painter.for_stdout()
    code = Exit.DONE
    differs = False
    try:
        for target in chosen or settings.targets:
            try:
                found = comparer.compare(target)
            except SyncError as error:
                say(f"config-sync: {target.name}: {error.message}", *([f"  hint: {error.hint}"] if error.hint else []))
                code = code or error.exit_code
                continue
            differs = differs or bool(found.difference.files)
            put("".join(f"{line}\n" for line in lines_of(found.difference, found.desired, found.record, painter)))
    except ReaderGone:  # `| head`: something was to be read, so something differs
        return code or Exit.DIFFERS
    finally:
        client.close()
    return code or (Exit.DIFFERS if differs else Exit.DONE)


@dataclass(frozen=True, slots=True)
class _Found:
    difference: Difference
    desired: Desired
    record: Record | None


@dataclass(slots=True)
class _Comparer:
    """One target after the other; once the service was away for long, the others are not waited for again."""

    settings: Settings
    records: Records
    service: Service
    shows_values: bool
    schemas: Schemas = field(default_factory=Schemas)
    stop: Stop = field(default_factory=Stop)
    is_away: bool = False

    def compare(self, named: Target) -> _Found:
        """Raises SyncError: what would end the pass too, or a file that may not be read."""
        record = None if self.records.why else self.records.get(named.name) or Record()
        known = record or Record()
        disk = Disk(digest_key=self.records.digest_key, state_dir=None)
        desired = self._patiently(lambda: self._desired(named, known))
        target = desired.target or named
        before, seen = sight(known.known(named), disk), sight(target, disk)
        guard_against_empty(named, desired, before.states | seen.states)
        both = Sight({**before.by_path, **seen.by_path})
        found = difference(target, desired, both, record=record, disk=disk, shows_values=self.shows_values)
        return _Found(found, desired, record)

    def _desired(self, named: Target, record: Record) -> Desired:
        return from_service(
            named,
            self.service,
            keys=self.settings.service.keys,
            schemas=self.schemas,
            digest_key=self.records.digest_key,
            record=record,
            hints={},
            stop=self.stop,
        )

    def _patiently(self, make: Callable[[], Desired]) -> Desired:
        if self.is_away:
            return make()
        try:
            return with_retries(make, self.settings.service, self.stop)
        except ServiceUnavailable:
            self.is_away = True
            raise


class _AskedOnce:
    """A service that is asked once for each config, however many targets use it: all are compared with one answer."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._answers: dict[ConfigRef, Fetched] = {}

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        """See `Service`."""
        if ref not in self._answers:
            self._answers[ref] = self._service.fetch(ref, stop)
        return self._answers[ref]

    def forget(self, ref: ConfigRef) -> None:
        """See `Service`."""
        self._answers.pop(ref, None)
        self._service.forget(ref)
