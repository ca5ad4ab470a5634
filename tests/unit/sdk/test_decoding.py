"""JSON into types: what fits, what does not, and what the error says."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import enum
import pathlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Generic, Literal, NewType, NotRequired, Optional, TypedDict, TypeVar, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync import UnmarshalError
from config_sync.sdk.decoding import decode

T = TypeVar("T")
CANARY = "SECRET-CANARY"


class Color(enum.Enum):
    RED = "red"
    ONE = 1


Port = NewType("Port", int)


@dataclass
class Server:
    host: str
    port: int = 5432
    tags: list[str] = field(default_factory=list)
    computed: str = field(init=False, default="made")


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    name: str
    server: Server
    replicas: tuple[Server, ...] = ()
    by_zone: dict[str, Server] = field(default_factory=dict)
    backup: Server | None = None
    ratio: float = 0.5
    limit: int | str | None = None
    color: Color = Color.RED
    mode: Literal["fast", "safe"] = "safe"


@dataclass
class Cat:
    meow: str


@dataclass
class Dog:
    bark: str
    age: int = 1


@dataclass
class Pet:
    animal: Cat | Dog


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list)


class Options(TypedDict):
    debug: bool
    level: NotRequired[int]


@dataclass
class Box(Generic[T]):
    item: T


@dataclass
class Picky:
    port: int

    def __post_init__(self) -> None:
        if self.port < 1024:
            raise ValueError(f"{CANARY} {self.port}")


SERVER = {"host": "db", "port": 1}


def test_a_nested_dataclass_with_everything_in_it() -> None:
    value: dict[str, object] = {
        "name": "a",
        "server": {"host": "db", "tags": ["x"], "unknown": 1},
        "replicas": [SERVER, {"host": "c"}],
        "by_zone": {"eu": SERVER},
        "backup": None,
        "ratio": 1,
        "limit": "none",
        "color": "red",
        "mode": "fast",
        "more": {"ignored": True},
    }
    made = decode(value, App)
    assert made == App(
        name="a",
        server=Server("db", tags=["x"]),
        replicas=(Server("db", 1), Server("c")),
        by_zone={"eu": Server("db", 1)},
        ratio=1.0,
        limit="none",
        mode="fast",
    )
    assert isinstance(made.ratio, float)


def test_defaults_are_made_anew_for_each() -> None:
    first, second = decode({"host": "a"}, Server), decode({"host": "b"}, Server)
    assert first.tags is not second.tags


@pytest.mark.parametrize(
    ("hint", "value", "made"),
    [
        (dict, {"a": [1]}, {"a": [1]}),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (list, [1, "a"], [1, "a"]),
        (list[float], [1, 2.5], [1.0, 2.5]),
        (Sequence[int], [1], [1]),
        (Mapping[str, bool], {"a": True}, {"a": True}),
        (tuple[int, str], [1, "a"], (1, "a")),
        (tuple[()], [], ()),
        (tuple, [1], (1,)),
        (set[int], [1, 1, 2], {1, 2}),
        (frozenset[str], ["a"], frozenset({"a"})),
        (int, 3.0, 3),
        (object, {"a": None}, {"a": None}),
        (Optional[int], None, None),  # noqa: UP045
        (Union[int, str], "a", "a"),  # noqa: UP007
        (float | int, 1, 1),
        (bool | int, True, True),
        (list[int] | list[str], [], []),
        (Annotated[int, "a note"], 1, 1),
        (Port, 80, 80),
        (Color, 1, Color.ONE),
        (Literal[1, "a", None], None, None),
        (datetime.datetime, "2026-01-02T03:04:05Z", datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)),
        (datetime.date, "2026-01-02", datetime.date(2026, 1, 2)),
        (datetime.time, "03:04:05", datetime.time(3, 4, 5)),
        (uuid.UUID, "12345678123456781234567812345678", uuid.UUID(int=0x12345678123456781234567812345678)),
        (decimal.Decimal, "1.10", decimal.Decimal("1.10")),
        (decimal.Decimal, 1.5, decimal.Decimal("1.5")),
        (pathlib.Path, "/etc/app", pathlib.Path("/etc/app")),
        (Options, {"debug": True, "x": 1}, {"debug": True}),
        (Box[int], {"item": "anything"}, Box("anything")),
        (Tree, {"name": "a", "children": [{"name": "b"}]}, Tree("a", [Tree("b")])),
        (Pet, {"animal": {"bark": "w", "age": 2}}, Pet(Dog("w", 2))),
        (Cat | Dog, {"meow": "m", "bark": "b", "age": 3}, None),
    ],
    ids=str,
)
def test_what_fits(hint: type[object], value: object, made: object) -> None:
    if made is None and value is not None:
        with pytest.raises(UnmarshalError, match="fits more than one member of the union"):
            decode(value, hint)
        return
    found = decode(value, hint)
    assert found == made
    assert type(found) is type(made)


def test_a_union_prefers_the_only_class_that_knows_every_member() -> None:
    @dataclass
    class Small:
        a: int

    @dataclass
    class Large:
        a: int
        b: int = 0

    union: type[object] = Small | Large  # type: ignore[assignment]  # a union at run time
    assert decode({"a": 1, "b": 2}, union) == Large(1, 2)


@pytest.mark.parametrize(
    ("hint", "value", "message"),
    [
        (App, {"name": "a"}, r"the document is no App: server: is missing"),
        (App, {"name": "a", "server": {}}, r"server\.host: is missing"),
        (App, {"name": "a", "server": {"host": 7}}, r"server\.host: expected a string, found a number"),
        (App, {"name": "a", "server": SERVER, "replicas": [SERVER, {"port": 1}]}, r"replicas\[1\]\.host: is missing"),
        (
            App,
            {"name": "a", "server": SERVER, "by_zone": {"eu": 1}},
            r"by_zone\.eu: expected an object, found a number",
        ),
        (App, {"name": "a", "server": SERVER, "backup": []}, r"backup: expected an object, found an array"),
        (App, {"name": "a", "server": SERVER, "limit": 1.5}, r"limit: a number fits no member of the union"),
        (App, {"name": "a", "server": SERVER, "color": CANARY}, r"color: expected a value of Color, found a string"),
        (App, {"name": "a", "server": SERVER, "mode": CANARY}, r"mode: expected one of the literals, found a string"),
        (App, {"name": "a", "server": SERVER, "ratio": CANARY}, r"ratio: expected a number, found a string"),
        (App, [CANARY], r"the document is no App: expected an object, found an array"),
        (dict, [CANARY], r"the document is no dict: expected an object, found an array"),
        (dict[int, int], {"1": 1}, r"only dict\[str, \.\.\.\] fits"),
        (list[int], [1, CANARY], r"\[1\]: expected a whole number, found a string"),
        (int, True, r"expected a whole number, found a boolean"),
        (int, 1.5, r"expected a whole number, found one with a fraction"),
        (float, 10**400, r"too large for a float"),
        (str, None, r"expected a string, found null"),
        (bool, 1, r"expected true or false, found a number"),
        (type(None), 1, r"expected null, found a number"),
        (tuple[int, int], [1], r"expected 2 items, found 1"),
        (set[object], [{}], r"a set holds no objects"),
        (datetime.datetime, CANARY, r"expected an RFC 3339 time as a string, found a string"),
        (uuid.UUID, CANARY, r"expected a UUID as a string"),
        (decimal.Decimal, CANARY, r"expected a number, found a string"),
        (Options, {}, r"debug: is missing"),
        (Picky, {"port": 80}, r"Picky refuses it \(ValueError\)"),
        (complex, 1, r"complex is no type to decode into"),
        (bytes, CANARY, r"bytes is no type to decode into"),
    ],
    ids=str,
)
def test_what_does_not_fit_names_the_place_and_never_the_value(hint: type[object], value: object, message: str) -> None:
    with pytest.raises(UnmarshalError, match=message) as caught:
        decode(value, hint)
    shown = [str(caught.value)]
    error: BaseException | None = caught.value
    while error is not None:  # also what a traceback or an error tracker would show
        shown.append(repr(error))
        error = error.__cause__ or error.__context__
    assert CANARY not in " ".join(shown)


def test_an_annotation_that_cannot_be_resolved_takes_what_is_there() -> None:
    @dataclass
    class Local:
        inner: Inner
        port: int

    @dataclass
    class Inner:
        a: int

    assert decode({"inner": {"a": 1}, "port": 2}, Local).port == 2
    with pytest.raises(UnmarshalError, match="port: expected a whole number"):
        decode({"inner": {"a": 1}, "port": "x"}, Local)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
members = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("name", "server", "replicas", "by_zone", "backup", "ratio", "limit"), json_values)
)


@given(json_values | members)
def test_any_json_is_decoded_or_refused(value: object) -> None:
    for hint in (App, dict, Pet, Tree, Picky, Color, datetime.datetime, decimal.Decimal, pathlib.Path, uuid.UUID):
        with contextlib.suppress(UnmarshalError):
            decode(value, hint)
