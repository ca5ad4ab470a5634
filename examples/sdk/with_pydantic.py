"""Read a config into a Pydantic v2 model (``pip install 'config-sync[pydantic]'``). Run it as basic.py says."""

from __future__ import annotations

from pydantic import BaseModel, Field

from config_sync import ConfigClient, UnmarshalError


class Database(BaseModel):
    """A part of `App`."""

    host: str
    port: int = 5432


class App(BaseModel):
    """The model's own rules hold."""

    port: int = Field(gt=0, lt=65536)
    database: Database


def main() -> None:
    """Read the config, or say where it is wrong: the places are told, never the values."""
    with ConfigClient.from_env() as client:
        try:
            app = client.get("my-app", App)
        except UnmarshalError as error:
            raise SystemExit(str(error)) from None
    print(app.model_dump_json())


if __name__ == "__main__":
    main()
