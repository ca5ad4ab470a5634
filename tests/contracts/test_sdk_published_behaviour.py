"""What the published package's own tests (its source distribution, 0.1.2) ask of it, as behaviour, of both packages.

Left out are those that patch its internals; what they are about is told here from outside, over HTTP. One of them asks
for what we leave behind on purpose (a watch that gives up): see sdk_differences.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from importlib import import_module
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import BaseModel

from tests import faults
from tests.faults import Behaviour, FaultServer, answer, in_turn, stream
from tests.service import KEY, TOKEN
from tests.unit.sdk.asking import NO_CAS, gives, sealed
from tests.unit.sdk.watches import event, service
from tests.waiting import eventually

LIST = b"""[
  {"name": "a", "is_valid": true, "valid_from": "2024-01-01T00:00:00", "updated_at": "2024-06-01T12:00:00+02:00"},
  {"name": "b", "is_valid": false, "valid_from": "2024-01-01T00:00:00Z", "updated_at": "2024-06-01T12:00:00Z"}
]"""

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)  # the published package leaves connections open


@dataclass
class Database:
    """A part of `App`."""

    host: str
    port: int


@dataclass
class App:
    """A nested dataclass."""

    db: Database
    debug: bool


class Model(BaseModel):  # type: ignore[explicit-any]  # its own `__init__(**data: Any)`
    """A Pydantic v2 model."""

    host: str
    port: int


@pytest.fixture(params=["config_client", "config_sync"])
def sdk(request: pytest.FixtureRequest) -> ModuleType:
    """Either package."""
    name: object = request.param
    return import_module(str(name))


def asking(sdk: ModuleType, behaviour: Behaviour, method: str, *arguments: object, retry_count: int = 0) -> object:
    """One call."""
    return _asking(sdk, behaviour, method, arguments, retry_count)[0]


def _asking(
    sdk: ModuleType, behaviour: Behaviour, method: str, arguments: tuple[object, ...], retry_count: int
) -> tuple[object, FaultServer]:
    with FaultServer(behaviour) as server, httpx.Client(verify=NO_CAS) as http:
        client = sdk.ConfigClient(sdk.Options(server.url, TOKEN, KEY, http, 5.0, retry_count, 0.0))
        return getattr(client, method)(*arguments), server


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("", TOKEN, KEY), "host"),
        (("http://a", "", KEY), "service_token"),
        (("http://a", TOKEN, "tooshort"), "64 hex"),
        (("http://a", TOKEN, "z" * 64), "hex"),
    ],
    ids=["host", "token", "short-key", "no-hex"],
)
def test_invalid_options_raise(sdk: ModuleType, options: tuple[str, str, str], says: str) -> None:
    with pytest.raises(sdk.ConfigClientError, match=says):
        sdk.Options(*options)


def test_from_env(sdk: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFIG_SERVICE_HOST", "http://a")
    monkeypatch.setenv("CONFIG_SERVICE_TOKEN", TOKEN)
    monkeypatch.setenv("CONFIG_SERVICE_KEY", KEY)
    sdk.ConfigClient.from_env().close()
    monkeypatch.delenv("CONFIG_SERVICE_HOST")
    with pytest.raises(sdk.ConfigClientError, match="CONFIG_SERVICE_HOST"):
        sdk.ConfigClient.from_env()


@pytest.mark.parametrize(
    ("document", "method", "arguments", "result"),
    [
        ({"db": {"host": "h", "port": 1}, "debug": True}, "get", ("app", App), App(Database("h", 1), True)),
        ({"host": "h", "port": 1}, "get", ("app", Model), Model(host="h", port=1)),
        ({"a": 1}, "get", ("app", dict), {"a": 1}),
        ({"a": 1}, "get_raw", ("app",), {"a": 1}),
        ({"a": 1}, "get_bytes", ("app",), b'{"a": 1}'),
    ],
    ids=["dataclass", "pydantic", "dict", "raw", "bytes"],
)
def test_a_config_is_read(
    sdk: ModuleType, document: object, method: str, arguments: tuple[object, ...], result: object
) -> None:
    assert asking(sdk, gives(document), method, *arguments) == result


@pytest.mark.parametrize("form", ["JSON", "YAML", "ENV"])
def test_formatted_text_is_asked_for_by_its_word(sdk: ModuleType, form: str) -> None:
    found, server = _asking(sdk, answer(200, b"a=b"), "get_formatted", ("app", sdk.Format[form]), 0)
    assert found == b"a=b"
    assert server.requests[0].target == f"/api/v1/service/configs/app/formatted?format={form.lower()}"
    assert server.requests[0].headers["x-service-token"] == TOKEN


def test_a_list_has_aware_times(sdk: ModuleType) -> None:
    found = asking(sdk, answer(200, LIST, Content_Type="application/json"), "list")
    assert isinstance(found, list)
    assert [(one.name, one.is_valid) for one in found] == [("a", True), ("b", False)]
    assert all(isinstance(one, sdk.ConfigInfo) for one in found)
    assert found[0].valid_from.tzinfo == UTC
    assert found[0].updated_at.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "UnauthorizedError"),
        (403, "ForbiddenError"),
        (404, "NotFoundError"),
        (400, "InvalidResponseError"),
        (422, "InvalidResponseError"),
        (500, "ConnectionError"),
        (503, "ConnectionError"),
    ],
    ids=str,
)
def test_a_status_is_its_exception(sdk: ModuleType, status: int, kind: str) -> None:
    with pytest.raises(getattr(sdk, kind)):
        asking(sdk, answer(status), "list")


def test_a_refusal_is_not_tried_again_and_a_failure_is(sdk: ModuleType) -> None:
    with pytest.raises(sdk.NotFoundError):
        asking(sdk, in_turn(answer(404), gives({})), "get_raw", "app", retry_count=3)
    with pytest.raises(sdk.ConnectionError):
        asking(sdk, answer(503), "get_raw", "app", retry_count=2)
    assert asking(sdk, in_turn(answer(503), answer(500), gives({"a": 1})), "get_raw", "app", retry_count=2) == {"a": 1}
    assert asking(sdk, in_turn(faults.reset, gives({"a": 1})), "get_raw", "app", retry_count=1) == {"a": 1}


def test_options_of_a_request_are_its_query(sdk: ModuleType) -> None:
    for opts, query in (
        (sdk.GetOptions(environment="staging"), {"environment": ["staging"]}),
        (sdk.GetOptions(version=7), {"version": ["7"]}),
        (sdk.GetOptions(), {}),
        (None, {}),
    ):
        _, server = _asking(sdk, gives({}), "get_raw", ("app", opts), 0)
        assert parse_qs(urlsplit(server.requests[0].target).query) == query


@pytest.mark.parametrize(
    ("document", "target"), [({"host": "h", "port": "x"}, Model), ({"db": {"host": "h"}}, App), ({}, int)],
    ids=["pydantic", "missing-field", "no-target"],
)  # fmt: skip
def test_what_does_not_fit_is_an_unmarshal_error(sdk: ModuleType, document: object, target: type[object]) -> None:
    with pytest.raises(sdk.UnmarshalError):
        asking(sdk, gives(document), "get", "app", target)


@pytest.mark.parametrize("body", [sealed({}, key="ff" * 32), b"short", b""], ids=["other-key", "short", "empty"])
def test_what_cannot_be_opened_is_a_decryption_error(sdk: ModuleType, body: bytes) -> None:
    with pytest.raises(sdk.DecryptionError):
        asking(sdk, answer(200, body), "get_raw", "app")


def test_a_snapshot_is_shared_by_threads(sdk: ModuleType) -> None:
    snapshot = sdk.Snapshot()
    assert snapshot.load() is None
    threads = [threading.Thread(target=snapshot.store, args=(number,)) for number in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert snapshot.load() in range(20)


class Story:
    """What a watch told."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self.changes: list[str] = []
        self.errors: list[Exception] = []


