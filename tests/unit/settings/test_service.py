from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.settings.service import SOURCE_FORMS
from tests.unit.settings.given import HOST, load_text, problem_of, refusal_of


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("https://config.example", "https://config.example"),
        ("https://config.example/", "https://config.example"),
        ("https://config.example:8443/base/", "https://config.example:8443/base"),
        ("HTTPS://Config.Example", "HTTPS://Config.Example"),
        ("https://192.0.2.1", "https://192.0.2.1"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://LOCALHOST", "http://LOCALHOST"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.255.3.4", "http://127.255.3.4"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_base_url_is_taken_without_its_trailing_slash(tmp_path: Path, written: str, host: str) -> None:
    assert load_text(tmp_path, f"service: {{host: '{written}'}}").service.host == host


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("ftp://config.example", "by http or https, not ftp"),
        ("config.example", "expected a base URL such as https://config.example.com"),
        ("config.example:8443", "expected a base URL"),
        ("//config.example", "expected a base URL"),
        ("https://", "the host is missing"),
        ("https://:8443", "the host is missing"),
        ("https://config.example:http", "the host or port is malformed"),
        ("https://config.example:99999", "the host or port is malformed"),
        ("https://config.example:0", "port 0 is none"),
        ("https://[2001:db8::1", "the host or port is malformed"),
        ("https://config.example/?a=b", "without ? or #"),
        ("https://config.example/?", "without ? or #"),
        ("https://config.example/#x", "without ? or #"),
        ("https://config example", "this one has a blank or control character"),
        ("https://bücher.example", "this one has non-ASCII"),
        ("https://config%2eexample", "the host is malformed"),
    ],
)
def test_what_is_no_base_url_is_refused_without_quoting_it(tmp_path: Path, written: str, message: str) -> None:
    problem = problem_of(tmp_path, f"service: {{host: '{written}'}}")

    assert message in problem.message
    assert (problem.line, problem.column, problem.path) == (1, 17, "service.host")


def test_password_in_the_url_is_refused_and_not_repeated(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, "service: {host: 'https://ann:hunter2@config.example'}")

    assert "without user or password" in problem.message
    assert "hunter2" not in str(problem)
    assert "service.token" in (problem.hint or "")


@pytest.mark.parametrize(
    "written",
    [
        "http://config.example",
        "http://10.0.0.1",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://0.0.0.0:8080",
        "http://127.0.0.256",
        "http://[2001:db8::1]",
    ],
)
def test_plain_http_beyond_loopback_is_an_error_that_says_why_and_how(tmp_path: Path, written: str) -> None:
    problem = problem_of(tmp_path, f"service: {{host: '{written}'}}")

    assert problem.message.startswith("plain http beyond this machine")
    assert "https://" in (problem.hint or "")
    assert "allow_insecure: true" in (problem.hint or "")
    assert (problem.line, problem.column, problem.path) == (1, 17, "service.host")


def test_plain_http_is_allowed_where_the_settings_say_so(tmp_path: Path) -> None:
    found = load_text(tmp_path, "service: {host: 'http://config.example', allow_insecure: true}")

    assert found.service.host == "http://config.example"


def test_host_of_the_variable_obeys_the_same_rules_and_is_told_by_its_name(tmp_path: Path) -> None:
    plain = problem_of(tmp_path, "service: {}", environ={"CONFIG_SERVICE_HOST": "http://config.example"})
    malformed = problem_of(tmp_path, "service: {}", environ={"CONFIG_SERVICE_HOST": "config.example"})

    assert str(plain).startswith("$CONFIG_SERVICE_HOST: service.host: plain http beyond this machine")
    assert str(malformed).startswith("$CONFIG_SERVICE_HOST: service.host: expected a base URL")


@pytest.mark.parametrize("key", ["token", "key"])
@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("abc", f"expected {SOURCE_FORMS}"),
        ("[a]", f"expected {SOURCE_FORMS}"),
        ("{}", f"expected exactly one of {SOURCE_FORMS}"),
        ("{env: A, file: /a}", f"expected exactly one of {SOURCE_FORMS}"),
        ("{file: a}", "an absolute path, starting with /, is needed"),
        ("{credential: a/b}", "expected the name of a systemd credential"),
        ("{credential: ..}", "expected the name of a systemd credential"),
        ("{env: null}", "expected the name of an environment variable, not null"),
    ],
    ids=["word", "list", "none", "two", "relative-file", "path-as-credential", "dots", "null"],
)
def test_source_of_a_credential_is_exactly_one_place(tmp_path: Path, key: str, written: str, message: str) -> None:
    problem = problem_of(tmp_path, f"service: {{{key}: {written}}}")

    assert message in problem.message
    assert problem.path.startswith(f"service.{key}")


def test_unknown_source_is_told_with_the_near_one(tmp_path: Path) -> None:
    problems = refusal_of(tmp_path, "service: {token: {fil: /a}}").problems

    assert [(problem.column, problem.hint) for problem in problems][-1] == (19, "did you mean 'file'?")


def test_unnamed_sources_are_looked_for_in_the_documented_order(tmp_path: Path) -> None:
    (tmp_path / "config-service-token").write_text("from-credential\n", encoding="utf-8")
    (tmp_path / "token").write_text("from-file\n", encoding="utf-8")
    environ = {
        **HOST,
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "CONFIG_SERVICE_TOKEN_FILE": str(tmp_path / "token"),
        "CONFIG_SERVICE_TOKEN": "from-variable",
    }

    token = load_text(tmp_path, "service: {}", environ=environ).service.token

    assert token.read().reveal() == "from-credential"
    (tmp_path / "config-service-token").unlink()
    assert token.read().reveal() == "from-file"
