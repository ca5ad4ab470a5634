"""Read a config into a dataclass.

Run it against a service of your own machine::

    mkdir -p /tmp/configs && echo '{"port": 8080, "database": {"host": "db"}}' >/tmp/configs/my-app.json
    config-sync serve /tmp/configs        # prints three exports: paste them into another terminal
    python examples/sdk/basic.py
"""

from __future__ import annotations

from dataclasses import dataclass, field

from config_sync import ConfigClient, ConfigClientError, GetOptions


@dataclass
class Database:
    """A part of `App`."""

    host: str
    port: int = 5432


@dataclass
class App:
    """What this program wants of its config; what else is in there is not looked at."""

    port: int
    database: Database
    tags: list[str] = field(default_factory=list)


def main() -> None:
    """Read the config as it is, in an environment, and as plain values."""
    with ConfigClient.from_env() as client:
        try:
            app = client.get("my-app", App)
            staging = client.get("my-app", App, GetOptions(environment="staging"))
        except ConfigClientError as error:
            raise SystemExit(f"{error}\nhint: {error.hint}") from None
        print(f"port {app.port}, database {app.database.host}:{app.database.port}")
        print(f"in staging: port {staging.port}")
        print(f"configs: {', '.join(info.name for info in client.list())}")


if __name__ == "__main__":
    main()
