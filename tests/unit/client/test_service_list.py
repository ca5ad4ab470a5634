"""The list of configs: asked for conditionally, and asked by the client itself where it explains a refusal."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping

import pytest

from config_sync.client import ConfigInfo
from config_sync.errors import Forbidden, NotFound, ServiceUnavailable, Stopped, SyncError, UnexpectedResponse
from config_sync.model import ConfigName, ConfigRef
from config_sync.stop import Stop
from tests.fakes import HandClock
from tests.faults import Behaviour, Conversation, FaultServer, answer, in_turn
from tests.unit.client.test_service import APP, service_at
from tests.waiting import eventually

LIST = "/api/v1/service/configs"


def entry(name: str = "app", *, is_valid: bool = True, valid_from: str = "2026-01-01T00:00:00Z") -> dict[str, object]:
    return {"name": name, "is_valid": is_valid, "valid_from": valid_from, "updated_at": "2026-01-01T00:00:00Z"}


def listing(*entries: dict[str, object]) -> Behaviour:
    return answer(200, json.dumps(entries).encode(), Content_Type="application/json")


def routed(routes: Mapping[str, Behaviour]) -> Behaviour:
    """By the request's path."""

    def play(conversation: Conversation) -> bool | None:
        return routes[conversation.request.target.partition("?")[0]](conversation)

    return play


def names(infos: tuple[ConfigInfo, ...]) -> list[str]:
    return [info.name for info in infos]


def test_an_unchanged_list_is_the_one_of_last_time() -> None:
    body = json.dumps([entry()]).encode()
    behaviour = in_turn(answer(200, body, ETag='W/"l"'), answer(304), answer(200, b"[]"), answer(200, b"[]"))
    with FaultServer(behaviour) as server, service_at(server) as service:
        assert [names(service.list(Stop())) for _ in range(4)] == [["app"], ["app"], [], []]
    sent = [request.headers.get("if-none-match") for request in server.requests]
    assert sent == [None, 'W/"l"', 'W/"l"', None]


def test_a_304_for_a_list_that_was_never_given_is_unexpected() -> None:
    with FaultServer(answer(304)) as server, service_at(server) as service, pytest.raises(UnexpectedResponse):
        service.list(Stop())


@pytest.mark.parametrize(
    ("status", "entries", "said", "hint"),
    [
        (404, [entry(valid_from="2999-01-01T00:00:00Z")], "valid only from 2999-01-01T00:00:00Z", "wait until then"),
        (409, [entry(is_valid=False)], "not valid", "save a valid revision"),
        (404, [entry()], "missing in this environment or version", "`environment` and `version`"),
        (404, [entry("apq")], "not among the 1", "did you mean 'apq'?"),
    ],
    ids=["not-yet-valid", "invalid", "elsewhere", "misspelt"],
)
def test_a_refused_config_is_explained_by_the_list(
    status: int, entries: list[dict[str, object]], said: str, hint: str
) -> None:
    behaviour = routed({f"{LIST}/app": answer(status), LIST: listing(*entries)})
    with FaultServer(behaviour) as server, service_at(server) as service, pytest.raises(SyncError) as caught:
        service.fetch(APP, Stop())
    assert isinstance(caught.value, NotFound if status == 404 else UnexpectedResponse)
    assert str(status) in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint is not None
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "unlisted", [answer(403), answer(500), answer(200, b"<html>")], ids=["forbidden", "broken", "no-list"]
)
def test_a_list_that_is_not_to_be_had_explains_nothing_and_hides_nothing(unlisted: Behaviour) -> None:
    behaviour = routed({f"{LIST}/app": answer(404), LIST: unlisted})
    with FaultServer(behaviour) as server, service_at(server) as service, pytest.raises(NotFound, match="404"):
        service.fetch(APP, Stop())


