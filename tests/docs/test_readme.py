"""The README is current and complete: what is generated, what the code knows by name, and what the blocks hold."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync import log
from config_sync.cli import COMMANDS, demo, overview
from config_sync.cli.parsing import parser_for
from config_sync.errors import Exit
from config_sync.fields import Field
from config_sync.formats import FORMATS
from config_sync.reloads import RELOADS
from config_sync.reloads.story import hook_environment
from config_sync.settings import load
from config_sync.settings.agent import AGENT
from config_sync.settings.file import FILE
from config_sync.settings.root import ROOT as WHOLE
from config_sync.settings.service import SERVICE
from config_sync.settings.target import TARGET
from config_sync.status.state import State
from tests.docs import meanings
from tests.docs.generate import marked, pages
from tests.docs.network_meanings import NETWORK_FAILURES
from tests.docs.sections import PACKAGE, ROOT, SECTIONS, emitted_events, failure_classes
from tests.unit.reloads.test_command import ORDER

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*SECTIONS, "examples/settings.schema.json"])
def test_what_is_generated_is_current(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == pages()[name], "run .ci/regenerate"


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_that_can_be_generated_stands_in_its_page(name: str) -> None:
    assert sorted(marked((ROOT / name).read_text(encoding="utf-8"))) == sorted(SECTIONS[name])


def _all_fields() -> Iterator[Field[object]]:
    for table in (WHOLE, SERVICE, AGENT, TARGET, FILE):
        yield from table
    for form in FORMATS.values():
        yield from form.fields
    for kind in RELOADS.values():
        yield from kind.fields[:1] if kind.not_yet else kind.fields


@pytest.mark.parametrize("key", sorted({one.key for one in _all_fields()}))
def test_every_setting_is_told_of(key: str) -> None:
    assert re.search(rf"`(?:[a-z_]+\.)*{key}`", README), key


@pytest.mark.parametrize("code", Exit)
def test_every_exit_code_is_told_of(code: Exit) -> None:
    assert f"| {int(code)} | {code.meaning} |" in README


@pytest.mark.parametrize("state", State)
def test_every_state_is_told_of(state: State) -> None:
    assert f"| `{state.value}` | {state.meaning} |" in README


@pytest.mark.parametrize("command", COMMANDS, ids=[one.name for one in COMMANDS])
def test_every_command_and_option_is_told_of(command: object) -> None:
    known = next(one for one in COMMANDS if one is command)
    assert f"| `{known.name}` | {known.summary} |" in README
    for action in parser_for(known)._actions:
        assert action.dest == "help" or not action.option_strings or action.option_strings[-1] in README


def test_the_overview_names_every_command() -> None:
    lines = overview().splitlines()
    assert [line.split()[0] for line in lines if re.match(r"  [a-z]", line)] == [one.name for one in COMMANDS]


def test_every_log_event_that_is_written_is_told_of_and_no_other() -> None:
    section = README.split("<!-- generated: log-events -->")[1].split("<!-- end -->")[0]
    told = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", section, re.MULTILINE)
    assert told == emitted_events()
    constants = {value for name, value in vars(log).items() if name.isupper() and isinstance(value, str)}
    assert set(meanings.EVENTS) <= constants


def test_every_reason_of_a_failure_is_told_of_and_no_other() -> None:
    assert [one.reason for one in failure_classes()] == list(meanings.FAILURES)
    known = {
        *meanings.FAILURES,
        *meanings.FILE_FAILURES,
        *NETWORK_FAILURES,
        *meanings.RELOAD_FAILURES,
        *meanings.STREAMS,
        *_NOT_OF_FAILURES,
    }
    assert _reasons() == known - _VALUES


_NOT_OF_FAILURES = {"Failed", "WatchUnavailable", "NoLongerNamed", "BeforePublish"}
"""The stem of all failures; of a warning about a watch; why a file was removed; why a consumer was looked at."""

_VALUES = {"StreamEnded", "StreamSilent", "StreamIdleTalk", "NotListed"}
"""Constants, some of them given by name."""


def _reasons() -> set[str]:
    """Every word that the code gives as a reason of a failure: by a class, an argument, or a table of errnos."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.keyword(arg="reason", value=ast.Constant(value=str(word))):
                    found.add(word)
                case ast.keyword(arg="reason", value=ast.IfExp(orelse=ast.Constant(value=str(word)))):
                    found.add(word)
                case ast.Assign(targets=[ast.Name(id="reason")], value=ast.Constant(value=str(word))):
                    found.add(word)
                case ast.AnnAssign(target=ast.Name(id="reason"), value=ast.Constant(value=str(word))):
                    found.add(word)
                case ast.Call(func=ast.Name(id="_Meaning" | "Meaning"), args=[ast.Constant(value=str(word)), *_]):
                    found.add(word)
    return {word for word in found if re.fullmatch(r"[A-Z][A-Za-z]+", word)} - _VALUES


