"""The status page as a browser and a screen reader get it: valid, whole, and none of it HTML that others wrote."""

from __future__ import annotations

import base64
import hashlib
import re

from config_sync.errors import CheckRejected, ReloadFailed, ServiceUnavailable
from config_sync.model import ReloadResult
from config_sync.status import Board, Linked
from config_sync.webserver.page import status_page
from tests.fakes import START, HandClock
from tests.html_page import HtmlPage, read_page
from tests.unit.status.test_board import OWED, TOLD, Watched, target
from tests.unit.status.test_page import FULL

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=1>&amp;"


def shown(board: Board, *, host: str | None = "https://config.example", after_s: float = 0.0) -> HtmlPage:
    page = status_page(board.statuses(), board.links(), host=host, version="1.0", now=START + after_s)
    return read_page(page.html)


def test_a_target_that_is_well() -> None:
    watched = Watched(record=FULL)
    watched.passed(record=FULL, reload=ReloadResult.RELOADED)
    watched.linked("app")
    page = shown(watched.board, after_s=600.0)
    assert "1 of 1 targets synced; 1 of 1 configs connected" in page.text
    assert "Needs a look" not in page.text
    row = next(one for one in page.rows if one[0] == "app")
    assert row[1:] == ["synced", "4", "by user 7, 10 min ago", "10 min ago", "10 min ago", "10 min ago"]


def test_an_error_stands_above_all_with_what_to_do() -> None:
    watched = Watched()
    watched.passed(CheckRejected("nginx -t said no", hint="look at line 3"))
    text = shown(watched.board).text
    assert text.index("app: rejected") < text.index("nginx -t said no") < text.index("What to do: look at line 3")
    assert text.index("look at line 3") < text.index("Targets")
    assert "0 of 1 targets synced" in text


def test_a_pending_reload_and_a_lost_stream() -> None:
    watched = Watched(record=OWED)
    watched.passed(ReloadFailed("exit code 1", hint="see its log"), record=OWED)
    watched.linked("app", "ServiceUnavailable")
    page = shown(watched.board)
    assert next(one for one in page.rows if one[0] == "app")[1] == "reload_pending"
    assert next(one for one in page.rows if one[0] == "app")[-1] == "pending"
    assert ["app", "not connected", "0 s ago", "ServiceUnavailable: told"] in page.rows
    assert "0 of 1 configs connected" in page.text


def test_what_others_wrote_is_text() -> None:
    clock = HandClock()
    board = Board(clock, stale_after_s=900.0)
    board.expect(target(HOSTILE, "config"), TOLD)
    watched = Watched()
    watched.passed(ServiceUnavailable(HOSTILE, hint=HOSTILE))
    board.link("config", Linked(False, HOSTILE, HOSTILE, START))
    page = shown(board, host=HOSTILE)
    assert HOSTILE in page.text
    assert HOSTILE in shown(watched.board).text
    made = status_page(board.statuses(), board.links(), host=HOSTILE, version=HOSTILE, now=START).html
    assert "<script" not in made
    assert "<img" not in made


def test_a_name_that_is_no_unicode_still_gives_a_page() -> None:
    board = Board(HandClock(), stale_after_s=900.0)
    board.expect(target("a\udcff", "config"), TOLD)
    made = status_page(board.statuses(), {}, host=None, version="1", now=START).html
    assert made.encode("utf-8", "replace")


def test_an_agent_without_targets_has_a_page() -> None:
    assert "0 of 0 targets synced" in shown(Board(HandClock(), stale_after_s=900.0)).text


def test_people_and_their_machines_find_their_way() -> None:
    watched = Watched()
    watched.passed()
    watched.linked("app")
    page = shown(watched.board)
    tags = [tag for tag, _ in page.tags]
    assert {"header", "main", "section", "footer", "h1", "h2"} <= set(tags)
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.tags if tag == "th")
    assert any(attrs.get("http-equiv") == "refresh" for tag, attrs in page.tags if tag == "meta")
    assert any(attrs.get("name") == "viewport" for tag, attrs in page.tags if tag == "meta")


def test_the_policy_lets_the_style_through() -> None:
    made = status_page((), {}, host=None, version="1", now=START)
    style = re.findall(r"<style>(.*?)</style>", made.html, re.DOTALL)
    assert [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in style] == [made.style_hash]


def test_colours_can_be_read() -> None:
    """4.5 to 1 at least, for every ink on every ground (WCAG 2.2, 1.4.3)."""
    html = status_page((), {}, host=None, version="1", now=START).html
    schemes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", html, re.DOTALL)
    ]
    assert len(schemes) == 2
    for colours in schemes:
        for ink in ("ink", "soft", "good", "warn", "bad"):
            for ground in ("ground", "card"):
                assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
