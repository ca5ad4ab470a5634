"""The generated sections of the Markdown pages, each made from the code it describes."""

from __future__ import annotations

import argparse
import ast
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from config_sync import errors, log
from config_sync.cli import COMMANDS, GROUPS, Command
from config_sync.cli.parsing import add_everywhere, parser_for
from config_sync.errors import Exit, FileError, Retry, SyncError
from config_sync.files.failures import _MEANINGS as MEANINGS_OF_ERRNO
from config_sync.model import ConditionType, ReloadResult
from config_sync.settings import reference
from config_sync.status.metrics import METRICS
from config_sync.status.state import State
from tests.docs import meanings
from tests.docs.consumers import consumer_rows
from tests.docs.network_meanings import NETWORK_FAILURES

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "config_sync"

_SHARED_GROUPS = ("without a settings file", "everywhere")

_AGAIN = {Retry.BACKOFF: "with backoff", Retry.SLOW: "slowly", Retry.RESYNC: "at the next event"}

OVERTAKEN = {"Overtaken"}
"""Reasons of failed writes that `config_sync.files.writer` itself marks as transient."""


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; ends with a newline."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def exit_codes() -> str:
    """Every exit code and what it means."""
    return table(("code", "meaning"), [(str(int(code)), code.meaning) for code in Exit])


def states() -> str:
    """The states of a target, the first that applies."""
    return table(("state", "meaning"), [(f"`{state.value}`", state.meaning) for state in State])


def conditions() -> str:
    """The conditions, and how telling a consumer can end."""
    told = table(
        ("condition", "true when"), [(f"`{kind.value}`", meanings.CONDITIONS[kind.value]) for kind in ConditionType]
    )
    ends = table(
        ("reason of `Reloaded`", "the consumer"),
        [(f"`{result.value}`", meanings.RELOADS[result.value]) for result in ReloadResult],
    )
    return f"{told}\n{ends}"


def failure_classes() -> list[type[SyncError]]:
    """The classes of `config_sync.errors` that stand for one failure of a target, in the order of its page."""
    named = {one.reason: one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, SyncError)}
    return [one for reason, one in sorted(named.items(), key=_in_order) if reason != SyncError.reason]


def _in_order(item: tuple[str, object]) -> int:
    """Where a reason stands in `meanings`; what does not stand there comes last, and fails a test."""
    order = list(meanings.FAILURES)
    return order.index(item[0]) if item[0] in order else len(order)


def failures() -> str:
    """Every reason of a failed target."""
    rows = []
    for one in failure_classes():
        cause = meanings.FAILURES[one.reason]
        once = "yes" if one.transient else "some, see below" if one is FileError else "no"
        rows.append((f"`{one.reason}`", str(int(one.exit_code)), cause.meaning, cause.remedy, _AGAIN[one.retry], once))
    header = ("reason", "exit", "meaning", "what to do", "`run` tries again", "`once` tries again")
    return table(header, rows)


def file_failures() -> str:
    """The reasons of a failed write."""
    may_pass = {one.reason for one in MEANINGS_OF_ERRNO.values() if one.transient} | OVERTAKEN
    rows: list[tuple[str, ...]] = [
        (f"`{reason}`", one.meaning, one.remedy, "yes" if reason in may_pass else "no")
        for reason, one in meanings.FILE_FAILURES.items()
    ]
    return table(("reason", "meaning", "what to do", "`once` tries again"), rows)


def network_failures() -> str:
    """The reasons of a failed exchange, finer than its class."""
    rows: list[tuple[str, ...]] = [(f"`{reason}`", one.meaning, one.remedy) for reason, one in NETWORK_FAILURES.items()]
    return table(("reason", "meaning", "what to do"), rows)


def reload_failures() -> str:
    """The reasons of a failed reload."""
    rows: list[tuple[str, ...]] = [
        (f"`{reason}`", one.meaning, one.remedy) for reason, one in meanings.RELOAD_FAILURES.items()
    ]
    return table(("reason", "meaning", "what to do"), rows)


def streams() -> str:
    """The reasons of a lost stream."""
    rows: list[tuple[str, ...]] = [(f"`{reason}`", one.meaning, one.remedy) for reason, one in meanings.STREAMS.items()]
    return table(("reason", "meaning", "what to do"), rows)


def log_events() -> str:
    """Every event that the program writes."""
    rows: list[tuple[str, ...]] = [
        (f"`{name}`", meanings.EVENTS[name].levels, meanings.EVENTS[name].meaning) for name in emitted_events()
    ]
    return table(("event", "level", "tells"), rows)


