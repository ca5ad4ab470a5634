"""`watch_and_decode`: the snapshot is current, from the first moment on, and after everything that can go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from config_sync import (
    ConnectionError,  # noqa: A004
    DecryptionError,
    GetOptions,
    NotFoundError,
    Snapshot,
    UnmarshalError,
)
from tests import faults
from tests.faults import FaultServer, answer, in_turn, stream
from tests.service import serving, write_config
from tests.unit.sdk.asking import SHAPES, gives, sealed
from tests.unit.sdk.watches import Watching, event, service
from tests.waiting import eventually

shapes = pytest.mark.parametrize("shape", SHAPES)

QUIET = stream(b": hello\n\n", then=faults.half_open)


@dataclass(frozen=True)
class App:
    """A config."""

    port: int


@shapes
def test_changes_of_a_real_service_arrive(shape: str, configs: Path) -> None:
    write_config(configs, "app", {"port": 1})
    with serving(configs) as running, Watching(shape, running.url, App) as watching:
        eventually(lambda: watching.snapshot.load() == App(1))
        assert watching.changes == []
        write_config(configs, "app", {"port": 2})
        eventually(lambda: watching.snapshot.load() == App(2))
        assert watching.snapshot.version == 2
        eventually(lambda: watching.changes == ["app"])
        write_config(configs, "app", {"port": 3})
        eventually(lambda: watching.snapshot.load() == App(3))
        assert watching.errors == []
        watching.close()


@shapes
def test_another_environment_is_followed(shape: str, configs: Path) -> None:
    write_config(configs, "app", {"port": 1}, environment="staging")
    opts = GetOptions(environment="staging")
    with serving(configs) as running, Watching(shape, running.url, App, opts=opts) as watching:
        eventually(lambda: watching.snapshot.load() == App(1))
        write_config(configs, "app", {"port": 2}, environment="staging")
        eventually(lambda: watching.snapshot.load() == App(2))
        watching.close()


@shapes
def test_the_value_is_compared_after_each_reconnect(shape: str) -> None:
    with FaultServer(
        service(config=in_turn(gives({"port": 1}), gives({"port": 2})), watch=in_turn(stream(), QUIET))
    ) as server:
        with Watching(shape, server.url, App) as watching:
            eventually(lambda: watching.snapshot.load() == App(2))
            eventually(lambda: watching.changes == ["app"])


@shapes
def test_an_event_that_changes_nothing_wakes_nobody(shape: str) -> None:
    behaviour = service(config=gives({"port": 1}, X_Config_Version="9"), watch=stream(event(9), then=faults.half_open))
    with FaultServer(behaviour) as server, Watching(shape, server.url, App) as watching:
        eventually(lambda: len(server.requests) >= 2)
        assert not watching.snapshot.wait_for_change(0.3, since=1)
    assert (watching.snapshot.load(), watching.changes) == (App(1), [])


@shapes
def test_a_value_that_the_program_stored_already_is_no_change(shape: str) -> None:
    snapshot: Snapshot[object] = Snapshot()
    snapshot.store(App(1))
    with FaultServer(service(config=gives({"port": 1}, X_Config_Version="4"), watch=QUIET)) as server:
        with Watching(shape, server.url, App, snapshot=snapshot) as watching:
            eventually(lambda: snapshot.version == 4)
    assert (snapshot.changes, watching.changes) == (1, [])


@shapes
def test_another_value_than_the_program_stored_is_a_change(shape: str) -> None:
    snapshot: Snapshot[object] = Snapshot()
    snapshot.store(App(1))
    with FaultServer(service(config=gives({"port": 2}), watch=QUIET)) as server:
        with Watching(shape, server.url, App, snapshot=snapshot) as watching:
            eventually(lambda: snapshot.load() == App(2))
            eventually(lambda: watching.changes == ["app"])


@shapes
def test_an_event_that_comes_before_its_change_can_be_read(shape: str) -> None:
    old, new = gives({"port": 1}, X_Config_Version="1"), gives({"port": 2}, X_Config_Version="2")
    behaviour = service(config=in_turn(old, old, new), watch=stream(b": hi\n\n", event(2), then=faults.half_open))
    with FaultServer(behaviour) as server, Watching(shape, server.url, App) as watching:
        eventually(lambda: watching.snapshot.load() == App(2))


@shapes
@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (gives({"port": "x"}), UnmarshalError),
        (gives(b"{"), UnmarshalError),
        (answer(200, sealed({"port": 1}, key="ff" * 32)), DecryptionError),
    ],
    ids=["type", "json", "key"],
)
def test_a_value_that_cannot_be_used_leaves_the_last_one(
    shape: str, bad: faults.Behaviour, kind: type[Exception]
) -> None:
    watch = in_turn(stream(), stream(), QUIET)
    with FaultServer(service(config=in_turn(gives({"port": 1}), bad, gives({"port": 3})), watch=watch)) as server:
        with Watching(shape, server.url, App) as watching:
            eventually(lambda: watching.errors)
            eventually(lambda: watching.snapshot.load() == App(3))
    assert [type(one) for one in watching.errors] == [kind]


@shapes
def test_a_fetch_that_fails_is_made_again_while_the_stream_is_quiet(shape: str) -> None:
    config = in_turn(answer(503), faults.reset, gives({"port": 1}))
    with FaultServer(service(config=config, watch=QUIET)) as server:
        with Watching(shape, server.url, App) as watching:
            eventually(lambda: watching.snapshot.load() == App(1))
    assert [type(one) for one in watching.errors] == [ConnectionError, ConnectionError]


@shapes
def test_a_service_without_streams_still_gives_the_value(shape: str) -> None:
    with FaultServer(service(config=gives({"port": 1}), watch=answer(404))) as server:
        with Watching(shape, server.url, App) as watching:
            eventually(lambda: watching.snapshot.load() == App(1))
    assert {type(one) for one in watching.errors} == {NotFoundError}


@shapes
def test_what_is_known_is_asked_for_by_its_etag(shape: str) -> None:
    config = in_turn(gives({"port": 1}, ETag='W/"e"'), answer(304, ETag='W/"e"', X_Config_Version="8"))
    with FaultServer(service(config=config, watch=in_turn(stream(), QUIET))) as server:
        with Watching(shape, server.url, App) as watching:
            eventually(lambda: watching.snapshot.version == 8)
    asked = [one.headers.get("if-none-match") for one in server.requests if not one.target.endswith("/watch")]
    assert asked[:2] == [None, 'W/"e"']
    assert watching.snapshot.load() == App(1)


@shapes
def test_a_burst_of_events_is_a_few_fetches(shape: str) -> None:
    config = gives({"port": 1}, X_Config_Version="1000")
    burst = b"".join(event(number) for number in range(1, 1001))
    with FaultServer(service(config=config, watch=stream(burst, then=faults.half_open))) as server:
        with Watching(shape, server.url, App) as watching:
            eventually(lambda: watching.snapshot.load() == App(1))
            assert not watching.snapshot.wait_for_change(0.3, since=1)
    assert len(server.requests) < 15
