"""Every example loads with the real loader, and really runs against the embedded service."""

from __future__ import annotations

import json
import os
import socket
import ssl
import stat
import sys
import urllib.request
from pathlib import Path
from typing import cast

import jsonschema
import pytest
import trustme
import yaml

from config_sync.devserver.server import RunningService
from config_sync.settings import json_schema, load
from tests.docs.example import EXAMPLES, Example, started
from tests.lanes import on_path
from tests.service import KEY, TOKEN, write_config
from tests.waiting import eventually

SETTINGS = sorted(EXAMPLES.rglob("settings.yaml"))


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path, config_service: RunningService) -> Example:
    """The example whose name the test's parameter is."""
    name: object = request.param
    root = tmp_path / "root"
    root.mkdir()
    return Example(str(name), root, config_service)


def one(name: str) -> pytest.MarkDecorator:
    """Runs the test for one example."""
    return pytest.mark.parametrize("example", [name], indirect=True)


@pytest.mark.parametrize("example", [str(path.parent.relative_to(EXAMPLES)) for path in SETTINGS], indirect=True)
def test_its_settings_load(example: Example) -> None:
    for template in example.folder.rglob("*.j2"):
        example.path(f"/etc/config-sync/templates/{template.name}").write_text(template.read_text())
    settings = load(str(example.settings()), environ=example.environment, needs_service=False)
    assert settings.warnings == ()
    assert all(str(spec.path).startswith(str(example.root)) for target in settings.targets for spec in target.files)


