"""Where our SDK does something else than the published one: what each does, and why. test_sdk_differences proves it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

import httpx

from tests import faults
from tests.faults import Behaviour, FaultServer, answer, in_turn
from tests.service import KEY, TOKEN
from tests.unit.sdk.asking import NO_CAS, gives


@dataclass(frozen=True, slots=True)
class Difference:
    """`play` is run with either package and says what happened."""

    name: str
    reason: str
    play: Callable[[ModuleType], object]
    published: object
    ours: object


@dataclass
class Server:
    """Has a default, and a number."""

    port: int
    tags: list[str] = field(default_factory=list)


def outcome(sdk: ModuleType, call: Callable[[], object]) -> object:
    """What the call gives; for an exception whether it is the package's own, and its class."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001  # any: that is the question
        own = "own" if isinstance(error, sdk.ConfigClientError) else "foreign"
        return f"{own} {type(error).__name__}"


def asked(
    behaviour: Behaviour, method: str, *arguments: object, retry_count: int = 0
) -> Callable[[ModuleType], object]:
    """One call against one behaviour."""

    def play(sdk: ModuleType) -> object:
        with FaultServer(behaviour) as server, httpx.Client(verify=NO_CAS) as http:
            client = sdk.ConfigClient(sdk.Options(server.url, TOKEN, KEY, http, 5.0, retry_count, 0.0))
            return outcome(sdk, lambda: getattr(client, method)(*arguments))

    return play


def _path_of_a_hostile_name(sdk: ModuleType) -> object:
    with FaultServer(gives({"a": 1})) as server:
        client = sdk.ConfigClient(sdk.Options(server.url, TOKEN, KEY, retry_count=0))
        outcome(sdk, lambda: client.get("../../admin?x=", dict))
        client.close()
        return [one.target for one in server.requests]


def _repr_of_options(sdk: ModuleType) -> object:
    shown = repr(sdk.Options("https://a.example", TOKEN, KEY))
    return TOKEN in shown, KEY in shown


def _message_of_a_refusal(sdk: ModuleType) -> object:
    with FaultServer(answer(403, b"the answer's body")) as server:
        client = sdk.ConfigClient(sdk.Options(server.url, TOKEN, KEY, retry_count=0))
        try:
            client.list()
        except sdk.ForbiddenError as error:
            return "body" in str(error)
        finally:
            client.close()
    return "no error"


def _value_in_a_message(sdk: ModuleType) -> object:
    from pydantic import BaseModel

    class Model(BaseModel):  # type: ignore[explicit-any]  # its own `__init__(**data: Any)`
        port: int

    with FaultServer(gives({"port": "hunter2"})) as server:
        client = sdk.ConfigClient(sdk.Options(server.url, TOKEN, KEY, retry_count=0))
        try:
            client.get("app", Model)
        except sdk.UnmarshalError as error:
            return "hunter2" in str(error)
        finally:
            client.close()
    return "no error"


def _a_call_after_close(sdk: ModuleType) -> object:
    client = sdk.ConfigClient(sdk.Options("http://127.0.0.1:1", TOKEN, KEY, retry_count=0))
    client.close()
    return outcome(sdk, client.list)


def _time_against_a_drip(sdk: ModuleType) -> object:
    with FaultServer(faults.drip_body(every_s=0.1, declared=40)) as server:
        client = sdk.ConfigClient(sdk.Options(server.url, TOKEN, KEY, None, 0.3, 0))
        began = time.monotonic()
        outcome(sdk, lambda: client.get_bytes("app"))
        client.close()
        return "in time" if time.monotonic() - began < 3 else "late"


ONE = gives({"port": 1})

DIFFERENCES = (
    Difference(
        "not-json",
        "the error of the json module carries the whole document, and no program expects it",
        asked(gives(b"{not json"), "get", "app", dict),
        "foreign JSONDecodeError",
        "own UnmarshalError",
    ),
    Difference(
        "duplicate-members",
        "readers disagree on which of two members counts; the agent refuses them too",
        asked(gives(b'{"a": 1, "a": 2}'), "get", "app", dict),
        {"a": 2},
        "own UnmarshalError",
    ),
    Difference(
        "not-an-object",
        "`get(name, dict)` and `get_raw` promise a dict",
        asked(gives([1]), "get_raw", "app"),
        [1],
        "own UnmarshalError",
    ),
    Difference(
        "wrong-type",
        "text in an int field fails later and elsewhere; the error names the field now",
        asked(gives({"port": "x", "tags": []}), "get", "app", Server),
        Server("x", []),  # type: ignore[arg-type]  # that is the point
        "own UnmarshalError",
    ),
    Difference(
        "default",
        "a field with a default may be absent",
        asked(ONE, "get", "app", Server),
        "own UnmarshalError",
        Server(1),
    ),
    Difference(
        "redirect",
        "a redirect is no success; what the published SDK decrypts is its empty body",
        asked(answer(302, Location="/elsewhere"), "get", "app", dict),
        "own DecryptionError",
        "own InvalidResponseError",
    ),
    Difference(
        "no-list",
        "an answer that is no list is told as one, and nothing foreign escapes",
        asked(answer(200, b'[{"name": "a"}]', Content_Type="application/json"), "list"),
        "foreign KeyError",
        "own InvalidResponseError",
    ),
    Difference(
        "list-of-none",
        "Go writes an empty list as null",
        asked(answer(200, b"null", Content_Type="application/json"), "list"),
        "foreign TypeError",
        [],
    ),
    Difference(
        "too-many-requests",
        "429 and 408 say `later`, so they are tried again, no sooner than Retry-After",
        asked(in_turn(answer(429), ONE), "get", "app", dict, retry_count=1),
        "own InvalidResponseError",
        {"port": 1},
    ),
    Difference(
        "hostile-name",
        "a name is one path segment: anything else is refused before a request carries the token elsewhere",
        _path_of_a_hostile_name,
        ["/api/v1/admin?x="],
        [],
    ),
    Difference("repr", "logs and tracebacks show options", _repr_of_options, (True, True), (False, False)),
    Difference(
        "body-in-message",
        "an error page may hold anything, and messages are logged",
        _message_of_a_refusal,
        True,
        False,
    ),
    Difference("value-in-message", "a config holds secrets, and messages are logged", _value_in_a_message, True, False),
    Difference(
        "after-close", "nothing foreign escapes", _a_call_after_close, "foreign RuntimeError", "own ConfigClientError"
    ),
    Difference(
        "drip",
        "`request_timeout` bounds the whole attempt, not each wait for a byte",
        _time_against_a_drip,
        "late",
        "in time",
    ),
)
