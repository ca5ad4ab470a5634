"""Where our SDK does something else than the published one: what each does, and why. test_sdk_differences proves it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

import httpx

from tests import faults
from tests.faults import Behaviour, FaultServer, answer, in_turn, stream
from tests.service import KEY, TOKEN
from tests.unit.sdk.asking import gives
from tests.unit.sdk.watches import event, service


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
        with FaultServer(behaviour) as server, httpx.Client() as http:
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
    with FaultServer(faults.drip_body(every_s=0.1, declared=8)) as server:
        client = sdk.ConfigClient(sdk.Options(server.url, TOKEN, KEY, None, 0.3, 0))
        began = time.monotonic()
        outcome(sdk, lambda: client.get_bytes("app"))
        client.close()
        return "in time" if time.monotonic() - began < 0.6 else "late"


class Watched:
    """A watch in a daemon thread that nothing waits for: the published one cannot be ended."""

    def __init__(self, sdk: ModuleType, url: str, *, timeout_s: float = 5.0, retry_count: int = 0) -> None:
        self.errors: list[Exception] = []
        self.snapshot = sdk.Snapshot()
        self.client = sdk.ConfigClient(
            sdk.Options(url, TOKEN, KEY, None, timeout_s, retry_count, 0.0, self.errors.append)
        )
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with contextlib.suppress(Exception):
            self.client.watch_and_decode("app", dict, self.snapshot)

    def lives_for(self, seconds: float) -> bool:
        """Whether the watch still runs after as long."""
        self.thread.join(seconds)
        return self.thread.is_alive()


def watched(
    behaviour: Behaviour, look: Callable[[Watched, FaultServer], object], *, timeout_s: float = 5.0
) -> Callable[[ModuleType], object]:
    """What `look` finds of a watch; it is ended afterwards, by the server's end at the latest."""

    def play(sdk: ModuleType) -> object:
        with FaultServer(behaviour) as server:
            running = Watched(sdk, server.url, timeout_s=timeout_s)
            found = look(running, server)
        running.client.close()
        running.thread.join(10)
        return found

    return play


def _lives(running: Watched, _: FaultServer) -> object:
    return "goes on" if running.lives_for(1.0) else "has returned"


def _is_storming(_: Watched, server: FaultServer) -> object:
    threading.Event().wait(1.0)
    return "storms" if len(server.requests) > 50 else "waits in between"


def _ends_on_close(running: Watched, server: FaultServer) -> object:
    while not server.requests:
        threading.Event().wait(0.01)
    threading.Event().wait(0.1)
    running.client.close()
    return "goes on" if running.lives_for(0.5) else "has returned"


def _first_value(running: Watched, _: FaultServer) -> object:
    threading.Event().wait(0.5)
    return running.snapshot.load()


def _value_after_reconnect(running: Watched, _: FaultServer) -> object:
    threading.Event().wait(1.5)
    return running.snapshot.load()


def _kind_of_errors(running: Watched, _: FaultServer) -> object:
    while not running.errors:
        threading.Event().wait(0.01)
    return (
        type(running.errors[0])
        .__module__.partition(".")[0]
        .replace("config_client", "own")
        .replace("config_sync", "own")
    )


QUIET = stream(b": hello\n\n", then=faults.half_open)
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
    Difference(
        "quiet-stream",
        "a stream without changes is healthy; the published one shares the request timeout with it and gives up",
        watched(service(config=ONE, watch=QUIET), _lives, timeout_s=0.2),
        "has returned",
        "goes on",
    ),
    Difference(
        "failing-stream",
        "a watch that returns after an outage leaves a program with an old config and no word",
        watched(service(config=ONE, watch=answer(503)), _lives),
        "has returned",
        "goes on",
    ),
    Difference(
        "clean-end",
        "a proxy that ends streams must not be connected to hundreds of times a second",
        watched(service(config=ONE, watch=stream(b": hello\n\n")), _is_storming),
        "storms",
        "waits in between",
    ),
    Difference(
        "close",
        "a program that stops must not wait for the next event",
        watched(service(config=ONE, watch=QUIET), _ends_on_close),
        "goes on",
        "has returned",
    ),
    Difference(
        "first-value",
        "the current value is stored at the start: nothing is missed between a `get` and the watch",
        watched(service(config=ONE, watch=QUIET), _first_value),
        None,
        {"port": 1},
    ),
    Difference(
        "missed-change",
        "what changed while no stream was open is fetched after the reconnect",
        watched(
            service(config=in_turn(ONE, gives({"port": 2})), watch=in_turn(stream(event(1)), QUIET)),
            _value_after_reconnect,
        ),
        {"port": 1},
        {"port": 2},
    ),
    Difference(
        "on-error",
        "`on_error` gets the documented exceptions",
        watched(service(config=ONE, watch=answer(404)), _kind_of_errors),
        "httpx",
        "own",
    ),
)
