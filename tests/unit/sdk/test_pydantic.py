"""Pydantic v2 models as targets, alone and inside dataclasses."""

# mypy: disable-error-code="explicit-any"
# Every model has an `__init__(**data: Any)`.

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pydantic import BaseModel, ConfigDict, field_validator
from pydantic.dataclasses import dataclass as pydantic_dataclass

from config_sync import ConfigClient, Options, UnmarshalError
from config_sync.sdk.decoding import decode
from tests.faults import FaultServer
from tests.service import KEY, TOKEN
from tests.unit.sdk.asking import gives

CANARY = "SECRET-CANARY"


class Database(BaseModel):
    host: str
    port: int = 5432


class App(BaseModel):
    model_config = ConfigDict(extra="forbid")

    database: Database
    names: list[str] = []

    @field_validator("names")
    @classmethod
    def _check(cls, names: list[str]) -> list[str]:
        if "bad" in names:
            raise ValueError(f"{CANARY} is bad")
        return names


class Broken(BaseModel):
    port: int

    @field_validator("port")
    @classmethod
    def _check(cls, port: int) -> int:
        raise LookupError(f"{CANARY} {port}")


@dataclass
class Outer:
    inner: Database


@pydantic_dataclass
class Checked:
    port: int


def test_a_model_is_validated_by_its_own_rules() -> None:
    with FaultServer(gives({"database": {"host": "db", "port": "1"}})) as server:
        with ConfigClient(Options(server.url, TOKEN, KEY)) as client:
            assert client.get("app", App) == App(database=Database(host="db", port=1))


def test_a_model_inside_a_dataclass() -> None:
    assert decode({"inner": {"host": "db"}}, Outer) == Outer(Database(host="db"))
    with pytest.raises(UnmarshalError, match=r"no Outer: inner\.port: int_parsing"):
        decode({"inner": {"host": "db", "port": CANARY}}, Outer)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"database": {"port": CANARY}}, r"no App: database\.host: missing; database\.port: int_parsing"),
        ({"database": {"host": "a"}, "names": [1]}, r"names\[0\]: string_type"),
        ({"database": {"host": "a"}, "names": ["bad", CANARY]}, r"names: value_error"),
        ({"database": {"host": "a"}, "other": CANARY}, r"other: extra_forbidden"),
        ([CANARY], r"the document: model_type"),
    ],
    ids=["missing", "item", "validator", "extra", "array"],
)
def test_what_a_model_refuses_names_the_places_and_never_the_values(value: object, message: str) -> None:
    with pytest.raises(UnmarshalError, match=message) as caught:
        decode(value, App)
    error: BaseException | None = caught.value
    while error is not None:
        assert CANARY not in repr(error)
        error = error.__cause__ or error.__context__


def test_a_validator_that_breaks_is_an_unmarshal_error_too() -> None:
    with pytest.raises(UnmarshalError, match=r"Broken refuses it \(LookupError\)"):
        decode({"port": 1}, Broken)


def test_a_pydantic_dataclass_is_a_dataclass() -> None:
    assert decode({"port": 1}, Checked).port == 1


def test_many_mistakes_are_counted_and_not_all_told() -> None:
    with pytest.raises(UnmarshalError, match=r"; and 15 more$"):
        decode({"database": {"host": "a"}, "names": [1] * 20}, App)
