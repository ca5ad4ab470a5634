"""One target: the files one program reads, how to validate them, how to reload it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from config_sync import schema_check
from config_sync.fields import Field, Invalid, ListNode, MapNode, Node, Problems, Values, fields, parse_partly, refuse
from config_sync.formats import SourceReader
from config_sync.kinds import Choice, Duration, Flag, Parsed, PathText
from config_sync.model import (
    AbsolutePath,
    ConfigName,
    Debounce,
    FileSpec,
    Layout,
    OnDrift,
    OnFailure,
    OnFirstSync,
    Target,
    WriteMode,
)
from config_sync.settings.checker import CHECKER, check_validate
from config_sync.settings.destinations import Destination
from config_sync.settings.file import ENVIRONMENT as FILE_ENVIRONMENT
from config_sync.settings.file import FILE, PATH, Owner, build_file
from config_sync.settings.merge import ENVIRONMENT_NAME
from config_sync.settings.probe import PROBE_KIND, check_probe_words
from config_sync.settings.reload import RELOAD_ACTIONS, check_placeholders
from config_sync.settings.section import Section, mapping_schema

MIN = Field("min", Duration(maximum_s=3600), "quiet time before a later change goes", 0.2, "200ms")
MAX = Field("max", Duration(maximum_s=3600), "a change waits no longer than that", 2.0, "2s")


def _build_debounce(values: Values, problems: Problems) -> Debounce:
    found = Debounce(values[MIN], values[MAX])
    if found.min_s > found.max_s:
        problems.error(values.place_of(MIN), "min is longer than max", hint="set both")
    return found


def _schema_path(node: Node, problems: Problems) -> AbsolutePath:
    """The file itself is read when a pass needs it, and by `check`: it may change without the settings."""
    path = PathText().parse(node, problems)
    if not schema_check.is_available():
        raise refuse(node, problems, schema_check.MISSING)
    return path


def _file_nodes(node: Node, problems: Problems) -> tuple[Node, ...]:
    """The items as they stand: each is parsed on its own, so that one bad file hides no problem of another."""
    if not isinstance(node, ListNode):
        raise refuse(node, problems, "expected a list of files, such as [{path: /etc/my-service/config.yaml}]")
    if not node.items:
        raise refuse(node, problems, "expected at least one file, such as [{path: /etc/my-service/config.yaml}]")
    return node.items


FILE_NODES = Parsed(
    "a list of files", _file_nodes, lambda: {"type": "array", "items": mapping_schema(FILE), "minItems": 1}
)

ENVIRONMENT = Field("environment", ENVIRONMENT_NAME, "of its configs")
FILES = Field("files", FILE_NODES, "what the program reads", is_required=True)
LAYOUT = Field(
    "layout",
    Choice({one.value: one for one in Layout}),
    "`directory`: all files of the target, which stand in one directory, switch together: `NAME` leads to "
    "`..data/NAME`, and `..data` to the set; a reader that opens `..data` once never sees two sets; always so with the "
    "format `files`",
    Layout.FILES,
    "files",
)
PRUNE = Field(
    "prune",
    Flag(),
    "remove files of ours that the settings no longer name, unless somebody has changed them; else `status` names them",
    False,
    "false",
)
SCHEMA = Field(
    "schema",
    Parsed("an absolute path", _schema_path, PathText().json_schema),
    "a JSON Schema file that the document must satisfy (the config, or the merge of several, before `select`); else "
    "nothing is written; takes the extra `schema`",
)
VALIDATE = Field(
    "validate",
    CHECKER,
    "a command (a list, or `{command, timeout: 30s, in_place: false}`) that must accept the staged copies before "
    "anything is visible; it names `{file}`, `{file:BASENAME}` or `{dir}`",
)
RELOAD = Field("reload", RELOAD_ACTIONS, "how the program is told: one action or a list, in order")
PROBE = Field(
    "probe",
    PROBE_KIND,
    "what must hold after the reload: `{command: […]}` ends with 0, `{http: URL}` answers with 2xx, or "
    "`{tcp: HOST:PORT}` takes a connection; with `within: 10s`",
)
ON_FAILURE = Field(
    "on_failure",
    Choice({one.value: one for one in OnFailure}),
    "what a failed reload or probe leads to: `keep`: it stays pending and is tried again; `rollback`: the files of "
    "before are put back, the program is told again, and that revision is skipped until a newer one comes",
    OnFailure.KEEP,
    "keep",
)
ON_DRIFT = Field(
    "on_drift",
    Choice({one.value: one for one in OnDrift}),
    "an edit by someone else: `restore` puts it right within a second and reloads, `report` leaves it and says so, "
    "`ignore` leaves it",
    OnDrift.RESTORE,
    "restore",
)
ON_FIRST_SYNC = Field(
    "on_first_sync",
    Choice({one.value: one for one in OnFirstSync}),
    "whether the first file makes a reload pending; `auto`: `systemd` and `signal` skip a program that is not running, "
    "`command`, `http` and `touch` always run",
    OnFirstSync.AUTO,
    "auto",
)
DEBOUNCE = Field(
    "debounce",
    Section(fields(MIN, MAX), _build_debounce),
    "the first change after quiet goes at once, later ones coalesce",
    Debounce(),
    "{min: 200ms, max: 2s}",
)
SPLAY = Field(
    "splay",
    Duration(maximum_s=86400),
    "the first try of a reload waits for a random part of it, so that a fleet does not reload at once",
    0.0,
    "0s",
)
REQUIRED = Field("required", Flag(), "counts for readiness and for `once`", True, "true")

TARGET = fields(
    ENVIRONMENT, FILES, LAYOUT, PRUNE, SCHEMA, VALIDATE, RELOAD, PROBE, ON_FAILURE, ON_DRIFT, ON_FIRST_SYNC, DEBOUNCE,
    SPLAY, REQUIRED,
)  # fmt: skip

_OF_TARGET = tuple(one for one in TARGET if one.key != FILES.key)
_OF_FILE = tuple(one for one in FILE if one.key not in (PATH.key, FILE_ENVIRONMENT.key))
DEFAULTS = (*_OF_TARGET, *_OF_FILE)
"""What ``defaults`` may hold: any key of a target or a file but those that make it this one."""


def with_defaults(target: Node, defaults: MapNode) -> Node:
    """The target with the entries of `defaults` that it and its files do not have. A key is replaced as a whole."""
    if not isinstance(target, MapNode):
        return target
    whole = _over(target, defaults, {one.key for one in _OF_TARGET})
    files = target.entries.get(FILES.key)
    if not isinstance(files, ListNode):
        return whole
    keys = {one.key for one in _OF_FILE}
    items = tuple(_over(item, defaults, keys) if isinstance(item, MapNode) else item for item in files.items)
    return MapNode(whole.place, {**whole.entries, FILES.key: ListNode(files.place, items)}, whole.key_places)


def _over(node: MapNode, defaults: MapNode, keys: set[str]) -> MapNode:
    entries = {key: value for key, value in defaults.entries.items() if key in keys}
    places = {key: defaults.key_places[key] for key in entries}
    return MapNode(node.place, {**entries, **node.entries}, {**places, **node.key_places})


def build_target(name: ConfigName, node: Node, read_source: SourceReader, problems: Problems) -> Target:
    """The target from its node, defaults included. Raises Invalid after reporting everything that is wrong."""
    values, is_right = parse_partly(TARGET, node, problems)
    owner = Owner(name, values.optional(ENVIRONMENT), read_source)
    nodes = values.optional(FILES) or ()
    files: list[FileSpec] = []
    for one in nodes:
        with contextlib.suppress(Invalid):
            files.append(build_file(one, owner, problems))
    key_set = next((spec for spec in files if spec.is_set), None)
    places = tuple(one.path for one in destinations_of(name, node))
    paths = _paths_for_words(places, key_set)
    actions = values.optional(RELOAD) or ()
    validate, probe = values.optional(VALIDATE), values.optional(PROBE)
    if paths and len(places) == len(nodes):
        check_placeholders(actions, paths, problems)
        if probe is not None:
            check_probe_words(probe, paths, problems)
        if validate is not None:
            check_validate(validate, values.place_of(VALIDATE), paths, problems)
    layout = Layout.DIRECTORY if key_set is not None else values[LAYOUT]
    if layout is Layout.DIRECTORY:
        is_right = _fits_directory(values, files, problems) and is_right
    if not is_right or not files or len(files) < len(nodes):
        raise Invalid
    return Target(
        name=name,
        files=tuple(files),
        validate=validate,
        reload=tuple(action.reload for action in actions),
        layout=layout,
        prune=values[PRUNE],
        on_drift=values[ON_DRIFT],
        on_first_sync=values[ON_FIRST_SYNC],
        debounce=values[DEBOUNCE],
        required=values[REQUIRED],
        probe=probe.probing if probe is not None else None,
        on_failure=values[ON_FAILURE],
        splay_s=values[SPLAY],
        schema=values.optional(SCHEMA),
        key_set=key_set,
    )


def _paths_for_words(paths: tuple[AbsolutePath, ...], key_set: FileSpec | None) -> tuple[AbsolutePath, ...]:
    """What the words of commands may mean: of a set, whose names no one knows yet, its directory only."""
    if key_set is None:
        return paths
    unknown = tuple(AbsolutePath(f"{key_set.path}/{{{word}}}") for word in ("one", "another"))
    return (*(path for path in paths if path != key_set.path), *unknown)


def _fits_directory(values: Values, files: Sequence[FileSpec], problems: Problems) -> bool:
    """Whether the target's files can be switched as one set; what stands in the way is reported."""
    place = values.place_of(LAYOUT)
    before = len(problems.errors)
    sets = [spec.path for spec in files if spec.is_set]
    if len({spec.directory for spec in files}) > 1 or len(sets) > 1:
        said = "the format files fills one directory, which all files of the target share" if sets else None
        said = said or "layout: directory takes files of one directory"
        problems.error(place, said, hint="move them, or make two targets")
    if sets and values.is_given(LAYOUT) and values[LAYOUT] is Layout.FILES and not place.path.startswith("defaults."):
        problems.error(place, "the format files switches its whole set: it goes with layout: directory only")
    if reserved := [spec.path.name for spec in files if spec.path.name.startswith("..")]:
        problems.error(place, f"layout: directory keeps names that begin with .. for itself, such as {reserved[0]!r}")
    if any(spec.write is WriteMode.IN_PLACE for spec in files):
        problems.error(place, "layout: directory switches by a rename: 'write: in_place' does not go with it")
    return len(problems.errors) == before


def destinations_of(name: str, node: Node) -> list[Destination]:
    """Where the target's files go, as far as their paths are right, whatever else is wrong with it."""
    files = node.entries.get(FILES.key) if isinstance(node, MapNode) else None
    found: list[Destination] = []
    for one in files.items if isinstance(files, ListNode) else ():
        path = one.entries.get(PATH.key) if isinstance(one, MapNode) else None
        if path is not None:
            with contextlib.suppress(Invalid):
                found.append(Destination(name, PATH.kind.parse(path, Problems()), path.place))
    return found