@pytest.mark.parametrize("listed", [listing(), answer(403), answer(500)], ids=["listed", "forbidden", "broken"])
def test_a_config_that_is_never_there_does_not_double_its_requests(listed: Behaviour) -> None:
    behaviour = routed({f"{LIST}/app": answer(404), LIST: listed})
    with FaultServer(behaviour) as server, service_at(server) as service:
        for _ in range(5):
            with pytest.raises(NotFound):
                service.fetch(APP, Stop())
    assert [request.target for request in server.requests].count(LIST) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, Forbidden), (429, ServiceUnavailable), (503, ServiceUnavailable), (302, UnexpectedResponse)],
    ids=["forbidden", "later", "away", "redirect"],
)
def test_where_the_list_could_explain_nothing_it_is_not_asked_for(status: int, error: type[SyncError]) -> None:
    with FaultServer(answer(status)) as server, service_at(server) as service, pytest.raises(error):
        service.fetch(APP, Stop())
    assert len(server.requests) == 1


def test_a_list_from_before_the_config_was_last_given_says_nothing_of_its_end() -> None:
    app = f"{LIST}/app"
    lists = in_turn(listing(entry()), listing(entry("other")))
    gives = in_turn(answer(404), answer(200, b"x" * 30), answer(404), answer(404))
    with FaultServer(routed({app: gives, LIST: lists})) as server, service_at(server) as service:
        told: list[bool | None] = []
        for _ in range(4):
            try:
                service.fetch(APP, Stop())
            except NotFound as error:
                told.append(error.is_listed)
        looks = [request.target for request in server.requests].count(LIST)
    assert told == [True, False, False]
    assert looks == 2


@pytest.mark.parametrize("unlisted", [answer(403), answer(500)], ids=["forbidden", "broken"])
def test_a_404_without_a_list_tells_nothing(unlisted: Behaviour) -> None:
    with FaultServer(routed({f"{LIST}/app": answer(404), LIST: unlisted})) as server, service_at(server) as service:
        with pytest.raises(NotFound) as caught:
            service.fetch(APP, Stop())
    assert caught.value.is_listed is None


@pytest.mark.parametrize("listed", [listing(), answer(403)], ids=["listed", "forbidden"])
def test_configs_that_are_refused_together_ask_for_the_list_once(listed: Behaviour) -> None:
    all_refused = threading.Event()
    refs = [ConfigRef(ConfigName(f"app-{number}")) for number in range(6)]

    def play(conversation: Conversation) -> bool | None:
        if conversation.request.target != LIST:
            return answer(404)(conversation)
        all_refused.wait(60)
        return listed(conversation)

    with FaultServer(play) as server, service_at(server) as service:
        told: list[str] = []

        def fetch(ref: ConfigRef) -> None:
            with pytest.raises(NotFound) as caught:
                service.fetch(ref, Stop())
            told.append(caught.value.message)

        threads = [threading.Thread(target=fetch, args=(ref,)) for ref in refs]
        for thread in threads:
            thread.start()
        eventually(lambda: len([one for one in server.requests if one.target != LIST]) == len(refs))
        all_refused.set()
        for thread in threads:
            thread.join(60)
        targets = [request.target for request in server.requests]
    assert len(told) == len(refs)
    assert targets.count(LIST) == 1


@pytest.mark.parametrize("listed", [listing(), answer(403)], ids=["listed", "forbidden"])
def test_a_refusal_that_lasts_is_looked_up_anew_now_and_then_at_whatever_pace_it_is_retried(listed: Behaviour) -> None:
    clock = HandClock()
    looks: list[int] = []
    with FaultServer(routed({f"{LIST}/app": answer(404), LIST: listed})) as server:
        with service_at(server, clock=clock) as service:
            for at in (0, 30, 90, 300, 590, 610, 900):
                clock.passed_s = at
                with pytest.raises(NotFound):
                    service.fetch(APP, Stop())
                looks.append([request.target for request in server.requests].count(LIST))
    assert looks == [1, 1, 1, 1, 1, 2, 2]


def test_a_stop_ends_the_wait_for_the_list_that_another_asked_for() -> None:
    stop, ends = Stop(), threading.Event()

    def play(conversation: Conversation) -> bool | None:
        if conversation.request.target != LIST:
            return answer(404)(conversation)
        conversation.hold()
        return None

    with FaultServer(play) as server, service_at(server) as service:

        def fetch() -> None:
            with pytest.raises(Stopped):
                service.fetch(APP, stop)
            ends.set()

        threads = [threading.Thread(target=fetch) for _ in range(2)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(server.requests) == 3)
        stop.set()
        for thread in threads:
            thread.join(60)
        assert ends.is_set()