PROVEN = re.findall(r"\[`(test_\w+)`\]\((tests/[\w/]+\.py)\)", README)
"""The tests that the README names as proofs, with their files."""


@pytest.mark.parametrize(("name", "path"), PROVEN, ids=[name for name, _ in PROVEN])
def test_a_proof_that_it_links_exists(name: str, path: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_promise_of_the_writer_has_its_proof() -> None:
    section = README.split("## The writer's promises", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| ([0-9]+) \| (.+) \| (.+) \|$", section, re.MULTILINE)
    assert [int(number) for number, *_ in rows] == list(range(1, 16))
    assert [number for number, _, proof in rows if not re.search(r"\[`test_\w+`\]\(", proof)] == []


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_settings_that_it_shows_load(tmp_path: Path) -> None:
    shown = _blocks(README, "yaml")
    assert len(shown) == 5
    # A group that this machine need not have: its number stands for it.
    for number, text in enumerate(shown):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text.replace("group: my-service", "group: 6992"))
        assert load(str(path), environ={}, needs_service=False).targets


def test_what_the_demo_prints_is_what_it_says() -> None:
    shown = next(block for block in _blocks(README, "text") if "consumer" in block)
    source = inspect.getsource(demo)
    for line in filter(None, (line.strip() for line in shown.splitlines())):
        words = re.sub(r"^\+[0-9.]+ ms\s+", "", line)
        if match := re.match(r"(service|agent|consumer|change|event|file|signal|settled)\s+", words):
            said = re.split(r"[0-9…]", words[match.end() :])[0].strip() if match[1] in ("service", "agent") else words
            pattern = re.sub(r"change [0-9]+", "change {number}", said)
            assert re.sub(r"\s+", " ", pattern.split("http")[0]).strip() in re.sub(r"\s+", " ", source), line
        else:
            assert re.fullmatch(r'[a-z]+: ["\w].*', words), line


def test_every_variable_of_a_hook_is_told_of() -> None:
    assert all(f"`{name}`" in README for name in hook_environment({"LANG": "C", "TZ": "UTC", "HOME": "/"}, ORDER))


def test_every_variable_that_the_program_reads_is_told_of() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    read = set(re.findall(r'environ(?:\.get\(|\[|, )"([A-Z_]+)"', sources)) - _NOT_FOR_OPERATORS
    assert [name for name in sorted(read) if f"`{name}`" not in README] == []


_NOT_FOR_OPERATORS = {"COLUMNS", "HOME", "INVOCATION_ID", "TERM", "WATCHDOG_PID"}
"""Of every program, or a part of what systemd says beside the variables that are told of."""


def test_the_variables_of_the_env_example_are_those_that_the_code_reads() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"\bCONFIG_SERVICE_[A-Z_]+", text)) - {"CONFIG_SERVICE_"}
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    read = set(re.findall(r'"(CONFIG_SERVICE_[A-Z_]+)"', "\n".join(sources)))
    assert {name.removesuffix("_FILE") for name in named} == read
