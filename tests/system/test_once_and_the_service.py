"""The exit codes of `once` that the service and its documents cause, and the last good file that stays as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from config_sync.crypto import encrypt
from config_sync.model import EncryptionKey
from tests import faults
from tests.certificates import served
from tests.faults import Behaviour, FaultServer, answer, in_turn, refused_port
from tests.program import Home, assert_refused, files_in, home_at, told
from tests.service import KEY

GOOD = b'{"greeting": "hello", "workers": 2}'


def sealed(plaintext: bytes) -> bytes:
    """As the service answers."""
    return encrypt(plaintext, EncryptionKey(KEY), os.urandom(12))


def serves(plaintext: bytes) -> Behaviour:
    return answer(200, sealed(plaintext), Content_Type="application/octet-stream")


@dataclass(frozen=True)
class Settled:
    """A home whose file was written, and the server that it came from."""

    home: Home
    server: FaultServer
    app: Path


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    """One for all: none of these tests may change its files, which each of them asserts."""
    root = tmp_path_factory.mktemp("settled")
    (root / "app").mkdir()
    with FaultServer(serves(GOOD)) as server:
        home = home_at(root, server.url)
        home.configure(f"targets: {{app: {{files: [{{path: {root}/app/app.yaml}}]}}}}")
        assert home.once().returncode == 0
        yield Settled(home, server, root / "app")


def flipped(data: bytes) -> bytes:
    """With one bit of the middle changed."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


