"""The status page in a real browser: light, dark and narrow, through the states of a target, without a console error.

Screenshots are kept in the directory that ``$CONFIG_SYNC_SCREENSHOTS`` names, if it is set.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.html_page import HtmlPage
from tests.lanes import on_path
from tests.program import Home, home_at
from tests.service import serving, write_config
from tests.system.test_listening import free_port
from tests.waiting import eventually

pytestmark = pytest.mark.chromium

LOOKS = {
    "light": ("--window-size=1100,900", "--blink-settings=preferredColorScheme=1"),
    "dark": ("--window-size=1100,900", "--blink-settings=preferredColorScheme=0"),
    "narrow": ("--window-size=500,1400", "--blink-settings=preferredColorScheme=1"),
}


@dataclass(frozen=True)
class Browser:
    profile: Path
    screenshots: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [
                on_path("chromium") or "chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
                "--disable-dev-shm-usage", "--enable-logging=stderr", f"--user-data-dir={self.profile}", *arguments,
            ],
            capture_output=True, text=True, check=False, timeout=300, env={**os.environ, "HOME": str(self.profile)},
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended

    def look(self, url: str, name: str, look: str = "light") -> HtmlPage:
        """What the browser made of the page; nothing may have gone to its console."""
        picture = self.screenshots / f"{name}-{look}.png"
        shot = self.run(*LOOKS[look], f"--screenshot={picture}", url)
        assert picture.read_bytes().startswith(b"\x89PNG")
        made = self.run(*LOOKS[look], "--dump-dom", url)
        assert console(shot) + console(made) == []
        page = HtmlPage()
        page.feed(made.stdout)
        return page


def console(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """Every line of the page's console."""
    return re.findall(r"^.*:CONSOLE.*$", ended.stderr, re.MULTILINE)


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    kept = Path(os.environ.get("CONFIG_SYNC_SCREENSHOTS") or tmp_path / "screenshots")
    kept.mkdir(parents=True, exist_ok=True)
    return Browser(tmp_path / "profile", kept)


def test_an_error_on_the_console_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'"><style>p {color: red}</style><p>x'
    )
    assert any("Content Security Policy" in line for line in console(browser.run("--dump-dom", page.as_uri())))


def test_the_page_tells_each_state_in_every_look(browser: Browser, tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    write_config(configs, "app", {"v": 1})
    with serving(configs) as service:
        home = home_at(tmp_path / "h", service.url)
        port = free_port()
        _configure(home, port)
        url = f"http://127.0.0.1:{port}/"
        with home.agent() as agent:
            _until(home, "synced")
            for look in LOOKS:
                page = browser.look(url, "synced", look)
                assert _state(page) == "synced"
                assert "1 of 1 targets synced" in page.text

            (home.root / "refuse").touch()
            write_config(configs, "app", {"v": 2})
            _until(home, "reload_pending")
            page = browser.look(url, "reload_pending")
            assert _state(page) == "reload_pending"
            assert "Needs a look" in page.text
            (home.root / "refuse").unlink()
            home.ask("sync", "--wait")

            write_config(configs, "app", {"w": 3})
            _until(home, "rejected")
            for look in LOOKS:
                assert _state(browser.look(url, "rejected", look)) == "rejected"

            write_config(configs, "app", {"v": 4})
            _until(home, "synced")
            assert home.ask("hold", "app", "--reason", "looking into 4711").returncode == 0
            _until(home, "held")
            page = browser.look(url, "held")
            assert _state(page).startswith("held")
            assert "looking into 4711" in page.text
            assert home.ask("resume", "app").returncode == 0
            _until(home, "synced")

            service.stop()
            _configure(home, port, ", stale_after: 1s")
            assert home.ask("reload-settings").returncode == 0
            _until(home, "stale")
            page = browser.look(url, "stale")
            assert _state(page).startswith("stale")
            assert "0 of 1 configs connected" in page.text
            assert agent.end() == 0


def _configure(home: Home, port: int, more: str = "") -> None:
    home.configure(f"""\
        service: {{reconnect: {{first: 100ms, max: 300ms}}, retry: {{first: 100ms, max: 300ms}}{more}}}
        agent: {{listen: "127.0.0.1:{port}"}}
        targets:
          app:
            files: [{{path: {home.root}/app.yaml}}]
            validate: [grep, -q, "v:", "{{file}}"]
            reload: {{command: [test, "!", -e, {home.root}/refuse]}}
        """)


def _until(home: Home, state: str) -> None:
    eventually(lambda: home.target("app").get("state") == state, within_s=120.0, every_s=0.1)


def _state(page: HtmlPage) -> str:
    return next(row for row in page.rows if row[0] == "app")[1]
