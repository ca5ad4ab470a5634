"""``config-sync status``: what is on disk, how old it is, and why. Reads status files only: no HTTP, no crypto."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from config_sync.cli.asking import runtime_dir_of
from config_sync.cli.output import put
from config_sync.cli.table import aligned
from config_sync.errors import Exit, NoAgent, UsageError

PAGE = "status.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Which agent, and how to show it."""
    parser.add_argument("--json", action="store_true", help="the status file as it is")
    parser.add_argument("--instance", metavar="NAME", help="one instance of config-sync@.service")
    parser.add_argument("--runtime-dir", metavar="D", help="else as the settings say, else the default")


def run(arguments: argparse.Namespace) -> int:
    """Print what is known. Raises NoAgent, UsageError."""
    given: object = arguments.runtime_dir
    instance: object = arguments.instance
    pages = list(_pages(_runtime_dir(arguments, given), instance if isinstance(instance, str) else None))
    if arguments.json:
        found = [page for _path, page in pages]
        put(json.dumps(found[0] if len(found) == 1 else found, indent=2) + "\n")
        return Exit.DONE
    for path, page in pages:
        put("\n".join([*_told(path, page, is_alone=len(pages) == 1), ""]))
    return Exit.DONE


def _runtime_dir(arguments: argparse.Namespace, given: object) -> str:
    explicit: object = arguments.config or os.environ.get("CONFIG_SYNC_CONFIG")
    if given is None and isinstance(explicit, str):
        from config_sync.settings import load  # only with --config: the plain form reads no settings

        return load(explicit, environ=os.environ, needs_service=False).agent.runtime_dir
    return runtime_dir_of(given if isinstance(given, str) else None)


def _pages(runtime_dir: str, instance: str | None) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The status files under the runtime directory: its own, and one a directory below it."""
    if instance is not None and ("/" in instance or instance.startswith(".")):
        raise UsageError(
            f"--instance {instance!r} is not a name", hint="it is what stands after the @ in the unit's name"
        )
    directories = [os.path.join(runtime_dir, instance)] if instance else [runtime_dir]
    if instance is None:
        try:
            below = sorted(entry.path for entry in os.scandir(runtime_dir) if entry.is_dir(follow_symlinks=False))
        except OSError:
            below = []
        directories += below
    paths = [os.path.join(directory, PAGE) for directory in directories]
    found = [path for path in paths if os.path.exists(path)]
    if not found:
        raise NoAgent(
            f"no status under {runtime_dir}",
            hint="neither 'run' nor 'once' has written one: is the agent running, and is this its runtime directory?",
        )
    for path in found:
        yield path, _read(path)


def _read(path: str) -> Mapping[str, object]:
    try:
        with open(path, "rb") as file:
            page: object = json.loads(file.read())
    except OSError as error:
        raise NoAgent(f"{path}: {error.strerror or error}", hint="ask as a user that may read it") from error
    except ValueError:
        page = None
    if not isinstance(page, dict):
        raise NoAgent(f"{path} is no status file", hint="the agent writes it anew at its next change")
    return page


def _told(path: str, page: Mapping[str, object], *, is_alone: bool) -> list[str]:
    service = page.get("service")
    host = service.get("host") if isinstance(service, dict) else None
    is_alive = _is_alive(page.get("pid"))
    lines = [] if is_alone else [path]
    if not is_alive:
        lines.append("no agent runs (this is what the last one left)")
    lines.append(f"service {host}")
    targets = page.get("targets")
    rows = [("TARGET", "STATE", "VERSION", "WRITTEN", "CURRENT AS OF", "CHANGED BY")]
    notes: list[str] = []
    for target in targets if isinstance(targets, list) else ():
        if not isinstance(target, dict):
            continue
        rows.append(
            (
                str(target.get("name")),
                str(target.get("state")),
                _shown(target.get("version")),
                _age(target.get("written_at")),
                _age(target.get("current_as_of")),
                _shown(target.get("changed_by")),
            )
        )
        files = target.get("files")
        notes += [
            f"{target.get('name')}: {one.get('path')} is ours, but the settings no longer name it"
            for one in (files if isinstance(files, list) else ())
            if isinstance(one, dict) and one.get("state") == "dropped"
        ]
        if target.get("from_cache_since") is not None:
            notes.append(
                f"{target.get('name')}: what is on disk comes from the cache, {_age(target.get('from_cache_since'))};"
                " the service has not been reached since"
            )
        notes += _pinned(target)
        error = target.get("error")
        if isinstance(error, dict):
            notes.append(f"{target.get('name')}: {_with_version(error)}")
            if error.get("hint"):
                notes.append(f"  hint: {error.get('hint')}")
    return [*lines, *aligned(rows), *notes]


def _with_version(error: Mapping[str, object]) -> str:
    """The message, after the version or revision that it is about, where it is about one and does not name it."""
    message, refused = str(error.get("message")), error.get("refused")
    if not isinstance(refused, dict) or not (refused.get("version") or refused.get("revision")):
        return message
    version, revision = refused.get("version"), refused.get("revision")
    named = f"revision {revision}" if version is None else f"version {version}"
    return message if named in message else f"{named} refused: {message}"


def _pinned(target: Mapping[str, object]) -> list[str]:
    """Who holds it, since when and why; and which revision is passed over."""
    lines: list[str] = []
    hold, name = target.get("hold"), target.get("name")
    if isinstance(hold, dict):
        by = f" by {hold.get('by')}" if hold.get("by") else ""
        until = f"until {hold.get('until')}" if hold.get("until") else f"until 'config-sync resume {name}'"
        why = f": {hold.get('reason')}" if hold.get("reason") else ""
        owed = "; its consumer has not been told yet" if target.get("reload_pending") else ""
        lines.append(f"{name}: held{by} since {_age(hold.get('since'))}, {until}{why}{owed}")
    skipped = target.get("skipped")
    if isinstance(skipped, dict) and isinstance(hold, dict):  # else it is the target's error
        lines.append(f"{name}: version {_shown(skipped.get('version'))} is skipped: {skipped.get('reason')}")
    return lines


def _is_alive(pid: object) -> bool:
    return isinstance(pid, int) and os.path.exists(f"/proc/{pid}")


def _shown(value: object) -> str:
    return "-" if value is None else str(value)


def _age(at: object) -> str:
    """How long ago, in the largest unit that says something."""
    if not isinstance(at, str):
        return "-"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit} ago"
    return f"{max(0.0, seconds):.0f}s ago"