@contextmanager
def watching(
    sdk: ModuleType, behaviour: Behaviour, watch: Callable[[object, Story], None], *, retry_count: int = 3
) -> Iterator[Story]:
    """A client that watches in a thread; the server's end ends it, as the published `close` cannot."""
    story = Story()
    with FaultServer(behaviour) as server:
        options = sdk.Options(
            server.url, TOKEN, KEY, None, 5.0, retry_count, 0.01, story.errors.append, story.changes.append
        )
        client = sdk.ConfigClient(options)
        thread = threading.Thread(target=watch, args=(client, story), daemon=True)
        thread.start()
        yield story
        client.close()
    thread.join(60)
    assert not thread.is_alive()


def _by_callback(client: object, story: Story) -> None:
    watch: Callable[[str, Callable[[object], None]], None] = getattr(client, "watch")  # noqa: B009  # of either package
    watch("app", lambda one: story.versions.append(getattr(one, "version", -1)))


def test_a_watch_calls_back_and_tells_on_change(sdk: ModuleType) -> None:
    with watching(sdk, stream(event(2), event(3), then=faults.half_open), _by_callback) as story:
        eventually(lambda: story.versions == [2, 3])
        eventually(lambda: story.changes == ["app", "app"])
    assert story.errors == [] or len(story.errors) >= 1  # the server's end is one for some


def test_a_watch_survives_errors_clean_ends_and_events_that_cannot_be_read(sdk: ModuleType) -> None:
    behaviour = in_turn(
        answer(503), stream(event(1)), stream(b"data: {\n\n", event(2)), stream(event(3), then=faults.half_open)
    )
    with watching(sdk, behaviour, _by_callback) as story:
        eventually(lambda: story.versions == [1, 2, 3])
        assert len(story.errors) == 1


def test_a_watch_survives_its_callback(sdk: ModuleType) -> None:
    def watch(client: object, story: Story) -> None:
        def raising(one: object) -> None:
            story.versions.append(getattr(one, "version", -1))
            raise RuntimeError("of the program")

        getattr(client, "watch")("app", raising)  # noqa: B009  # of either package

    with watching(sdk, stream(event(1), event(2), then=faults.half_open), watch) as story:
        eventually(lambda: story.versions == [1, 2])


def test_a_snapshot_follows_events_and_a_failed_get_is_told(sdk: ModuleType) -> None:
    snapshot = sdk.Snapshot()
    snapshot.store({"port": 0})

    def watch(client: object, story: Story) -> None:
        getattr(client, "watch_and_decode")("app", dict, snapshot)  # noqa: B009  # of either package

    def play(conversation: faults.Conversation) -> bool | None:
        return service(config=in_turn(gives({"port": 1})), watch=stream(event(1), then=faults.half_open))(conversation)

    with watching(sdk, play, watch, retry_count=0) as story:
        eventually(lambda: snapshot.load() == {"port": 1})
        assert story.errors == []
    failing = service(config=answer(404), watch=stream(event(1), then=faults.half_open))
    with watching(sdk, failing, watch, retry_count=0) as story:
        eventually(lambda: any(isinstance(one, sdk.NotFoundError) for one in story.errors))
    assert snapshot.load() == {"port": 1}
