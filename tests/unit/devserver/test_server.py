"""Starting and stopping, in this process and as the command."""

from __future__ import annotations

import argparse
import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config_sync.cli import serve
from config_sync.devserver.server import start
from config_sync.errors import CredentialError, Exit, UsageError
from tests.service import KEY, TOKEN, serve_process, serving, write_config


def test_without_a_token_and_key_random_ones_are_made(configs: Path) -> None:
    with start(configs) as one, start(configs) as other:
        assert one.token != other.token
        assert one.key != other.key
        assert one.url != other.url
        assert one.token.reveal() not in repr(one)
        assert one.environment == {
            "CONFIG_SERVICE_HOST": one.url,
            "CONFIG_SERVICE_TOKEN": one.token.reveal(),
            "CONFIG_SERVICE_KEY": one.key.raw.hex(),
        }


def test_it_listens_on_loopback_only_unless_told(configs: Path) -> None:
    with start(configs) as service:
        assert (urlsplit(service.url).hostname, service.is_exposed) == ("127.0.0.1", False)
    with start(configs, host="0.0.0.0") as service:
        assert (urlsplit(service.url).hostname, service.is_exposed) == ("127.0.0.1", True)


def test_an_ipv6_address_stands_in_brackets(configs: Path) -> None:
    try:
        with start(configs, host="::1") as service:
            told = service.url
    except UsageError as error:  # a machine without IPv6
        told = error.message
    assert "[::1]:" in told


def test_stop_ends_a_silent_stream_at_once_and_frees_the_port(configs: Path) -> None:
    write_config(configs, "app", {})
    service = serving(configs)
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)
    connection.request("GET", "/api/v1/service/configs/app/watch", headers={"X-Service-Token": TOKEN})
    response = connection.getresponse()
    ended: list[float] = []
    reader = threading.Thread(target=lambda: ended.append(bool(response.read()) and time.monotonic()))
    reader.start()
    begun = time.monotonic()
    service.stop()
    reader.join(60)
    connection.close()
    assert not service.is_alive
    assert 0 < ended[0] - begun < 10  # and not with its next comment
    service.stop()  # again: nothing
    with start(configs, port=urlsplit(service.url).port or 0):
        pass


def test_a_port_in_use_is_told(configs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            start(configs, port=port)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        start(tmp_path / "nowhere")


def test_a_file_for_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="Not a directory"):
        start(tmp_path / "file")


@pytest.mark.root
def test_a_folder_that_cannot_be_watched_is_told_before_anything_is_served(configs: Path) -> None:
    """In a user namespace that may have no inotify instance (namespaces(7), /proc/sys/user)."""
    script = 'echo 0 >/proc/sys/user/max_inotify_instances && exec "$0" -m config_sync serve --listen 127.0.0.1:0 "$1"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", script, sys.executable, str(configs)],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert f"cannot watch {configs}: " in done.stderr
    assert "fs.inotify.max_user_instances" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_extra_one_line_names_what_to_install(configs: Path) -> None:
    """In a Python of its own that cannot find uvicorn."""
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from config_sync.cli import main\n"
        "sys.exit(main(['serve', sys.argv[1]]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(configs)], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == Exit.USAGE
    assert "pip install 'config-sync[serve]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=["term", "int", "hup"])
def test_the_command_prints_three_exports_and_ends_with_0_by(configs: Path, number: signal.Signals) -> None:
    write_config(configs, "app", {"a": 1})
    with serve_process(configs) as served:
        assert sorted(served.environment) == ["CONFIG_SERVICE_HOST", "CONFIG_SERVICE_KEY", "CONFIG_SERVICE_TOKEN"]
        connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=60)
        headers = {"X-Service-Token": served.environment["CONFIG_SERVICE_TOKEN"]}
        connection.request("GET", "/api/v1/service/configs/app", headers=headers)
        assert connection.getresponse().status == 200
        connection.close()
        code, errors = served.end(number)
    assert code == 0
    assert "for development" in errors
    assert "Traceback" not in errors


def test_the_command_uses_given_secrets_and_does_not_show_them(configs: Path) -> None:
    with serve_process(configs, env={"CONFIG_SERVICE_TOKEN": TOKEN, "CONFIG_SERVICE_KEY": KEY}) as served:
        connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=60)
        connection.request("GET", "/api/v1/service/configs", headers={"X-Service-Token": TOKEN})
        assert connection.getresponse().status == 200
        connection.close()
        _, errors = served.end()
    assert served.environment["CONFIG_SERVICE_TOKEN"] == '"$CONFIG_SERVICE_TOKEN"'
    assert TOKEN not in errors
    assert KEY not in errors


def test_the_command_tells_a_broken_file_in_one_line(configs: Path) -> None:
    write_config(configs, "app", b'{"password": hunter2}')
    with serve_process(configs) as served:
        _, errors = served.end()
    (line,) = [line for line in errors.splitlines() if "app.json" in line]
    assert "line 1 column 14" in line
    assert "hunter2" not in errors


@pytest.mark.parametrize(
    "listen", ["", "9181", "host:", ":9181", "host:port", "host:70000", "::1:9181", "[]:1", "host:１"]
)
def test_an_address_that_is_none_is_a_usage_error(configs: Path, listen: str) -> None:
    with pytest.raises(UsageError, match="expected HOST:PORT"):
        serve.run(_arguments(str(configs), "--listen", listen))


@pytest.mark.parametrize(
    ("name", "value"),
    [("CONFIG_SERVICE_KEY", "hunter2"), ("CONFIG_SERVICE_TOKEN", "hunter2\n")],
    ids=["key", "token"],
)
def test_a_malformed_secret_is_refused_without_a_quote(
    configs: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(CredentialError) as refused:
        serve.run(_arguments(str(configs), "--listen", "127.0.0.1:0"))
    assert "hunter2" not in str(refused.value)
    assert name in str(refused.value)


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    serve.configure(parser)
    return parser.parse_args(words)