REFUSALS: dict[str, tuple[Behaviour, int, str]] = {
    "401": (answer(401, b"no"), 4, "401: unauthorized"),
    "403": (answer(403, b"no"), 4, "403: forbidden"),
    "404": (answer(404, b"no"), 5, "404: not found"),
    "400": (answer(400, b"no"), 6, "answers 400"),
    "302": (answer(302, b"", Location="https://login.example/"), 6, "a redirect to https://login.example"),
    "204": (answer(204), 6, "204"),
    "an HTML page": (answer(200, b"<html>login</html>", Content_Type="text/html"), 6, "text/html"),
    "over max_size": (answer(200, b"x" * (1024 * 1024 + 1)), 6, "service.max_size"),
    "compressed all the same": (answer(200, b"x", Content_Encoding="gzip"), 6, "`identity` was asked for"),
    "not HTTP": (faults.garbage, 6, "is not HTTP"),
    "an empty body": (answer(200, b""), 7, "0 bytes"),
    "one flipped bit": (answer(200, flipped(sealed(GOOD))), 7, "wrong key or damaged"),
    "a cut ciphertext": (answer(200, sealed(GOOD)[:-3]), 7, "wrong key or damaged"),
    "not JSON": (serves(b"greeting: hello"), 8, "not JSON"),
    "an HTML page, encrypted": (serves(b"<html></html>"), 8, "not JSON"),
    "a cut document": (serves(GOOD[:-5]), 8, "not JSON"),
    "nothing, encrypted": (serves(b""), 8, "empty"),
    "UTF-16": (serves('{"a": 1}'.encode("utf-16")), 8, "UTF-16"),
    "not UTF-8": (serves(b'{"a": "\xff"}'), 8, "not UTF-8"),
    "NaN": (serves(b'{"a": NaN}'), 8, "NaN"),
    "a member twice": (serves(b'{"a": 1, "a": 2}'), 8, "more than once"),
    "10,000 deep": (serves(b"[" * 10_000 + b"]" * 10_000), 8, "100 levels"),
    "more after its end": (serves(b"{} {}"), 8, "follows its end"),
    "an empty object": (serves(b"{}"), 8, "empty"),
    "an empty list": (serves(b"[]"), 8, "empty"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_has_its_code_and_one_clear_line_and_changes_nothing(settled: Settled, name: str) -> None:
    behaviour, code, words = REFUSALS[name]
    before = files_in(settled.app)
    settled.server.behaviour = behaviour
    assert_refused(settled.home.once(), code, "config-sync: app: ", words)
    assert files_in(settled.app) == before


def test_another_key_opens_nothing(settled: Settled) -> None:
    before = files_in(settled.app)
    settled.server.behaviour = serves(GOOD)
    assert_refused(settled.home.once(env={"CONFIG_SERVICE_KEY": "f" * 64}), 7, "wrong key or damaged")
    assert files_in(settled.app) == before


UNREACHABLE: dict[str, Behaviour] = {
    "503": answer(503, b"later"),
    "429": answer(429, b"later", Retry_After="3600"),
    "408": answer(408, b""),
    "a reset": faults.reset,
    "a hang-up": faults.hang_up,
    "a body that ends early": faults.truncate(b"x" * 40, declared=100),
}


@pytest.mark.parametrize("name", UNREACHABLE)
def test_an_outage_is_no_failure_while_the_files_are_as_recorded_unless_fresh(settled: Settled, name: str) -> None:
    before = files_in(settled.app)
    settled.server.behaviour = UNREACHABLE[name]
    excused = settled.home.once()
    assert excused.returncode == 0
    assert "warning: app: " in excused.stderr
    assert_refused(settled.home.once("--fresh"), 6, "config-sync: app: ")
    assert files_in(settled.app) == before


def test_an_outage_is_a_failure_where_the_file_is_not_as_recorded_and_the_cache_may_not_serve(tmp_path: Path) -> None:
    with FaultServer(serves(GOOD)) as server:
        home = home_at(tmp_path, server.url)
        home.configure(f"""\
            agent: {{offline_start: never}}
            targets: {{app: {{files: [{{path: {tmp_path}/app.yaml}}]}}}}
            """)
        assert home.once().returncode == 0
        (tmp_path / "app.yaml").write_text("edited: by hand\n")
        server.behaviour = answer(503)
        assert_refused(home.once(), 6, "503")
        assert (tmp_path / "app.yaml").read_text() == "edited: by hand\n"


def test_a_refused_port_is_tried_again_until_the_time_is_over(tmp_path: Path) -> None:
    with refused_port() as port:
        home = home_at(tmp_path, f"http://127.0.0.1:{port}")
        home.configure(f"""\
            service: {{retry: {{first: 50ms, max: 100ms}}}}
            targets: {{app: {{files: [{{path: {tmp_path}/app.yaml}}]}}}}
            """)
        ended = home.once("--retry-for", "500ms")
    lines = told(ended.stderr)
    assert ended.returncode == 6
    assert "Connection refused" in lines[0]
    assert "trying again in" in lines[0]
    assert len(lines) == 3, "the first failure, and the last one with its hint; not one for each of the tries"
    assert lines[2].startswith("  hint: ")
    assert not (tmp_path / "app.yaml").exists()


def test_a_service_that_comes_back_in_time_is_not_missed(tmp_path: Path) -> None:
    with FaultServer(in_turn(answer(503), faults.hang_up, answer(500), serves(GOOD))) as server:
        home = home_at(tmp_path, server.url)
        home.configure(f"""\
            service: {{retry: {{first: 20ms, max: 50ms}}}}
            targets: {{app: {{files: [{{path: {tmp_path}/app.yaml}}]}}}}
            """)
        ended = home.once("--retry-for", "20s")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "app.yaml").read_text() == "greeting: hello\nworkers: 2\n"


def test_a_ca_that_nobody_named_is_not_trusted(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with FaultServer(serves(GOOD), tls=served(authority.issue_cert("localhost"))) as server:
        home = home_at(tmp_path, server.url)
        form = ("once", "--retry-for", "0s", "--file", "app=app.json")
        assert_refused(home.command(*form), 6, "certificate")
        assert not (tmp_path / "app.json").exists()
        assert server.requests == [], "the token has not travelled"
        assert home.command(*form, "--ca-file", "ca.pem").returncode == 0
        assert (tmp_path / "app.json").read_bytes() == GOOD


RENDERS: dict[str, tuple[str, bytes, str]] = {
    "names that collide": ("app.env", b'{"a": 1, "A": 2}', "/A"),
    "a NUL in an env file": ("app.env", b'{"a": "x\\u0000y"}', "/a"),
    "a list as an env file": ("app.env", b"[1, 2]", "object"),
}


@pytest.mark.parametrize("name", RENDERS)
def test_what_a_format_cannot_carry_is_refused_by_its_pointer(tmp_path: Path, name: str) -> None:
    file, document, words = RENDERS[name]
    with FaultServer(serves(document)) as server:
        home = home_at(tmp_path, server.url)
        ended = home.command("once", "--retry-for", "0s", "--file", f"app={file}")
    assert_refused(ended, 8, words)
    assert not (tmp_path / file).exists()


def test_of_several_failures_all_are_told_and_the_first_required_one_gives_the_code(tmp_path: Path) -> None:
    def by_name(conversation: faults.Conversation) -> bool | None:
        name = conversation.request.target.rpartition("/")[2]
        return {"good": serves(GOOD), "gone": answer(404), "shut": answer(403)}.get(name, answer(400))(conversation)

    with FaultServer(by_name) as server:
        home = home_at(tmp_path, server.url)
        home.configure(f"""\
            targets:
              odd: {{files: [{{path: {tmp_path}/odd.yaml}}], required: false}}
              gone: {{files: [{{path: {tmp_path}/gone.yaml}}]}}
              shut: {{files: [{{path: {tmp_path}/shut.yaml}}]}}
              good: {{files: [{{path: {tmp_path}/good.yaml}}]}}
            """)
        ended = home.once("--retry-for", "10s")
    assert ended.returncode == 5
    assert [line.split(":")[1].strip() for line in told(ended.stderr) if not line.startswith("  hint")] == [
        "odd", "gone", "shut", "good",
    ]  # fmt: skip
    assert (tmp_path / "good.yaml").exists()
    asked = [request.target.rpartition("/")[2] for request in server.requests]
    assert sorted(asked) == ["configs", "gone", "good", "odd", "shut"], "what no waiting mends is asked for once"
