"""From a tree of nodes to `Settings`, with everything that is wrong told at once."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from config_sync.errors import Problem, SettingsError
from config_sync.fields import Field, Invalid, MapNode, Node, Place, Problems, Values, parse_table, quoted, refuse
from config_sync.model import AbsolutePath, ConfigName, Layout, Target
from config_sync.settings.agent import AGENT, build_agent
from config_sync.settings.destinations import Destination, report_shared, report_shared_sets
from config_sync.settings.reader import parse_yaml
from config_sync.settings.root import AGENT_SECTION, DEFAULTS_SECTION, ROOT, SERVICE_SECTION, TARGETS_SECTION
from config_sync.settings.service import SERVICE, build_service
from config_sync.settings.target import DEFAULTS, build_target, destinations_of, with_defaults
from config_sync.settings.text import Fault, read_text
from config_sync.settings.values import AgentSettings, ServiceSettings, Settings
from config_sync.settings.variables import expanded_tree, with_expansions


def load(path: str, *, environ: Mapping[str, str], needs_service: bool) -> Settings:
    """The settings in the file at `path`.

    `needs_service`: whether the command talks to the service; only then must ``service.host`` and every variable
    without a default be there.

    Raises:
        SettingsError: the file cannot be read, is no YAML, or holds anything wrong; `problems` has all of it.
    """
    problems = Problems()
    try:
        root = parse_yaml(read_text(path), path, problems)
    except Fault as error:
        if not error.line:
            raise SettingsError(error.message, hint=error.hint) from error
        problems.errors.append(Problem(path, error.line, error.column, "", error.message, error.hint))
        raise _failed(path, problems) from error
    if root is None:
        raise SettingsError(
            f"{path} is empty", hint="the smallest useful file names one target; `config-sync schema` prints all keys"
        )
    root = with_expansions(root, environ, is_needed=needs_service)
    if isinstance(root, MapNode) and getattr(_node(root, TARGETS_SECTION), "entries", None) == {}:
        problems.warn(_node(root, TARGETS_SECTION).place, "no targets: nothing is kept in sync")
    return build(root, path, problems, environ=environ, needs_service=needs_service)


def build(root: Node, file: str, problems: Problems, *, environ: Mapping[str, str], needs_service: bool) -> Settings:
    """The settings that the tree says; `file` names it in the summary. Raises SettingsError with all problems."""
    sections = _sections(root, problems)
    service: ServiceSettings | None = None
    agent: AgentSettings | None = None
    try:
        values = _section(sections, SERVICE_SECTION, SERVICE, problems)
        service = build_service(values, environ, problems, needs_service=needs_service)
    except Invalid:
        pass
    with contextlib.suppress(Invalid):
        agent = build_agent(_section(sections, AGENT_SECTION, AGENT, problems), environ)
    targets = _targets(sections, problems)
    if problems.errors or service is None or agent is None:
        raise _failed(file, problems)
    return Settings(service, agent, tuple(targets), _told_once(problems.warnings))


def _sections(root: Node, problems: Problems) -> MapNode:
    """The root; its unknown keys are reported, and its sections left to be looked at one by one."""
    with contextlib.suppress(Invalid):
        parse_table(ROOT, root, problems)
    return root if isinstance(root, MapNode) else MapNode(root.place, {}, {})


def _section(root: MapNode, section: Field[Node], table: tuple[Field[object], ...], problems: Problems) -> Values:
    """A section that stands below the root or not at all, with its variables replaced. Raises Invalid."""
    return parse_table(table, expanded_tree(_node(root, section), problems), problems)


def _node(root: MapNode, section: Field[Node]) -> Node:
    """The section's node; an absent or null one is an empty mapping."""
    node = root.entries.get(section.key)
    if node is None or getattr(node, "tag", None) == "null":
        return MapNode(Place(root.place.file, 0, 0, section.key), {}, {})
    return node


def _targets(root: MapNode, problems: Problems) -> list[Target]:
    """Every target that is right; all that is wrong with the others is reported."""
    defaults = _node(root, DEFAULTS_SECTION)
    with contextlib.suppress(Invalid):
        parse_table(DEFAULTS, defaults, problems)
    found: list[Target] = []
    destinations: list[Destination] = []
    for key, name, node in _named(_node(root, TARGETS_SECTION), problems):
        destinations += destinations_of(key, node)
        whole = with_defaults(node, defaults) if isinstance(defaults, MapNode) else node
        with contextlib.suppress(Invalid):
            found.append(build_target(name, whole, _read_source, problems))
    report_shared(destinations, problems)
    places = {one.target: one.place for one in reversed(destinations)}
    sets = [target for target in found if target.layout is Layout.DIRECTORY]
    report_shared_sets((Destination(target.name, target.directory, places[target.name]) for target in sets), problems)
    return found


def _named(targets: Node, problems: Problems) -> list[tuple[str, ConfigName, Node]]:
    """Each entry of ``targets``; a name that is none is reported."""
    if not isinstance(targets, MapNode):
        refuse(targets, problems, f"expected {TARGETS_SECTION.kind.expected}")
        return []
    found: list[tuple[str, ConfigName, Node]] = []
    for key, node in targets.entries.items():
        try:
            if key.startswith("-"):
                raise ValueError("a target's name does not start with -, since commands take it as a word")
            found.append((key, ConfigName(key), node))
        except ValueError as error:
            said = str(error).replace("a config name", "a target's name")
            problems.error(targets.key_places[key], f"{said}, not {quoted(key)}")
            found.append((key, ConfigName("unnamed"), node))  # its own problems are told in the same go
    return found


def _read_source(path: AbsolutePath) -> str:
    """A template's source. Raises Fault."""
    try:
        return read_text(path)
    except Fault as error:
        where = f"{path}:{error.line}:{error.column}: " if error.line else ""
        raise Fault(f"{where}{error.message}", error.hint) from error


def _failed(file: str, problems: Problems) -> SettingsError:
    """The one error that carries all of them, in the order of the file."""
    told = sorted(_told_once(problems.errors), key=lambda one: (one.line, one.column))
    count = "1 problem" if len(told) == 1 else f"{len(told)} problems"
    return SettingsError(f"{count} in {file}", problems=tuple(told))


def _told_once(found: list[Problem]) -> tuple[Problem, ...]:
    """A default that is wrong is wrong in every file it reaches, and told at its own place."""
    return tuple(dict.fromkeys(found))
