from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.model import AbsolutePath
from config_sync.settings.listen import ListenAddress, TcpAddress, UnixAddress
from tests.unit.settings.given import SMALLEST, load_text, problem_of

GOOD: dict[str, ListenAddress] = {
    ":9180": TcpAddress(None, 9180),
    "127.0.0.1:9180": TcpAddress("127.0.0.1", 9180),
    "0.0.0.0:1": TcpAddress("0.0.0.0", 1),
    "[::1]:65535": TcpAddress("::1", 65535),
    "[0::1]:80": TcpAddress("::1", 80),
    "unix:/run/app//http.sock": UnixAddress(AbsolutePath("/run/app/http.sock")),
}

BAD: dict[str, str] = {
    "9180": 'write ":9180" for every address of this machine',
    ":0": "",
    ":65536": "",
    ":": "",
    "localhost:9180": "write an address in numbers",
    "127.1:9180": "",
    "::1:9180": "",
    "[::1]": "",
    "[]:80": "",
    "[127.0.0.1]:80": "",
    "127.0.0.1:９１８０": "",
    "http://127.0.0.1:9180": "",
    "unix:http.sock": "",
    "unix:": "",
    "unix:/" + "x" * 120: "",
    ":9180\\n": "",
}


@pytest.mark.parametrize("text", GOOD)
def test_an_address_is_understood_and_spelled_again(tmp_path: Path, text: str) -> None:
    found = load_text(tmp_path, f'agent: {{listen: "{text}"}}\n{_unindented()}').agent.listen
    assert found == GOOD[text]
    again = load_text(tmp_path, f'agent: {{listen: "{found}"}}\n{_unindented()}').agent.listen
    assert again == found


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_refused_with_the_key(tmp_path: Path, text: str) -> None:
    problem = problem_of(tmp_path, f'agent: {{listen: "{text}"}}\n{_unindented()}')
    assert problem.path == "agent.listen"
    assert BAD[text] in (problem.hint or "")


def test_variables_are_replaced(tmp_path: Path) -> None:
    environ = {"CONFIG_SERVICE_HOST": "https://x.example", "PORT": "81"}
    text = f'agent: {{listen: "127.0.0.1:${{PORT}}"}}\n{_unindented()}'
    assert load_text(tmp_path, text, environ=environ).agent.listen == TcpAddress("127.0.0.1", 81)


def test_nothing_listens_unless_asked(tmp_path: Path) -> None:
    assert load_text(tmp_path, SMALLEST).agent.listen is None


def _unindented() -> str:
    from textwrap import dedent

    return dedent(SMALLEST)
