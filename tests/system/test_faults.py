"""Every fault of a server, met by a real `once`: its exit code, its reason, its hint; the last good file stays."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config_sync.crypto import encrypt
from config_sync.model import EncryptionKey
from tests import faults
from tests.faults import Behaviour, FaultServer, answer, refused_port
from tests.program import Home, assert_refused, files_in, home_at
from tests.service import KEY

GOOD = b'{"greeting": "hello"}'
BOMB_SIZE = 256 << 20
BOMB = gzip.compress(bytes(BOMB_SIZE))


def sealed(plaintext: bytes) -> bytes:
    return encrypt(plaintext, EncryptionKey(KEY), os.urandom(12))


@dataclass(frozen=True)
class Settled:
    """A home whose file was written, and the server that it came from."""

    home: Home
    server: FaultServer
    app: Path

    def once(
        self, *, is_slow: bool = False, env: dict[str, str] | None = None, before: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """`once --fresh`; `is_slow`: with a short patience."""
        name = "slow.yaml" if is_slow else "settings.yaml"
        words = ("--config", str(self.home.root / name), "once", "--retry-for", "0s", "--fresh")
        return self.home.command(*words, env=env, before=before)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    """One for all: none of these tests may change its files, which each of them asserts."""
    root = tmp_path_factory.mktemp("settled")
    (root / "app").mkdir()
    with FaultServer(answer(200, sealed(GOOD))) as server:
        home = home_at(root, server.url)
        text = "service: {{request_timeout: {}}}\ntargets: {{app: {{files: [{{path: {}/app/app.yaml}}]}}}}\n"
        (root / "slow.yaml").write_text(text.format("3s", root))
        home.configure(text.format("60s", root))
        assert home.once().returncode == 0
        yield Settled(home, server, root / "app")


@dataclass(frozen=True)
class Fault:
    """What the server does, and what must be told of it."""

    behaviour: Behaviour
    code: int
    reason: str
    says: str
    hint: str
    is_slow: bool = False


def _flipped(data: bytes) -> bytes:
    return data[:40] + bytes([data[40] ^ 1]) + data[41:]


FAULTS: dict[str, Fault] = {
    "a reset": Fault(faults.reset, 6, "ConnectionReset", "Connection reset by peer", "closed it hard"),
    "a hang-up": Fault(faults.hang_up, 6, "HungUp", "the answer broke off", "left without an answer"),
    "silence": Fault(
        faults.half_open,
        6,
        "TimedOut",
        "waiting for the answer: not done within 3 s",
        "is the service stuck",
        is_slow=True,
    ),
    "dripping headers": Fault(
        faults.drip_headers(), 6, "AnswerTooSlow", "not done within 3 s", "not whole in time", is_slow=True
    ),
    "a dripping body": Fault(
        faults.drip_body(),
        6,
        "AnswerTooSlow",
        "reading the body: not done within 3 s",
        "not whole in time",
        is_slow=True,
    ),
    "a body that ends early": Fault(
        faults.truncate(b"x" * 40, declared=100),
        6,
        "AnswerCutOff",
        "reading the body: the answer broke off",
        "fewer bytes",
    ),
    "an endless body": Fault(faults.endless, 6, "AnswerTooLarge", "more than 1048576 bytes", "service.max_size"),
    "a body that says it is too large": Fault(
        faults.truncate(b"", declared=1 << 30), 6, "AnswerTooLarge", "1073741824 bytes", "service.max_size"
    ),
    "a gzip bomb": Fault(
        answer(200, BOMB, Content_Encoding="gzip"),
        6,
        "EncodingRefused",
        "Content-Encoding",
        "a proxy between compresses",
    ),
    "no HTTP": Fault(faults.garbage, 6, "NotHttp", "is not HTTP", "service.host"),
    "a redirect": Fault(
        answer(302, Location="https://login.example/"),
        6,
        "RedirectRefused",
        "a redirect to https://login.example",
        "own address",
    ),
    "204": Fault(answer(204), 6, "NoContent", "answers 204, without the content", "a proxy"),
    "a web page": Fault(
        answer(200, b"<html>", Content_Type="text/html"), 6, "WrongContentType", "with text/html", "a login page"
    ),
    "a stream": Fault(faults.stream(b"data: 1\n\n"), 6, "WrongContentType", "with text/event-stream", "a login page"),
    "400": Fault(answer(400), 6, "UnexpectedResponse", "400: bad request", "service.client_cert"),
    "401": Fault(answer(401), 4, "Unauthorized", "401: unauthorized", "CONFIG_SERVICE_TOKEN"),
    "403": Fault(answer(403), 4, "Forbidden", "403: forbidden", "the right to read it"),
    "404": Fault(answer(404), 5, "NotFound", "404: not found", "config-sync list"),
    "407": Fault(answer(407), 6, "ProxyAuthRequired", "407", "service.proxy"),
    "418": Fault(answer(418), 6, "UnexpectedResponse", "418, which the protocol does not know", "a login page"),
    "429": Fault(
        answer(429, Retry_After="60"), 6, "RateLimited", "too many requests, and asks for 60 s", "a higher limit"
    ),
    "500": Fault(answer(500, b"<html>", Content_Type="text/html"), 6, "ServiceUnavailable", "answers 500", "own logs"),
    "503": Fault(answer(503), 6, "ServiceUnavailable", "answers 503", "own logs"),
    "an empty body": Fault(answer(200, b""), 7, "EmptyAnswer", "0 bytes", "empty or cut"),
    "a body of three bytes": Fault(
        answer(200, b"abc"), 7, "NotACiphertext", "3 bytes, and the shortest has 28", "empty or cut"
    ),
    "one flipped bit": Fault(
        answer(200, _flipped(sealed(GOOD))), 7, "DecryptFailed", "wrong key or damaged data", "service.key"
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_its_code_reason_and_hint_and_changes_nothing(settled: Settled, name: str) -> None:
    fault = FAULTS[name]
    before = files_in(settled.app)
    settled.server.behaviour = fault.behaviour
    assert_told(settled, fault)
    assert files_in(settled.app) == before


def assert_told(settled: Settled, fault: Fault, *, env: dict[str, str] | None = None) -> None:
    done = settled.once(is_slow=fault.is_slow, env=env)
    assert_refused(done, fault.code, "config-sync: app: ", fault.says)
    error = settled.home.target("app")["error"]
    assert isinstance(error, dict)
    assert (error["reason"], fault.hint in error["hint"]) == (fault.reason, True), error
    assert "CANARY" not in done.stderr + str(settled.home.status())


def test_a_refused_port_has_its_own_reason(settled: Settled) -> None:
    before = files_in(settled.app)
    fault = Fault(faults.reset, 6, "ConnectFailed", "connecting: Connection refused", "is the service running")
    with refused_port() as port:
        assert_told(settled, fault, env={"CONFIG_SERVICE_HOST": f"http://127.0.0.1:{port}"})
    assert files_in(settled.app) == before


def test_every_fault_of_the_wire_has_a_reason_of_its_own() -> None:
    shared = {"ServiceUnavailable", "UnexpectedResponse", "AnswerTooLarge", "AnswerTooSlow", "WrongContentType"}
    reasons = [fault.reason for fault in FAULTS.values() if fault.reason not in shared]
    assert len(reasons) == len(set(reasons))


PEAK = (
    sys.executable,
    "-c",
    """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
""",
)
"""Before a command: its largest resident size in KiB as the last line of stderr (getrusage(2))."""


@pytest.mark.parametrize(
    "behaviour", [FAULTS["a gzip bomb"].behaviour, faults.endless], ids=["gzip-bomb", "endless-body"]
)
def test_memory_stays_bounded_whatever_comes(settled: Settled, behaviour: Behaviour) -> None:
    def peak_kib() -> int:
        done = settled.once(before=PEAK)
        found = re.search(r"^peak ([0-9]+)$", done.stderr, re.MULTILINE)
        assert found is not None, done.stderr
        return int(found[1])

    settled.server.behaviour = answer(200, sealed(GOOD))
    usual_kib = peak_kib()
    settled.server.behaviour = behaviour
    assert peak_kib() < usual_kib + 32 * 1024  # the bomb alone would take 256 MiB
