"""The protocol on the wire, asked with the standard library's client."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config_sync.crypto import decrypt
from config_sync.devserver.server import RunningService
from config_sync.model import EncryptionKey
from tests.service import KEY, TOKEN, serving, write_config
from tests.waiting import eventually

BASE = "/api/v1/service/configs"


class Answer:
    """What came back, read whole."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.body = response.read()
        self.headers = response.headers

    @property
    def error(self) -> object:
        """The small JSON of a failure."""
        loaded: object = json.loads(self.body)
        return loaded


def ask(service: RunningService, path: str, *, method: str = "GET", **headers: str) -> Answer:
    """One request on a connection of its own; headers by name with ``_`` for ``-``; the right token unless given."""
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)
    sent = {"X-Service-Token": TOKEN} | {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, headers=sent)
        return Answer(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture
def service(configs: Path, config_service: RunningService) -> RunningService:
    """With one config that has an own file for production."""
    write_config(configs, "app", b'{"a": 1.10}')
    write_config(configs, "app", b'{"a": 2}', environment="production")
    eventually(lambda: ask(config_service, f"{BASE}/app?environment=production").status == 200)
    return config_service


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One for all tests that only read."""
    directory = tmp_path_factory.mktemp("steady")
    write_config(directory, "app", b'{"a": 1.10}')
    with serving(directory) as running:
        yield running


def test_a_document_is_nonce_ciphertext_and_tag_with_a_fresh_nonce(steady: RunningService) -> None:
    answers = [ask(steady, f"{BASE}/app") for _ in range(2)]
    assert [decrypt(one.body, [EncryptionKey(KEY)]).plaintext for one in answers] == [b'{"a": 1.10}'] * 2
    assert answers[0].body[:12] != answers[1].body[:12]
    assert len(answers[0].body) == 12 + len(b'{"a": 1.10}') + 16
    assert answers[0].headers["ETag"] == answers[1].headers["ETag"]


@pytest.mark.parametrize("path", ["/app", "/app/formatted?format=yaml"], ids=["sealed", "formatted"])
def test_an_entity_tag_stands_for_the_content(service: RunningService, configs: Path, path: str) -> None:
    tag = ask(service, BASE + path).headers["ETag"]
    again = ask(service, BASE + path, If_None_Match=f'"other", {tag}')
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert again.headers["X-Config-Version"] is not None
    write_config(configs, "app", b'{"a": 3}')
    eventually(lambda: ask(service, BASE + path, If_None_Match=tag).status == 200)


def test_the_version_header_tells_the_version_that_was_asked_for(service: RunningService, configs: Path) -> None:
    latest = int(ask(service, f"{BASE}/app").headers["X-Config-Version"])
    write_config(configs, "app", b'{"a": 3}')
    eventually(lambda: ask(service, f"{BASE}/app").headers["X-Config-Version"] == str(latest + 1))
    earlier = ask(service, f"{BASE}/app?version={latest}")
    assert earlier.headers["X-Config-Version"] == str(latest)
    assert decrypt(earlier.body, [EncryptionKey(KEY)]).plaintext == b'{"a": 1.10}'


def test_defaults_in_the_query_are_as_if_left_out(steady: RunningService) -> None:
    assert decrypt(ask(steady, f"{BASE}/app?environment=&version=0").body, [EncryptionKey(KEY)]).plaintext == (
        b'{"a": 1.10}'
    )


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        pytest.param(BASE, "application/json", id="list"),
        pytest.param(f"{BASE}/app", "application/octet-stream", id="sealed"),
        pytest.param(f"{BASE}/app/formatted?format=json", "application/json", id="json"),
        pytest.param(f"{BASE}/app/formatted?format=yaml", "application/yaml", id="yaml"),
        pytest.param(f"{BASE}/app/formatted?format=env", "text/plain; charset=utf-8", id="env"),
    ],
)
def test_media_types(steady: RunningService, path: str, media_type: str) -> None:
    assert ask(steady, path).headers["Content-Type"] == media_type


def test_list_has_the_protocols_members_and_times(steady: RunningService) -> None:
    loaded: object = json.loads(ask(steady, BASE).body)
    assert isinstance(loaded, list)
    (row,) = loaded
    assert sorted(row) == ["is_valid", "name", "updated_at", "valid_from"]
    assert (row["name"], row["is_valid"]) == ("app", True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", row["updated_at"])


@pytest.mark.parametrize("path", ["", "/app", "/app/formatted", "/app/watch", "/unknown", "/../../elsewhere"])
@pytest.mark.parametrize("token", ["", "wrong", TOKEN + " x", TOKEN[:-1], "caf\xe9"])
def test_without_the_right_token_everything_is_unauthorized(steady: RunningService, path: str, token: str) -> None:
    answer = ask(steady, BASE + path, X_Service_Token=token)
    assert (answer.status, answer.error) == (401, {"error": "unauthorized"})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/unknown", 404, id="unknown"),
        pytest.param("/unknown/watch", 404, id="unknown-watched"),
        pytest.param("/unknown/formatted?format=json", 404, id="unknown-formatted"),
        pytest.param("/app/elsewhere", 404, id="no-route"),
        pytest.param("/app/", 404, id="trailing-slash"),
        pytest.param("/..%2fapp", 404, id="escaped-slash"),
        pytest.param("/app?version=99", 404, id="unknown-version"),
        pytest.param("/app?version=x", 400, id="version-no-number"),
        pytest.param("/app?version=-1", 400, id="negative-version"),
        pytest.param("/app/formatted?format=toml", 400, id="unknown-format"),
    ],
)
def test_failures_are_small_json(steady: RunningService, path: str, status: int) -> None:
    answer = ask(steady, BASE + path)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert isinstance(answer.error, dict)
    assert list(answer.error) == ["error"]


def test_only_get_is_allowed(steady: RunningService) -> None:
    answer = ask(steady, f"{BASE}/app", method="DELETE")
    assert answer.status == 405
    assert "GET" in answer.headers["Allow"]


def test_the_head_of_a_stream_ends(steady: RunningService) -> None:
    answer = ask(steady, f"{BASE}/app/watch", method="HEAD")
    assert (answer.status, answer.headers.get_content_type()) == (200, "text/event-stream")


def test_env_of_a_document_that_is_no_object_is_unprocessable(service: RunningService, configs: Path) -> None:
    write_config(configs, "list", [1])
    eventually(lambda: ask(service, f"{BASE}/list").status == 200)
    answer = ask(service, f"{BASE}/list/formatted?format=env")
    assert (answer.status, answer.error) == (422, {"error": "only an object can be written as env"})


def test_a_name_with_any_letters_is_found_by_its_escapes(service: RunningService, configs: Path) -> None:
    write_config(configs, "größe+1.json", b"1")
    eventually(lambda: ask(service, f"{BASE}/gr%C3%B6%C3%9Fe%2B1").status == 200)


def test_a_stream_has_comments_and_events_as_the_protocol_says(configs: Path) -> None:
    write_config(configs, "app", b"1")
    write_config(configs, "other", b"1")
    with serving(configs, keep_alive_s=0.05) as service:
        connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)
        connection.request("GET", f"{BASE}/app/watch", headers={"X-Service-Token": TOKEN})
        response = connection.getresponse()
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert [response.readline() for _ in range(4)] == [b": watching\n", b"\n", b": keep-alive\n", b"\n"]
        write_config(configs, "other", b"2")
        write_config(configs, "app", b"2")
        lines = iter(response.readline, b"")
        event = [next(line for line in lines if not line.startswith(b":") and line != b"\n")]
        event += [response.readline() for _ in range(3)]
        assert event[:2] == [b"id: 2\n", b"event: config_change\n"]
        assert event[3] == b"\n"
        data: object = json.loads(event[2].removeprefix(b"data: "))
        assert isinstance(data, dict)
        assert {**data, "timestamp": ""} == {
            "config_name": "app", "version": 2, "changed_by": (configs / "app.json").stat().st_uid, "timestamp": "",
        }  # fmt: skip
        connection.close()


def test_a_stream_stays_open_over_a_deletion_and_tells_it(service: RunningService, configs: Path) -> None:
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)
    connection.request("GET", f"{BASE}/app/watch", headers={"X-Service-Token": TOKEN})
    response = connection.getresponse()
    (configs / "app.json").unlink()
    (configs / "production" / "app.json").unlink()
    assert any(line.startswith(b"data:") for line in iter(response.readline, b""))
    eventually(lambda: ask(service, f"{BASE}/app").status == 404)
    write_config(configs, "app", b"1")
    assert any(line.startswith(b"data:") for line in iter(response.readline, b""))
    connection.close()


def test_a_reader_that_leaves_is_forgotten(configs: Path) -> None:
    write_config(configs, "app", b"1")
    with serving(configs, keep_alive_s=0.05) as service:
        connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)
        connection.request("GET", f"{BASE}/app/watch", headers={"X-Service-Token": TOKEN})
        response = connection.getresponse()
        eventually(lambda: service.watchers("app") == 1)
        response.close()
        connection.close()
        eventually(lambda: service.watchers("app") == 0)


def test_a_list_that_has_not_changed_is_not_sent_again(steady: RunningService) -> None:
    first = ask(steady, BASE)
    again = ask(steady, BASE, If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert ask(steady, BASE, If_None_Match='"another"').status == 200