def emitted_events() -> list[str]:
    """The values of the constants of `config_sync.log` that another module uses, in the order of that page."""
    others = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path != PACKAGE / "log.py"]
    words = {word for text in others for word in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text)}
    constants = {name: value for name, value in vars(log).items() if isinstance(value, str) and name.isupper()}
    return [value for name, value in constants.items() if name in words]


def commands() -> str:
    """Every command with its options."""
    parts = []
    for group, title in GROUPS.items():
        rows: list[tuple[str, ...]] = [(f"`{one.name}`", one.summary) for one in COMMANDS if one.group == group]
        parts.append(f"**{title}**\n\n{table(('command', 'does'), rows)}")
    parts += [_command(one) for one in COMMANDS if _own_actions(one)]
    everywhere = argparse.ArgumentParser(add_help=False)
    add_everywhere(everywhere)
    parts.append(_options("Options of every command", everywhere._actions))
    run = next(one for one in COMMANDS if one.name == "run")
    shared = _actions_of(run, _SHARED_GROUPS[0])
    parts.append(_options("Options of `run`, `once` and `check` without a settings file", shared))
    return "\n".join(parts)


def _command(command: Command) -> str:
    return _options(f"`config-sync {command.name}`", _own_actions(command))


def _own_actions(command: Command) -> list[argparse.Action]:
    parser = parser_for(command)
    shared = [one for group in parser._action_groups if group.title in _SHARED_GROUPS for one in group._group_actions]
    return [one for one in parser._actions if one not in shared and "-h" not in one.option_strings]


def _actions_of(command: Command, title: str) -> list[argparse.Action]:
    groups = parser_for(command)._action_groups
    return [one for group in groups if group.title == title for one in group._group_actions]


def _options(title: str, actions: list[argparse.Action]) -> str:
    rows: list[tuple[str, ...]] = [(f"`{_spelled(one)}`", _help_of(one)) for one in actions]
    return f"**{title}**\n\n{table(('option', 'is'), rows)}"


def _help_of(action: argparse.Action) -> str:
    text = (action.help or "").replace("%(default)s", str(action.default))
    choices = "" if action.choices is None else ", ".join(f"`{one}`" for one in action.choices)
    return "; ".join(part for part in (text, choices) if part)


def _spelled(action: argparse.Action) -> str:
    shown = action.metavar or (action.dest if not action.option_strings else action.dest.upper())
    if not action.option_strings:
        return f"[{shown}]" if action.nargs in ("?", "*") else str(shown)
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 else f"{names} {shown}"


def layers() -> str:
    """The layers of import-linter's contract, the highest first; those in brackets are not there yet."""
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (one for one in whole["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    names = [str(name) for name in contract["layers"]]
    lines = [f"{number:>2}  {name}" for number, name in zip(reversed(range(len(names))), names, strict=True)]
    return "\n".join(["```text", *lines, "```", ""])


def modules() -> str:
    """Every package and module with the first sentence of its docstring."""
    parts = []
    rooms = sorted(path for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
    rows = [(f"`{path.name}`", _promise(path)) for path in sorted(PACKAGE.glob("*.py"))]
    parts.append(f"**`config_sync/`**\n\n{table(('module', 'holds'), rows)}")
    for room in rooms:
        rows = [(f"`{path.name}`", _promise(path)) for path in sorted(room.glob("*.py")) if path.name != "__init__.py"]
        parts.append(
            f"**`config_sync/{room.name}/`**: {_promise(room / '__init__.py')}\n\n{table(('module', 'holds'), rows)}"
        )
    return "\n".join(parts)


def _promise(path: Path) -> str:
    """The first paragraph of the module's docstring, in Markdown's code type."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return said.split("\n\n")[0].removesuffix("\n\n::").replace("\n", " ").replace("``", "`")


def metrics() -> str:
    """Every metric that is scraped."""
    rows: list[tuple[str, ...]] = [
        (f"`{one.name}`", one.type.value, ", ".join(f"`{label}`" for label in one.labels), one.help) for one in METRICS
    ]
    return table(("metric", "type", "labels", "tells"), rows)


def consumers() -> str:
    """Which format and dialect is right for whom."""
    return table(("who reads it", "settings", "what it gets back"), consumer_rows())


SECTIONS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {
        "settings": reference,
        "consumers": consumers,
        "commands": commands,
        "metrics": metrics,
        "states": states,
        "conditions": conditions,
        "failures": failures,
        "file-failures": file_failures,
        "network-failures": network_failures,
        "reload-failures": reload_failures,
        "streams": streams,
        "log-events": log_events,
        "exit-codes": exit_codes,
    },
    "ARCHITECTURE.md": {"layers": layers, "modules": modules},
}
"""By page and by the name in its markers."""
