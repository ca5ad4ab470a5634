"""Real processes that start while the service is away: back from the cache, or told why not."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config_sync.devserver.server import RunningService, start
from config_sync.model import EncryptionKey, Secret
from tests.faults import FaultServer, answer
from tests.program import Home, assert_refused, home_at, told
from tests.service import KEY, TOKEN, serving, write_config
from tests.waiting import eventually

OTHER_KEY = "fedcba9876543210" * 4


@pytest.fixture
def service(configs: Path) -> Iterator[RunningService]:
    """One that a test may stop."""
    write_config(configs, "app", {"greeting": "hello"})
    write_config(configs, "web", {"greeting": "good day"})
    with serving(configs) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, service: RunningService) -> Home:
    """One target; its consumer notes what it reads."""
    home = home_at(tmp_path / "h", service.url)
    settle(home)
    return home


def settle(home: Home, agent: str = "") -> None:
    (home.root / "run-of-boot").mkdir(exist_ok=True)
    home.configure(f"""\
        agent: {{{agent}}}
        service: {{retry: {{first: 100ms, max: 1s}}, reconnect: {{first: 200ms, max: 2s}}}}
        targets:
          app:
            files: [{{path: {app(home)}}}]
            reload: {{command: [sh, -c, 'cat {app(home)} >> {home.root}/read']}}
        """)


def app(home: Home) -> Path:
    return home.root / "run-of-boot" / "app.yaml"


def reboot(home: Home) -> None:
    """What a boot does to memory file systems."""
    for path in (app(home).parent, home.runtime_dir):
        shutil.rmtree(path, ignore_errors=True)
    app(home).parent.mkdir()


def read_by_consumer(home: Home) -> list[str]:
    path = home.root / "read"
    return path.read_text().splitlines() if path.exists() else []


def cached(home: Home) -> list[Path]:
    return sorted((home.state_dir / "cache").iterdir())


def test_a_reboot_during_an_outage_brings_the_files_back_and_starts_the_consumer(
    home: Home, service: RunningService, configs: Path
) -> None:
    with home.agent() as agent:
        eventually(lambda: home.target("app").get("state") == "synced")
        assert home.target("app")["from_cache_since"] is None
        agent.process.kill()
        agent.close()
    service.stop()
    reboot(home)
    with home.agent() as agent:
        assert app(home).read_text() == "greeting: hello\n"
        eventually(lambda: read_by_consumer(home) == ["greeting: hello"] * 2)
        eventually(lambda: home.target("app").get("from_cache_since") is not None)
        assert home.target("app")["version"] == 1
        assert home.command("health", "ready").returncode == 0
        (line,) = agent.events("cache.served")
        assert (line["level"], line["target"], line["version"]) == ("warning", "app", 1)
        assert home.ask("status").stdout.count("comes from the cache") == 1

        write_config(configs, "app", {"greeting": "goodbye"})
        port = urlsplit(service.url).port or 0
        with start(configs, port=port, token=Secret(TOKEN), key=EncryptionKey(KEY)):
            eventually(lambda: app(home).read_text() == "greeting: goodbye\n")
            eventually(lambda: home.target("app")["from_cache_since"] is None)
            eventually(lambda: home.target("app").get("state") == "synced")
            assert read_by_consumer(home)[-1] == "greeting: goodbye"
            assert agent.end() == 0


def test_once_serves_with_a_warning_and_fresh_content_is_6(home: Home, service: RunningService) -> None:
    assert home.once().returncode == 0
    service.stop()
    reboot(home)
    assert_refused(home.once("--fresh"), 6, "Connection refused")
    assert not app(home).exists()
    ended = home.once()
    assert ended.returncode == 0, ended.stderr
    assert app(home).read_text() == "greeting: hello\n"
    assert f"warning: app: the service could not be reached; {app(home)} comes from the cache" in ended.stderr
    assert home.target("app")["from_cache_since"] is not None
    again = home.once()
    assert (again.returncode, "what was written before stays" in again.stderr) == (0, True)


def test_a_service_that_says_no_is_not_away(home: Home, service: RunningService) -> None:
    assert home.once().returncode == 0
    service.stop()
    reboot(home)
    with FaultServer(answer(401)) as server:
        ended = home.command(
            "--config", str(home.settings), "once", "--retry-for", "0s", env={"CONFIG_SERVICE_HOST": server.url}
        )
    assert_refused(ended, 4, "401")
    assert not app(home).exists()


def test_never_and_an_age_that_is_over_are_6_and_say_so(home: Home, service: RunningService) -> None:
    assert home.once().returncode == 0
    service.stop()
    reboot(home)
    settle(home, "offline_start: never")
    assert_refused(home.once(), 6, "Connection refused")
    settle(home, "offline_start: 1ms")
    assert_refused(home.once(), 6, "Connection refused", "longer ago than agent.offline_start allows")
    assert not app(home).exists()


def test_a_key_that_no_entry_opens_with_is_told(home: Home, service: RunningService) -> None:
    assert home.once().returncode == 0
    service.stop()
    reboot(home)
    ended = home.once(env={"CONFIG_SERVICE_KEY": OTHER_KEY})
    assert_refused(ended, 6, "the cache does not help: config app: wrong key or damaged data")
    assert not app(home).exists()


@pytest.mark.parametrize("how", ["cut", "tampered", "swapped"])
def test_a_wronged_entry_is_refused_and_told(home: Home, service: RunningService, how: str) -> None:
    web = home.root / "run-of-boot" / "web.yaml"
    home.configure(f"""\
        targets:
          app: {{files: [{{path: {app(home)}}}]}}
          web: {{files: [{{path: {web}}}]}}
        """)
    assert home.once().returncode == 0
    service.stop()
    reboot(home)
    first, second = cached(home)
    content = first.read_bytes()
    match how:
        case "cut":
            first.write_bytes(content[:-1])
        case "tampered":
            first.write_bytes(content.replace(b'"version": 1', b'"version": 9'))
        case _:
            first.write_bytes(second.read_bytes())
    ended = home.once()
    assert ended.returncode == 6
    assert (app(home).exists(), web.exists()) == (False, True)
    said = "holds revision" if how == "swapped" else "it was changed or cut"
    assert said in ended.stderr
    assert "cache.damaged" in ended.stderr
    assert [line for line in told(ended.stderr) if "is not in the cache" in line]


@pytest.fixture
def full_disk(home: Home) -> Iterator[Path]:
    """A full file system where the cache is to be."""
    path = home.state_dir / "cache"
    path.mkdir(parents=True, mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "tmpfs", str(path)], check=True)
    (path / "filler").write_bytes(b"x" * 16384)
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.mark.root
def test_on_a_full_disk_syncing_goes_on_without_the_cache_and_says_so(
    home: Home, configs: Path, service: RunningService, full_disk: Path
) -> None:
    with home.agent() as agent:
        eventually(lambda: home.target("app").get("state") == "synced")
        write_config(configs, "app", {"greeting": "goodbye"})
        eventually(lambda: app(home).read_text() == "greeting: goodbye\n")
        eventually(lambda: home.target("app").get("version") == 2)
        assert "not in the cache: " in str(home.target("app")["conditions"])
        assert "ENOSPC" in str(home.target("app")["conditions"])
        (line,) = agent.events("cache.unavailable")
        assert (line["level"], line["reason"]) == ("warning", "NoSpace")
        assert [path.name for path in full_disk.iterdir()] == ["filler"]
        (full_disk / "filler").unlink()
        assert home.ask("sync", "--wait").returncode == 0
        eventually(lambda: len(agent.events("cache.recovered")) == 1)
        assert len(cached(home)) == 1
        assert agent.end() == 0


def test_without_a_state_directory_there_is_no_cache_and_it_says_so(home: Home, service: RunningService) -> None:
    home.state_dir.write_text("in the way")
    ended = home.once()
    assert ended.returncode == 0
    assert "state.unavailable" in ended.stderr
    service.stop()
    reboot(home)
    assert home.once().returncode == 6
    assert home.state_dir.read_text() == "in the way"
