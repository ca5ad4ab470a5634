"""The status page: HTML without a script, made on the server, for eyes, phones and screen readers at 3 a.m.

No value of a document is in it. Everything that was not written here is escaped, in one place (`_t`).
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from config_sync.model import Truth
from config_sync.status import Linked, State, TargetStatus
from config_sync.status.holding import said_of
from config_sync.webserver.answers import Page

REFRESH_S = 10

_GOOD = frozenset({State.SYNCED})
_BAD = frozenset({State.FAILED, State.REJECTED})

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --ground: #ffffff; --card: #f6f8fa; --line: #d0d7de;
  --good: #116329; --warn: #7d4e00; --bad: #b3141f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #a3adb8; --ground: #0d1117; --card: #161b22;
  --line: #3d444d; --good: #56d364; --warn: #e3b341; --bad: #ff8f87; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 1.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; } p { margin: .25rem 0; } .soft { color: var(--soft); }
a { color: inherit; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--soft); }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-top: 1px solid var(--line); }
th[scope=col], td time { white-space: nowrap; overflow-wrap: normal; } th[scope=row] { min-width: 10ch; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.good, .warn, .bad { font-weight: 600; }
article { background: var(--card); border: 1px solid var(--line); border-left: .3rem solid var(--bad);
  border-radius: .3rem; padding: .6rem .9rem; margin: 0 0 .6rem; }
@media (max-width: 40rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { display: block; border-top: 1px solid var(--line); padding: .5rem 0; }
  th, td { display: block; border: 0; padding: .1rem 0; }
  td[data-name]::before { content: attr(data-name) ": "; color: var(--soft); font-weight: 400; }
}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")


def status_page(
    statuses: Iterable[TargetStatus], links: Mapping[str, Linked], *, host: str | None, version: str, now: float
) -> Page:
    """The page as of `now` (Unix seconds)."""
    targets = list(statuses)
    synced = sum(1 for one in targets if one.state in _GOOD)
    down = sum(1 for one in links.values() if not one.is_connected)
    summary = f"{synced} of {len(targets)} targets synced"
    streams = f"{len(links) - down} of {len(links)} configs connected"
    kind = "good" if synced == len(targets) and not down else "warn"
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="refresh" content="{REFRESH_S}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{_t(summary)} - config-sync</title>\n<style>{_STYLE}</style>\n</head>\n"
    )
    header = (
        f'<body>\n<header>\n<h1>config-sync</h1>\n<p class="{kind}">{_t(summary)}; {_t(streams)}</p>\n'
        f'<p class="soft">Service {_t(host or "none")}. As of {_time(now)}; this page loads itself again every '
        f"{REFRESH_S} seconds.</p>\n</header>\n"
    )
    main = f"<main>\n{_troubles(targets, now)}{_targets(targets, now)}{_streams(links, now)}</main>\n"
    footer = (
        f'<footer><p class="soft">config-sync {_t(version)}. The same as JSON: <a href="/status">/status</a>; '
        'metrics: <a href="/metrics">/metrics</a>.</p></footer>\n</body>\n</html>\n'
    )
    return Page(head + header + main + footer, _STYLE_HASH)


def _troubles(targets: Iterable[TargetStatus], now: float) -> str:
    """What a person may have to do, before everything else."""
    made = []
    for one in targets:
        if one.error is None:
            continue
        hint = f"<p>What to do: {_t(one.error.hint)}</p>\n" if one.error.hint else ""
        made.append(
            f"<article>\n<h3>{_t(one.target.name)}: {_state(one.state)}</h3>\n<p>{_t(one.error.message)}</p>\n{hint}"
            f'<p class="soft">{_t(one.error.reason)}, since {_ago(one.error_since, now)}</p>\n</article>\n'
        )
    if not made:
        return ""
    return f'<section aria-labelledby="troubles">\n<h2 id="troubles">Needs a look</h2>\n{"".join(made)}</section>\n'


def _targets(targets: list[TargetStatus], now: float) -> str:
    rows = []
    for one in targets:
        record = one.record
        changed = "" if record.changed_by is None else f"by user {record.changed_by}, "
        saved = _ago(record.saved_at, now) if record.saved_at is not None else ""
        cells = (
            ("State", "<br>".join([_state(one.state), *map(_t, _notes(one))])),
            ("Version", _t("-" if record.version is None else str(record.version))),
            ("Changed", _t(changed) + saved or "-"),
            ("Written", _ago(record.written_at, now)),
            ("Confirmed", _ago(one.current_as_of, now)),
            ("Reload", _reload(one, now)),
        )
        rows.append(_row(one.target.name, cells))
    return _section(
        "targets", "Targets", ("Target", "State", "Version", "Changed", "Written", "Confirmed", "Reload"), rows
    )


def _streams(links: Mapping[str, Linked], now: float) -> str:
    rows = []
    for config, link in sorted(links.items()):
        word = '<span class="good">connected</span>' if link.is_connected else '<span class="bad">not connected</span>'
        cells = (
            ("State", word),
            ("Since", _ago(link.since, now)),
            ("Reason", f"{_t(link.reason)}: {_t(link.message)}"),
        )
        rows.append(_row(config, cells))
    return _section("streams", "How changes are told", ("Config", "State", "Since", "Reason"), rows) if rows else ""


def _section(name: str, title: str, columns: tuple[str, ...], rows: Iterable[str]) -> str:
    heads = "".join(f'<th scope="col" role="columnheader">{one}</th>' for one in columns)
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{title}</h2>\n<table role="table">\n'
        f'<thead><tr role="row">{heads}</tr></thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody>\n</table>\n</section>\n"
    )


def _row(name: str, cells: Iterable[tuple[str, str]]) -> str:
    """`cells`: column and HTML. The column's name goes along: a phone shows each row as a list.

    The roles too: browsers forget what a table's row is once it is no longer laid out as one.
    """
    made = "".join(f'<td role="cell" data-name="{column}">{inner}</td>' for column, inner in cells)
    return f'<tr role="row"><th scope="row" role="rowheader">{_t(name)}</th>{made}</tr>\n'


def _state(state: State) -> str:
    kind = "good" if state in _GOOD else "bad" if state in _BAD else "warn"
    return f'<span class="{kind}">{_t(state.value)}</span>'


def _notes(one: TargetStatus) -> list[str]:
    """Who holds it and until when, since when the cache serves; else the first statement that is plainly false."""
    notes = [] if one.record.hold is None else [said_of(one.record.hold)]
    if one.record.from_cache_since is not None:
        notes.append(f"from the cache since {_iso(one.record.from_cache_since)}")
    if not notes and one.error is None:
        notes = [condition.message for condition in one.conditions if condition.status is Truth.FALSE][:1]
    return notes


def _reload(one: TargetStatus, now: float) -> str:
    if one.reload_pending:
        return '<span class="warn">pending</span>'
    if not one.target.is_told:
        return "none set"
    return _ago(one.record.reloaded_at, now)


def _ago(at: float | None, now: float) -> str:
    """``5 min ago``, with the whole time for whoever needs it."""
    if at is None:
        return "-"
    age = max(0.0, now - at)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if age >= 2 * size:
            return f'<time datetime="{_iso(at)}" title="{_iso(at)}">{age / size:.0f} {unit} ago</time>'
    return f'<time datetime="{_iso(at)}" title="{_iso(at)}">{age:.0f} s ago</time>'


def _time(at: float) -> str:
    return f'<time datetime="{_iso(at)}">{_iso(at)}</time>'


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _t(text: str) -> str:
    """Text as text, whatever it holds."""
    return html.escape(text, quote=True)
