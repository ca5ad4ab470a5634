"""``config-sync list``: the configs that the token may read, one a line."""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime

from config_sync.agent.assembly import endpoint_of, service_at
from config_sync.cli.fetching import with_retries
from config_sync.cli.loading import flag, service_settings
from config_sync.cli.output import put
from config_sync.client import ConfigInfo
from config_sync.errors import Exit
from config_sync.stop import Stop


def configure(parser: argparse.ArgumentParser) -> None:
    """How to print them."""
    parser.add_argument("--json", action="store_true", help="one JSON list, for scripts")


def run(arguments: argparse.Namespace) -> int:
    """Print them in the service's order. Raises SettingsError, ServiceError, CredentialError."""
    service = service_settings(arguments).service
    client = service_at(endpoint_of(service), service)
    stop = Stop()
    try:
        infos = with_retries(lambda: client.list(stop), service, stop)
    finally:
        client.close()
    lines = _as_json(infos) if flag(arguments, "json") else _as_table(infos)
    put("\n".join([*lines, ""]))
    return Exit.DONE


def _as_json(infos: tuple[ConfigInfo, ...]) -> list[str]:
    rows = [
        {
            "name": info.name,
            "is_valid": info.is_valid,
            "valid_from": _time(info.valid_from),
            "updated_at": _time(info.updated_at),
        }
        for info in infos
    ]
    return [json.dumps(rows, indent=2)]


def _as_table(infos: tuple[ConfigInfo, ...]) -> list[str]:
    now = time.time()
    rows = [("NAME", "VALID", "VALID FROM", "UPDATED")]
    rows += [(_visible(info.name), _valid(info, now), _time(info.valid_from), _time(info.updated_at)) for info in infos]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _valid(info: ConfigInfo, now: float) -> str:
    if info.valid_from.timestamp() > now:
        return "not yet"
    return "yes" if info.is_valid else "no"


def _visible(name: str) -> str:
    # The name is the service's: an escape sequence in it must not reach the terminal.
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in name)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
