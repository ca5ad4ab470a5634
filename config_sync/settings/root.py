"""The whole page: the sections of a settings file as one table, for validation, the JSON Schema and the reference."""

from __future__ import annotations

from config_sync.fields import Field, JsonSchema, JsonSchemaValue, Node, fields
from config_sync.kinds import Parsed, words
from config_sync.settings.agent import AGENT
from config_sync.settings.section import mapping_schema
from config_sync.settings.service import SERVICE
from config_sync.settings.target import DEFAULTS, TARGET

_VARIABLE_PATTERN = r"\$\{[A-Za-z_]"


def _section(expected: str, schema: JsonSchema) -> Parsed[Node]:
    """A section whose node is parsed later, so that one bad section hides no problem of another."""
    return Parsed(expected, lambda node, _problems: node, lambda: schema)


def _with_variables(schema: JsonSchema) -> JsonSchema:
    """The same mapping where any plain value may be a text with a variable."""
    properties, forms = schema.get("properties"), schema.get("anyOf")
    if isinstance(properties, dict):
        return {**schema, "properties": {key: _with_variables_value(value) for key, value in properties.items()}}
    if isinstance(forms, list):
        return {**schema, "anyOf": [_with_variables_value(form) for form in forms]}
    if schema.get("type") == "null" or "oneOf" in schema or None in _enum(schema):
        return schema
    about = {key: one for key, one in schema.items() if key in ("description", "default")}
    plain = {key: one for key, one in schema.items() if key not in about}
    return {"anyOf": [{"type": "string", "pattern": _VARIABLE_PATTERN}, plain], **about}


def _enum(schema: JsonSchema) -> list[JsonSchemaValue]:
    words_of = schema.get("enum")
    return words_of if isinstance(words_of, list) else []


def _with_variables_value(value: JsonSchemaValue) -> JsonSchemaValue:
    return _with_variables(value) if isinstance(value, dict) else value


_ONE = words("1")

SETTINGS_VERSION = Field(
    "version",
    Parsed(_ONE.expected, _ONE.parse, lambda: {"enum": [1, "1"]}),
    "of this page",
    "1",
    "1",
)
SERVICE_SECTION = Field(
    "service", _section("a mapping", _with_variables(mapping_schema(SERVICE))), "how to reach the Config Service"
)
AGENT_SECTION = Field("agent", _section("a mapping", _with_variables(mapping_schema(AGENT))), "the agent itself")
DEFAULTS_SECTION = Field(
    "defaults",
    _section("a mapping", mapping_schema(DEFAULTS)),
    "keys of a target or a file that hold where these do not say otherwise; a key is replaced as a whole",
)
TARGETS_SECTION = Field(
    "targets",
    _section(
        "a mapping of names to targets",
        {
            "type": "object",
            "propertyNames": {"pattern": r"^[^./\\?#%\s-][^/\\?#%\s]{0,252}$"},
            "additionalProperties": mapping_schema(TARGET),
        },
    ),
    "what each program reads, by a name of your choice",
)
ROOT = fields(SETTINGS_VERSION, SERVICE_SECTION, AGENT_SECTION, DEFAULTS_SECTION, TARGETS_SECTION)
