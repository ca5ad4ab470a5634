"""Secrets stay where they belong: unique values go in, and are looked for wherever a person or a program looks."""

from __future__ import annotations

import secrets
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests import faults
from tests.faults import FaultServer, answer
from tests.program import Home, home_at
from tests.service import serving, write_config
from tests.waiting import eventually


@dataclass(frozen=True)
class World:
    """A home, its service, and what must not be found: the token, the key, and values of the document."""

    home: Home
    service: RunningService
    configs: Path
    token: str
    key: str
    value: str

    def leaks(self, *texts: str) -> list[str]:
        """Which secrets stand in any of the texts."""
        canaries = {"token": self.token, "key": self.key, "key bytes": self.key.upper(), "value": self.value}
        return [name for name, canary in canaries.items() if any(canary in text for text in texts)]

    def kept(self) -> list[str]:
        """All that the agent keeps for itself."""
        paths = [*self.home.state_dir.rglob("*"), *self.home.runtime_dir.rglob("*")]
        return [path.read_text(errors="replace") for path in paths if path.is_file()]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    token, key, value = f"canary-{secrets.token_hex(16)}", secrets.token_hex(32), f"canary-{secrets.token_hex(16)}"
    configs = tmp_path / "configs"
    write_config(configs, "app", {"password": value})
    write_config(configs, "list", [value])
    with serving(configs, token=token, key=key) as service:
        home = home_at(tmp_path / "h", service.url, token=token, key=key)
        spies = "cat > {0}/story-$1; env > {0}/env-$1; tr '\\0' ' ' < /proc/$$/cmdline > {0}/argv-$1; env; echo said"
        (home.root / "spy.sh").write_text(spies.format(home.root))
        home.configure(f"""\
            agent: {{listen: "unix:{home.root}/web.sock"}}
            targets:
              app:
                files: [{{path: {home.root}/app.yaml}}]
                validate: [sh, {home.root}/spy.sh, check, "{{file}}"]
                reload: {{command: [sh, {home.root}/spy.sh, reload]}}
            """)
        yield World(home, service, configs, token, key, value)


def seen_by_hooks(home: Home) -> list[str]:
    """What the checker and the hook were given."""
    return [
        (home.root / f"{what}-{when}").read_text() for what in ("story", "env", "argv") for when in ("check", "reload")
    ]


def asked_over(path: Path, target: str) -> str:
    """The whole answer of the agent's web server."""
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(60)
        made.connect(str(path))
        made.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return b"".join(iter(lambda: made.recv(65536), b"")).decode()


def test_once_shows_no_secret_to_anyone_but_the_file(world: World) -> None:
    home = world.home
    ended = home.once("--log-level", "debug")
    assert ended.returncode == 0, ended.stderr
    assert "said" in ended.stderr
    assert world.value in (home.root / "app.yaml").read_text()
    again = home.once("--log-level", "debug")
    assert world.leaks(ended.stdout, ended.stderr, again.stderr, *world.kept(), *seen_by_hooks(home)) == []


def test_run_shows_no_secret_to_anyone_but_the_file(world: World) -> None:
    home = world.home
    with home.agent() as agent:
        eventually(lambda: home.target("app").get("state") == "synced")
        world_two = "second-" + world.value
        write_config(world.configs, "app", {"password": world_two})
        eventually(lambda: world_two in (home.root / "app.yaml").read_text())
        eventually(lambda: home.target("app").get("version") == 2)
        write_config(world.configs, "app", f'{{"password": "{world.value}"')
        agent.process.send_signal(signal.SIGHUP)
        shown = [
            home.ask(*words) for words in (("sync", "--wait"), ("reload", "app"), ("status",), ("status", "--json"))
        ]
        shown_on_the_web = [
            asked_over(home.root / "web.sock", path) for path in ("/metrics", "/status", "/", "/readyz")
        ]
        assert all("HTTP/1.1 200 " in one for one in shown_on_the_web)
        command_line = Path(f"/proc/{agent.pid}/cmdline").read_text()
        assert agent.end() == 0
    said = [text for one in shown for text in (one.stdout, one.stderr)]
    said += shown_on_the_web
    assert world.leaks(command_line, agent.out, agent.err, *said, *world.kept(), *seen_by_hooks(home)) == []


def test_commands_show_no_secret_they_were_not_asked_for(world: World) -> None:
    home = world.home
    shown = [
        home.command("--log-level", "debug", "--config", str(home.settings), *words)
        for words in (
            ("check",),
            ("list",),
            ("list", "--json"),
            ("get", "app", "-o", str(home.root / "got.json")),
            ("schema",),
        )
    ]
    assert [one.returncode for one in shown] == [0] * 5
    assert world.leaks(*(text for one in shown for text in (one.stdout, one.stderr))) == []
    assert world.value in (home.root / "got.json").read_text()


def test_failures_show_no_secret(world: World, tmp_path: Path) -> None:
    home = world.home
    turned = world.key[::-1]
    texts: list[str] = []
    for env in (
        {"CONFIG_SERVICE_TOKEN": f"{world.token}-wrong"},
        {"CONFIG_SERVICE_TOKEN": f"{world.token}\u00e4"},
        {"CONFIG_SERVICE_KEY": turned},
        {"CONFIG_SERVICE_KEY": world.key[:-1]},
        {"CONFIG_SERVICE_KEY": f"{world.key} "},
    ):
        ended = home.once("--log-level", "debug", env=env)
        texts += [ended.stdout, ended.stderr.replace(turned, world.key)]
    for content in (
        f'{{"{world.value}": 1, "{world.value}": 2}}'.replace(f'"{world.value}": 2', '"x": NaN'),
        world.value,
    ):
        write_config(world.configs, "app", content)
        ended = home.once("--log-level", "debug")
        texts += [ended.stdout, ended.stderr]
    write_config(world.configs, "app", {"a": world.value + "\x00"})
    env_file = home.command("--log-level", "debug", "once", "--retry-for", "0s", "--file", f"app={tmp_path}/app.env")
    assert env_file.returncode == 8
    listed = home.command("--log-level", "debug", "once", "--retry-for", "0s", "--file", f"list={tmp_path}/list.env")
    assert listed.returncode == 8
    texts += [env_file.stderr, listed.stderr]
    for behaviour in (
        answer(500, world.value.encode()),
        answer(302, b"", Location=f"https://x.example/?token={world.token}"),
        answer(200, world.value.encode(), Content_Type="text/html"),
        answer(200, world.value.encode()),
        faults.hang_up,
    ):
        with FaultServer(behaviour) as server:
            ended = home.once("--log-level", "debug", "--fresh", env={"CONFIG_SERVICE_HOST": server.url})
        assert ended.returncode in (6, 7)
        texts += [ended.stdout, ended.stderr]
    assert world.leaks(*texts, *world.kept()) == []
    assert not any("Traceback" in text for text in texts)


def test_a_secret_in_a_hooks_environment_is_not_told_when_the_hook_prints_it(world: World) -> None:
    home = world.home
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {home.root}/app.yaml}}]
            reload: {{command: [env], env: {{API_TOKEN: {world.value}}}}}
        """)
    ended = home.once("--log-level", "debug")
    assert "API_TOKEN=" in ended.stderr
    assert world.leaks(ended.stdout, ended.stderr, *world.kept()) == []
