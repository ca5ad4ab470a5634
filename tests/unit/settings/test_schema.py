from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from textwrap import dedent

import jsonschema
import pytest
import yaml

from config_sync.formats import FORMATS
from config_sync.settings import json_schema
from config_sync.settings.reload import WORKING_KINDS
from tests.unit.settings.given import SMALLEST, load_text
from tests.unit.settings.test_file_problems import CASES as FILE_CASES
from tests.unit.settings.test_whole_file import EVERYTHING

GOOD: dict[str, str] = {
    "smallest": SMALLEST,
    "every-default": EVERYTHING,
    "variables": """
        service: {host: "${H}", allow_insecure: "${X:-false}", retry: {first: "${F}"}, token: {file: "${D}/t"}}
        agent: {state_dir: "${S}", log: {level: "${L:-info}"}}
        targets: {a: {files: [{path: "${D}/a.json", owner: "${O}"}]}}
        """,
    "reload-list": """
        targets:
          a:
            files: [{path: /srv/a.json, mode: "u=rw,g=r", owner: 1000}]
            reload:
              - {systemd: a.service, action: restart}
              - {signal: HUP, pidfile: /run/a.pid}
              - {command: [a, reload], timeout: 3s, env: {A: "1"}}
              - {command: "a | b", shell: true}
            validate: {command: [a, "{file}"], in_place: true}
        """,
    "options": "targets: {a: {files: [{path: /srv/a.env, env: {prefix: A_, dialect: systemd}}]}}",
    "defaults": "defaults: {mode: '0600', env: {prefix: A_}, reload: {systemd: a.service}}\ntargets: {}",
    "nulls": "service: null\nagent: null\ntargets: null",
}

BAD_ONLY_TOGETHER = {
    "flag-of-yaml-1.1", "path-is-the-root", "path-with-dots", "format-not-told-by-the-name",
    "options-of-another-format", "template-without-source", "owner-unknown", "group-unknown", "debounce-upside-down",
}  # fmt: skip
"""What a schema cannot see: it looks at one value at a time, at what YAML made of it, and at no machine."""


@cache
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(json.dumps(json_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def is_accepted(text: str) -> bool:
    return bool(validator().is_valid(yaml.safe_load(dedent(text))))


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD.keys())
def test_schema_accepts_what_loads(tmp_path: Path, text: str) -> None:
    load_text(tmp_path, text, environ={}, needs_service=False)

    assert [error.message for error in validator().iter_errors(yaml.safe_load(dedent(text)))] == []


@pytest.mark.parametrize("name", sorted(set(FILE_CASES) - BAD_ONLY_TOGETHER))
def test_schema_refuses_what_does_not_load(name: str) -> None:
    assert not is_accepted(FILE_CASES[name][0])


@pytest.mark.parametrize(
    "text",
    [
        "version: 2",
        "servise: {}",
        "service: {watch: often}",
        "service: {request_timeout: 5}",
        "service: {token: abc}",
        "service: {token: {env: A, file: /b}}",
        "service: {host: ftp://x}",
        "agent: {log: {level: loud}}",
        "targets: {a: {files: []}}",
        "targets: {a/b: {files: [{path: /a.json}]}}",
    ],
)
def test_schema_refuses_wrong_sections(text: str) -> None:
    assert not is_accepted(text)


def test_schema_has_descriptions_and_defaults() -> None:
    schema = json.loads(json.dumps(json_schema()))
    service = schema["properties"]["service"]["anyOf"][0]["properties"]
    target = schema["properties"]["targets"]["anyOf"][0]["additionalProperties"]

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert service["request_timeout"]["default"] == "10s"
    assert service["request_timeout"]["description"] == "for a whole exchange"
    assert service["allow_insecure"]["default"] is False
    assert target["properties"]["files"]["items"]["properties"]["mode"]["default"] == "0640"
    assert target["additionalProperties"] is False
    assert set(FORMATS) <= set(target["properties"]["files"]["items"]["properties"])
    assert len(target["properties"]["reload"]["anyOf"][0]["anyOf"][0]["oneOf"]) == len(WORKING_KINDS)
