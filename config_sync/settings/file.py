"""One item of a target's ``files``: where, from which config, in which format, with which rights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config_sync.errors import SettingsError
from config_sync.fields import (
    Field,
    Invalid,
    MapNode,
    Node,
    Problems,
    Values,
    fields,
    parse_partly,
    quoted,
)
from config_sync.formats import FORMATS, SourceReader, format_for_path
from config_sync.formats.template import TemplateFormat
from config_sync.kinds import Choice, Flag, PathText, words
from config_sync.model import (
    AbsolutePath,
    ConfigName,
    ConfigRef,
    Durability,
    FileSpec,
    Format,
    Part,
    SymlinkPolicy,
    WriteMode,
)
from config_sync.settings.identity import GROUP as GROUP_ID
from config_sync.settings.identity import OWNER as OWNER_ID
from config_sync.settings.merge import CONFIG, ENVIRONMENT_NAME, MERGE, SELECT, VERSION, parts_of
from config_sync.settings.mode import MODE as FILE_MODE
from config_sync.settings.section import Section, as_values
from config_sync.settings.text import Fault

PATH = Field("path", PathText(), "the file, absolute; for the format `files` its directory", is_required=True)
ENVIRONMENT = Field("environment", ENVIRONMENT_NAME, "of the config", default_text="the target's")
FORMAT = Field(
    "format",
    words(*FORMATS),
    "how the document is written; " + ", ".join(f"`{kind.name}`: {kind.doc}" for kind in FORMATS.values()),
    default_text="by the suffix: "
    + ", ".join(f"{' '.join(kind.suffixes)} → {kind.name}" for kind in FORMATS.values() if kind.suffixes),
)
OPTIONS: Mapping[str, Field[Values]] = {
    kind.name: Field(
        kind.name, Section(kind.fields, as_values), f"options of the format `{kind.name}`", default_text="{}"
    )
    for kind in FORMATS.values()
}
MODE = Field("mode", FILE_MODE, 'a quoted octal text or "u=rw,g=r"', 0o640, "0640")
OWNER = Field("owner", OWNER_ID, "name or id", default_text="the agent's")
GROUP = Field("group", GROUP_ID, "name or id", default_text="the (setgid) directory's, else the agent's")
ALLOW_EMPTY = Field("allow_empty", Flag(), "let an empty document ({} or []) replace a non-empty one", False, "false")
WRITE = Field(
    "write",
    Choice({one.value: one for one in WriteMode}),
    "`atomic`: by a rename; `in_place`: into the file that is there, for a bind-mounted single file, which cannot be "
    "replaced: a reader may see a mix of old and new",
    WriteMode.ATOMIC,
    "atomic",
)
SYMLINK = Field(
    "symlink",
    Choice({policy.value: policy for policy in SymlinkPolicy}),
    "what is done with a symbolic link on the way: `follow-trusted` follows those that only root or the agent can set",
    SymlinkPolicy.FOLLOW_TRUSTED,
    "follow-trusted",
)
CREATE_PARENTS = Field("create_parents", Flag(), "create missing directories, 0755", False, "false")
DURABILITY = Field(
    "durability",
    Choice({one.value: one for one in Durability}),
    "`full`: success survives a power cut; `none`: for memory file systems",
    Durability.FULL,
    "full",
)

FILE = fields(
    PATH, CONFIG, ENVIRONMENT, VERSION, MERGE, FORMAT, *OPTIONS.values(), SELECT, MODE, OWNER, GROUP,
    ALLOW_EMPTY, WRITE, SYMLINK, CREATE_PARENTS, DURABILITY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Owner:
    """The target that a file belongs to, as far as the file inherits from it; and how a template is read."""

    name: ConfigName
    environment: str | None
    read_source: SourceReader


def build_file(node: Node, owner: Owner, problems: Problems) -> FileSpec:
    """The file with its format bound. Raises Invalid after reporting everything that is wrong."""
    values, is_right = parse_partly(FILE, node, problems)
    path = values.optional(PATH)
    if path is None:
        raise Invalid
    if path == "/":
        raise _refuse_path(values, problems, "expected the path of a file, not /")
    environment = values.optional(ENVIRONMENT) or owner.environment
    parts: tuple[Part, ...] = ()
    try:
        parts = parts_of(values, environment, problems)
    except Invalid:
        is_right = False
    own = ConfigRef(values.optional(CONFIG) or owner.name, environment, values.optional(VERSION))
    spec = FileSpec(
        path=path,
        source=parts[0].ref if parts else own,
        format=_build_format(values, path, owner, problems),
        mode=values[MODE],
        uid=values.optional(OWNER),
        gid=values.optional(GROUP),
        allow_empty=values[ALLOW_EMPTY],
        symlink=values[SYMLINK],
        create_parents=values[CREATE_PARENTS],
        durability=values[DURABILITY],
        write=values[WRITE],
        merge=parts,
        select=values.optional(SELECT) or None,
    )
    is_right = _knows_configs(spec, values, problems) and is_right
    if not is_right:
        raise Invalid
    return spec


def _knows_configs(spec: FileSpec, values: Values, problems: Problems) -> bool:
    """Whether a template names only configs that its file is made of; what it does not know is reported."""
    if not isinstance(spec.format, TemplateFormat):
        return True
    known = [str(part.ref.name) for part in spec.parts]
    missing = {name: line for name, line in spec.format.named_configs.items() if name not in known}
    for name, line in missing.items():
        dashed = next((one for one in known if one.startswith(f"{name}-")), None)
        hint = f'write configs["{dashed}"]' if dashed else f"the file is made of {', '.join(known)}: see 'merge'"
        problems.error(
            values.place_of(OPTIONS["template"]),
            f"template {spec.format.source}, line {line}: {quoted(name)} is none of the file's configs",
            hint=hint,
        )
    return not missing


def _refuse_path(values: Values, problems: Problems, message: str, *, hint: str | None = None) -> Invalid:
    problems.error(values.place_of(PATH), message, hint=hint)
    return Invalid()


def _build_format(values: Values, path: AbsolutePath, owner: Owner, problems: Problems) -> Format:
    name = values.optional(FORMAT) or format_for_path(path)
    if name is None:
        if values.is_given(FORMAT):
            raise Invalid
        hint = "say the format: " + " or ".join(FORMATS)
        raise _refuse_path(values, problems, f"the name {path.name!r} does not say the format", hint=hint)
    _refuse_foreign_options(values, name, problems)
    kind, field = FORMATS[name], OPTIONS[name]
    if kind.extra_missing is not None:
        problems.error(values.places.get(FORMAT.key, values.place_of(PATH)), kind.extra_missing)
        raise Invalid
    if values.is_given(field) and values.optional(field) is None:
        raise Invalid
    options = values.optional(field) or field.kind.parse(MapNode(values.place, {}, {}), problems)
    place = values.place_of(field)
    try:
        return kind.build(options, owner.read_source)
    except Fault as error:
        problems.error(place, error.message, hint=error.hint)
    except SettingsError as error:
        problems.errors.extend(error.problems)
        if not error.problems:
            problems.error(place, error.message, hint=error.hint)
    except ValueError as error:
        problems.error(place, str(error))
    raise Invalid


def _refuse_foreign_options(values: Values, name: str, problems: Problems) -> None:
    """Options of another format would silently do nothing; only in `defaults` they may wait for their files."""
    for other, field in OPTIONS.items():
        if other != name and values.is_given(field) and not values.place_of(field).path.startswith("defaults."):
            problems.error(
                values.place_of(field),
                f"these are options of the format {other!r}, but the file's format is {name!r}",
                hint=f"say format: {other}, or remove them",
            )
