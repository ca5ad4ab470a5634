"""``service.proxy`` and ``service.client_cert``: what they become, and what is refused where."""

from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.http.proxy import Proxy
from config_sync.settings.values import ClientCert, ServiceSettings
from tests.unit.settings.given import load_text, problem_of, refusal_of

HOST = "host: https://config.example"


def service_of(directory: Path, text: str, environ: dict[str, str] | None = None) -> ServiceSettings:
    return load_text(directory, f"service: {{{HOST}, {text}}}", environ=environ or {}).service


def test_both_are_absent_unless_said(tmp_path: Path) -> None:
    service = service_of(tmp_path, "proxy: null, client_cert: null")
    assert (service.proxy, service.client_cert) == (None, None)


def test_a_pair_is_two_paths(tmp_path: Path) -> None:
    service = service_of(tmp_path, "client_cert: {cert_file: /a//c.pem, key_file: '${DIR}/k.pem'}", {"DIR": "/b"})
    assert service.client_cert is not None
    assert service.client_cert == ClientCert(service.client_cert.cert_file, service.client_cert.key_file)
    assert (service.client_cert.cert_file, service.client_cert.key_file) == ("/a/c.pem", "/b/k.pem")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("client_cert: /a", "expected a mapping of cert_file, key_file"),
        ("client_cert: {cert_file: /a}", "'key_file' is missing"),
        ("client_cert: {cert_file: a, key_file: /b}", "an absolute path"),
        ("client_cert: {cert_file: /a, key_file: /b, pass: x}", "unknown key 'pass'"),
    ],
    ids=["text", "half", "relative", "unknown"],
)
def test_half_a_pair_is_refused_at_its_place(tmp_path: Path, text: str, message: str) -> None:
    problem = problem_of(tmp_path, f"service: {{{HOST}, {text}}}")
    assert message in problem.message
    assert problem.path.startswith("service.client_cert")
    assert problem.line == 1


def test_a_proxy_is_parsed_and_its_password_hidden(tmp_path: Path) -> None:
    service = service_of(tmp_path, "proxy: 'http://ann:${PW}@proxy.example:3128'", {"PW": "hunter2"})
    assert service.proxy is not None
    assert service.proxy.origin == "http://proxy.example:3128"
    assert service.proxy.authorization is not None
    assert "hunter2" not in repr(service)
    assert service.proxy.authorization not in repr(service)


@pytest.mark.parametrize(
    "url", ["socks5://ann:hunter2@p.example:1", "https://ann:hunter2@p.example:1", "http://ann:hunter2@p.example:x"]
)
def test_what_is_no_proxy_is_refused_at_its_place_and_not_quoted(tmp_path: Path, url: str) -> None:
    problem = problem_of(tmp_path, f"service: {{{HOST}, proxy: '{url}'}}")
    assert problem.path == "service.proxy"
    assert (problem.line, problem.column > 1) == (1, True)
    assert "hunter2" not in str(problem)


def test_the_environments_proxy_is_the_one_for_the_host(tmp_path: Path) -> None:
    environ = {"HTTPS_PROXY": "http://p.example:1", "HTTP_PROXY": "http://other.example:1"}
    assert service_of(tmp_path, "proxy: env", environ).proxy == Proxy("p.example", 1)
    assert service_of(tmp_path, "proxy: env", {**environ, "NO_PROXY": ".example"}).proxy is None
    assert service_of(tmp_path, "proxy: env").proxy is None
    assert service_of(tmp_path, "max_size: 1MiB", environ).proxy is None


def test_an_environment_that_names_no_proxy_is_told_at_the_key_by_its_variable(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, f"service: {{{HOST}, proxy: env}}", environ={"HTTPS_PROXY": "socks5://a:hunter2@b"})
    assert problem.path == "service.proxy"
    assert "$HTTPS_PROXY" in problem.message
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("host", "proxy", "extra", "is_refused"),
    [
        ("http://127.0.0.1:8080", "http://p.example:1", "", True),
        ("http://127.0.0.1:8080", "http://p.example:1", ", allow_insecure: true", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:3128", "", False),
        ("https://127.0.0.1:8080", "http://p.example:1", "", False),
    ],
    ids=["readable-elsewhere", "allowed", "proxy-here", "tls"],
)
def test_plain_http_through_a_proxy_elsewhere_needs_allow_insecure(
    tmp_path: Path, host: str, proxy: str, extra: str, is_refused: bool
) -> None:
    text = f"service: {{host: '{host}', proxy: '{proxy}'{extra}}}"
    if not is_refused:
        assert load_text(tmp_path, text).service.proxy is not None
        return
    problem = refusal_of(tmp_path, text).problems[0]
    assert problem.path == "service.proxy"
    assert "the token would travel readable" in problem.message