@pytest.mark.parametrize("path", SETTINGS, ids=[path.parent.name for path in SETTINGS])
def test_its_settings_fit_the_schema_that_they_name(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    named = path.parent / first.removeprefix("# yaml-language-server: $schema=")
    schema: object = json.loads(named.read_text())
    assert schema == json_schema()
    jsonschema.validate(yaml.safe_load(path.read_text()), json_schema())


def test_every_example_is_told_of_and_tells_of_itself() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    index = (EXAMPLES / "README.md").read_text()
    assert all(f"({name}/README.md)" in index for name in folders)
    assert all((EXAMPLES / name / "README.md").read_text().startswith("# ") for name in folders)


@one("one-file")
def test_one_file_is_written(example: Example, configs: Path) -> None:
    write_config(configs, "my-service", {"port": 8080})
    target = example.path("/etc/my-service/config.yaml")
    settings = str(example.settings())
    checked = example.run("--config", settings, "check")
    assert checked.returncode == 0, checked.stderr
    done = example.run("--config", settings, "once")
    assert done.returncode == 0, done.stderr
    assert target.read_text() == "port: 8080\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    left = {path.relative_to(example.root): path for top in ("state", "runtime") for path in _below(example.root / top)}
    # A file of the cache goes by the config's name and what tells revisions apart.
    named = {
        str(name.with_name(name.name.split(".")[0]) if name.parent.name == "cache" else name): path
        for name, path in left.items()
    }
    modes = {name: oct(stat.S_IMODE(path.stat().st_mode)) for name, path in named.items()}
    # As the README's table "Files it leaves" has it.
    assert modes == {
        "state": "0o700",
        "state/cache": "0o700",
        "state/cache/my-service": "0o600",
        "state/lock": "0o600",
        "state/locks": "0o700",
        "state/records.json": "0o600",
        "runtime": "0o755",
        "runtime/status.json": "0o644",
    }


@one("sighup")
def test_a_consumer_hears_of_a_change_by_sighup(example: Example, configs: Path, tmp_path: Path) -> None:
    write_config(configs, "my-service", {"greeting": "hello"})
    file, pidfile = example.path("/etc/my-service/config.json"), example.path("/run/my-service/my-service.pid")
    settings = str(example.settings())
    done = example.run("--config", settings, "once")
    assert done.returncode == 0, done.stderr
    seen = tmp_path / "seen"
    consumer = [sys.executable, str(example.folder / "consumer.py"), str(file), str(pidfile)]
    with started(consumer, log=seen, environment=os.environ):
        eventually(lambda: "hello" in seen.read_text())
        with example.agent("--config", settings):
            write_config(configs, "my-service", {"greeting": "changed"})
            eventually(lambda: 'now I see {"greeting": "changed"}' in seen.read_text())


@one("env-file-for-systemd-unit")
def test_the_environment_file_is_what_its_readme_says(example: Example, configs: Path) -> None:
    write_config(configs, "my-service", '{"greeting": "hello", "db": {"url": "postgres://…"}}')
    file = example.path("/etc/my-service/my-service.env")
    # Its unit is started and restarted in a booted systemd by tests/system/systemd/test_shipped.py.
    done = example.run("--config", str(example.settings()), "once", "--no-reload")
    assert done.returncode == 0, done.stderr
    assert file.read_text() in (example.folder / "README.md").read_text()


@one("kubernetes")
def test_the_init_container_writes_the_file(example: Example, configs: Path) -> None:
    write_config(configs, "my-service", {"port": 8080})
    pod: object = yaml.safe_load(example.moved((example.folder / "init-container.yaml").read_text()))
    (container,) = _list(_mapping(_mapping(pod)["spec"])["initContainers"])
    for name, secret in (("token", TOKEN), ("key", KEY)):
        example.path(f"/credentials/{name}").write_text(secret)
    file = example.path("/config/config.yaml")
    variables = {str(pair["name"]): str(pair["value"]) for pair in map(_mapping, _list(_mapping(container)["env"]))} | {
        "CONFIG_SERVICE_HOST": example.service.url
    }
    program, *words = [str(word) for key in ("command", "args") for word in _list(_mapping(container)[key])]
    assert program == "config-sync"
    command = [sys.executable, "-m", "config_sync", *words]
    log = example.root / "log"
    with started(command, log=log, environment=variables) as process:
        assert process.wait(30) == 0, log.read_text()
    assert file.read_text() == "port: 8080\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o440
    assert "warning" not in log.read_text()


@one("merge")
def test_three_configs_become_one_file_and_the_optional_one_has_the_last_word(example: Example, configs: Path) -> None:
    blocks = (example.folder / "README.md").read_text().split("```json\n")[1:]
    common, own, host = (block.split("```")[0] for block in blocks)
    expected = (example.folder / "README.md").read_text().split("```yaml\n")[1].split("```")[0]
    file = example.path("/etc/my-service/config.yaml")
    write_config(configs, "common", common)
    write_config(configs, "my-service", own)
    settings = str(example.settings())
    done = example.run("--config", settings, "once")
    assert done.returncode == 0, done.stderr
    assert file.read_text() == expected.replace("debug", "info")
    write_config(configs, "my-host", host)
    with example.agent("--config", settings):
        eventually(lambda: file.read_text() == expected)
        write_config(configs, "my-host", host.replace("debug", "error"))
        eventually(lambda: file.read_text() == expected.replace("debug", "error"))
        write_config(configs, "my-host", host)
        eventually(lambda: file.read_text() == expected)
    explained = example.run("--config", settings, "explain", "my-service", "/db/host")
    assert "from       config my-service, version 1\n" in explained.stdout
    documents = [f"{name}={configs / name}.json" for name in ("common", "my-service", "my-host")]
    words = [word for document in documents for word in ("--document", document)]
    assert example.run("--config", settings, "render", "my-service", *words).stdout == expected


@one("cert-and-key")
def test_a_certificate_and_its_key_change_together(example: Example, configs: Path) -> None:
    port, first, second = _free_port(), trustme.CA(), trustme.CA()
    write_config(configs, "my-service", _pair(first))
    directory = example.path("/etc/my-service/tls/tls.crt").parent
    pidfile = example.path("/run/my-service/my-service.pid")
    for template in (example.folder / "templates").iterdir():
        example.path(f"/etc/config-sync/templates/{template.name}").write_text(template.read_text())
    settings = str(example.settings())
    done = example.run("--config", settings, "once")
    assert done.returncode == 0, done.stderr
    assert {path.name: str(path.readlink()) for path in directory.iterdir() if path.name.startswith("tls")} == {
        "tls.crt": "..data/tls.crt",
        "tls.key": "..data/tls.key",
    }
    modes = {name: oct(stat.S_IMODE((directory / name).stat().st_mode)) for name in ("tls.crt", "tls.key")}
    assert modes == {"tls.crt": "0o640", "tls.key": "0o600"}
    server = [sys.executable, str(example.folder / "server.py"), str(directory), str(port), str(pidfile)]
    with started(server, log=example.root / "server.log", environment=os.environ):
        eventually(lambda: pidfile.exists() and pidfile.read_text())
        assert _greeted(port, first)
        with example.agent("--config", settings) as log:
            write_config(configs, "my-service", _pair(second))
            eventually(lambda: _greeted(port, second))
            shown = (directory / "..data").readlink()
            write_config(configs, "my-service", {**_pair(second), "key": _pair(first)["key"]})
            eventually(lambda: "CheckRejected" in log.read_text())
            assert (directory / "..data").readlink() == shown
            (directory / "tls.crt").unlink()
            (directory / "tls.crt").write_text("by hand")
            write_config(configs, "my-service", _pair(second))
            eventually(lambda: (directory / "tls.crt").is_symlink())
            assert _greeted(port, second)


@pytest.mark.nginx
@one("nginx")
def test_nginx_answers_with_the_new_content(example: Example, configs: Path) -> None:
    port = _free_port()
    document = json.loads((example.folder / "README.md").read_text().split("```json\n")[1].split("```")[0])
    document["listen"] = f"127.0.0.1:{port}"
    write_config(configs, "my-site", document)
    template = example.folder / "templates" / "my-site.conf.j2"
    example.path(f"/etc/config-sync/templates/{template.name}").write_text(template.read_text())
    file = example.path("/etc/nginx/conf.d/my-site.conf")
    pidfile = example.path("/run/nginx.pid")
    main = example.path("/etc/nginx/nginx.conf")
    scratch = "".join(
        f"{kind}_temp_path {example.root}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main.write_text(
        f"pid {pidfile}; error_log {example.root}/error.log; events {{}}"
        f" http {{ access_log off; {scratch} include {file.parent}/*.conf; }}"
    )
    settings = str(example.settings())
    nginx = on_path("nginx")
    assert nginx is not None
    command = [nginx, "-c", str(main), "-e", str(example.root / "error.log"), "-g", "daemon off;"]
    with started(command, log=example.root / "nginx.log", environment=example.environment):
        eventually(lambda: pidfile.exists() and pidfile.read_text())
        with example.agent("--config", settings) as log:
            eventually(lambda: _greeting(port) == "hello")
            write_config(configs, "my-site", {**document, "greeting": 'a "quoted" one'})
            eventually(lambda: _greeting(port) == 'a "quoted" one')
            good = file.read_bytes()
            write_config(configs, "my-site", {**document, "greeting": "refused", "listen": "no such address!"})
            eventually(lambda: "CheckRejected" in log.read_text())
            assert file.read_bytes() == good
            assert _greeting(port) == 'a "quoted" one'


def _below(top: Path) -> list[Path]:
    """The directory and what is in it, but for the locks of destinations, whose names are digests."""
    return [top, *(path for path in top.rglob("*") if path.parent.name != "locks")]


def _greeting(port: int) -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/greeting", timeout=60) as answer:
            return str(answer.read().decode())
    except OSError:
        return None


def _pair(authority: trustme.CA) -> dict[str, str]:
    """A certificate for this machine, with its chain, and its key."""
    leaf = authority.issue_cert("127.0.0.1")
    chain = [blob.bytes().decode() for blob in leaf.cert_chain_pems]
    return {"certificate": "".join(chain), "key": leaf.private_key_pem.bytes().decode()}


def _greeted(port: int, authority: trustme.CA) -> bool:
    """Whether the server says hello with a certificate of that authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
                return secured.recv(100) == b"hello\n"
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _mapping(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return cast("dict[str, object]", value)


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
