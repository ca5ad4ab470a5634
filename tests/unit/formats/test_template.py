"""Templates: what they print, what they may not do, and that no failure of theirs tells a value."""

from __future__ import annotations

import subprocess
import sys

import pytest

from config_sync.document import parse_document
from config_sync.errors import Exit, RenderRefused, SettingsError
from config_sync.formats.template import compile_template
from config_sync.model import AbsolutePath, Document
from tests.unit.formats.vectors import Option, built, document

SOURCE = AbsolutePath("/etc/app/app.conf.j2")
SECRET = "hunter2-hunter2"
DOCUMENT = parse_document(
    b'{"a":1.10,"n":5,"e":1e3,"zero":-0,"big":%s,"t":true,"z":null,"s":"it\'s \\"q\\" $x","l":[1,2.50,"x",{"k":null}],'
    b'"o":{"b-c":"d","items":3},"config":7,"password":"%s"}' % (b"9" * 5000, SECRET.encode())
)


def _render(template: str, given: Document = DOCUMENT) -> str:
    return compile_template(SOURCE, template).render(given).decode("utf-8")


PRINTED: dict[str, tuple[str, str]] = {
    "numbers_as_spelled": ("{{ a }} {{ e }} {{ zero }} {{ l[1] }}", "1.10 1e3 -0 2.50"),
    "number_of_5000_digits": ("{{ big }}", "9" * 5000),
    "numbers_compared": (
        "{{ a == 1.1 }} {{ n < 10 }} {{ e == 1000 }} {{ big > n }} {{ zero == 0 }}",
        "true " * 4 + "true",
    ),
    "numbers_computed_with": ("{{ n + 1 }} {{ a * 2 }} {{ -n }} {{ n / 2 }} {{ a|round(0) }}", "6 2.2 -5 2.5 1.0"),
    "numbers_in_tests": (
        "{{ n is number }} {{ n is integer }} {{ a is float }} {{ t is boolean }}",
        "true true true true",
    ),
    "numbers_formatted": ("{{ '%05d' % n }} {{ '%.3f'|format(a) }}", "00005 1.100"),
    "booleans_and_null": ("{{ t }} {{ z }} {{ n == 6 }} {{ true }} {{ none }}", "true null false true null"),
    "booleans_joined": ("{{ 'x' ~ t ~ z ~ a }} {{ [t, a]|join(';') }} {{ t|string }}", "xtruenull1.10 true;1.10 true"),
    "containers": ("{{ l }} {{ o }} {{ (1, 2) }}", '[1,2.50,"x",{"k":null}] {"b-c":"d","items":3} [1,2]'),
    "awkward_names": ("{{ config['o']['b-c'] }} {{ o['items'] }} {{ config.config }}", "d 3 7"),
    "loops": ("{% for k, v in o.items() %}{{ k }}={{ v }};{% endfor %}", "b-c=d;items=3;"),
    "default": ("{{ nope|default('d') }} {{ nope is defined }} {{ o.nope|default(a) }}", "d false 1.10"),
    "no_newline_added": ("x", "x"),
    "final_newline_kept": ("x\n", "x\n"),
    "line_ends": ("a\r\nb\r\n", "a\nb\n"),
    "no_html_escapes": ("{{ '<&>' }}{{ s }}", '<&>it\'s "q" $x'),
    "filter_json": ("{{ s|json }} {{ l|tojson }}", '"it\'s \\"q\\" $x" [1,2.50,"x",{"k":null}]'),
    "filter_yaml": ("{{ l|yaml }} {{ 'no'|yaml }} {{ e|yaml }}", '[1, 2.50, x, {k: null}] "no" 1.0e+3'),
    "filter_toml": ("{{ s|toml }} {{ o|toml }} {{ e|toml }}", '"it\'s \\"q\\" $x" { b-c = "d", items = 3 } 1e3'),
    "filter_env": ("A={{ s|env }} B={{ 'x'|env }} C={{ t|env }}", "A=\"it's \\\"q\\\" \\$x\" B='x' C='true'"),
    "filter_sh": ("{{ s|sh }} {{ n|sh }}", "'it'\\''s \"q\" $x' '5'"),
    "filter_b64encode": ("{{ 'é'|b64encode }} {{ a|b64encode }}", "w6k= MS4xMA=="),
    "empty": ("", ""),
}


@pytest.mark.parametrize(("template", "expected"), PRINTED.values(), ids=PRINTED)
def test_a_template_prints(template: str, expected: str) -> None:
    assert _render(template) == expected


REFUSED: dict[str, tuple[str, int | None, str]] = {
    "missing_name": ("\n\n{{ nope }}", 3, "'nope' is missing"),
    "missing_member": ("{{ o.nope.x }}", 1, "'nope' is missing"),
    "missing_item": ("\n{{ l[9] }}", 2, "'9' is missing"),
    "missing_in_a_filter": ("{{ nope|json }}", 1, "'nope' is missing"),
    "missing_in_a_join": ("{{ 'a' ~ nope }}", 1, "'nope' is missing"),
    "missing_in_a_condition": ("{% if nope %}{% endif %}", 1, "'nope' is missing"),
    "missing_by_a_value": ("{{ config[password] }}", 1, "a name is missing"),
    "missing_in_a_macro": ("{% macro m() %}\n{{ nope }}\n{% endmacro %}\n{{ m() }}", 2, "'nope' is missing"),
    "division_by_zero": ("x\n{{ n / 0 }}", 2, "ZeroDivisionError"),
    "wrong_types": ("{{ password + n }}", 1, "TypeError"),
    "no_such_conversion": ("{{ password.index('zz') }}", 1, "ValueError"),
    "sorting_mixed": ("{{ l|sort }}", 1, "TypeError"),
    "runaway_range": ("\n{% for i in range(10**8) %}{% endfor %}", 2, "OverflowError"),
    "endless_macro": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", 1, "calls itself"),
    "sandbox_class": ("{{ password.__class__.__mro__ }}", 1, "sandbox"),
    "sandbox_change": ("{{ l.append(password) }}", 1, "sandbox"),
    "huge_repetition": ("{{ password * 100000000 }}", 1, "16 MiB"),
    "huge_power": ("{{ 10 ** 100000 }}", 1, "16 MiB"),
    "endless_output": ("{% for i in range(20000) %}{{ 'x' * 1000 }}{% endfor %}", None, "16 MiB"),
    "a_method": ("{{ o.items }}", 1, "no text"),
    "a_generator": ("{{ l|map('string') }}", 1, "no text"),
    "not_finite": ("{{ big * big }}", 1, "not finite"),
    "surrogate": ("{{ '\\ud800' }}", None, "UnicodeEncodeError"),
    "toml_null": ("{{ z|toml }}", 1, "no null"),
    "toml_long_integer": ("{{ big|toml }}", 1, "64 bits"),
    "yaml_long_integer": ("{{ big|yaml }}", 1, "more than 1000 characters"),
    "yaml_merge_key": ("{{ {'<<': o}|yaml }}", 1, "a member << "),
    "nul_for_a_shell": ("{{ (password ~ '\\0')|sh }}", 1, "NUL"),
    "nonchar_for_env": ("{{ (password ~ '\\ufdd0')|env }}", 1, "noncharacter"),
    "indented_json": ("{{ o|json(2) }}", 1, "takes no indent"),
}


@pytest.mark.parametrize(("template", "line", "words"), REFUSED.values(), ids=REFUSED)
def test_a_template_that_fails_is_refused_with_its_line_and_no_value(
    template: str, line: int | None, words: str
) -> None:
    with pytest.raises(RenderRefused) as refused:
        _render(template)
    where = f"template {SOURCE}, line {line}: " if line else f"template {SOURCE}: "
    assert refused.value.message.startswith(where)
    assert words in refused.value.message
    assert SECRET not in f"{refused.value.message} {refused.value.hint}"
    assert refused.value.exit_code is Exit.DOCUMENT
    # A foreign exception in the context would carry values into a traceback.
    assert refused.value.__context__ is None


@pytest.mark.parametrize("raw", [b"[1]", b'"hunter2-hunter2"', b"1"], ids=["array", "string", "number"])
def test_a_template_needs_an_object(raw: bytes) -> None:
    with pytest.raises(RenderRefused, match="needs an object") as refused:
        _render("x", parse_document(raw))
    assert refused.value.pointer == ""


UNUSABLE: dict[str, tuple[str, str]] = {
    "open_expression": ("\n{{ n", "line 2"),
    "unknown_tag": ("{% foo %}", "line 1: Encountered unknown tag 'foo'"),
    "unknown_filter": ("\n\n{{ a|nofilter }}", "line 3: No filter named 'nofilter'"),
    "random_filter": ("{{ l|random }}", "No filter named 'random'"),
    "include": ("\n{% include 'x' %}", "line 2: a template is one file"),
    "import": ("{% import 'x' as x %}", "a template is one file"),
    "from_import": ("{% from 'x' import y %}", "a template is one file"),
    "extends": ("{% extends password %}", "a template is one file"),
    "nested_too_deep": ("{% for a in b %}" * 25 + "{% endfor %}" * 25, "nests too deep"),
    "bracketed_too_deep": ("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", "nests too deep"),
    "unknown_test": ("{{ a is notest }}", "No test named 'notest'"),
    "call_of_data": ("{% if a %}\n{{ now() }}{% endif %}", "line 2: 'now' is called, but is no function"),
    "call_of_a_removed_global": ("{{ lipsum(5) }}", "'lipsum' is called, but is no function"),
    "byte_order_mark": ("\ufeffx", "byte order mark"),
}


@pytest.mark.parametrize(("template", "words"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_template_that_cannot_be_compiled_is_a_problem_of_the_settings(template: str, words: str) -> None:
    given: dict[str, Option] = {"source": SOURCE}
    with pytest.raises(SettingsError) as refused:
        built("template", given, source=template)
    assert words in refused.value.message
    problem = refused.value.problems[0]
    assert (problem.file, problem.line, problem.column) == ("settings.yaml", 7, 3)
    assert str(SOURCE) in problem.message


CALLS = {
    "globals": ("{{ range(2)|list }} {{ dict(a=1) }} {% set j = joiner() %}{{ j() }}{{ j() }}", '[0,1] {"a":1} , '),
    "macro": ("{% macro m(x) %}{{ x }}{{ caller() }}{% endmacro %}{% call m(1) %}c{% endcall %}", "1c"),
    "macro_of_a_branch": ("{% if a %}{% macro m() %}m{% endmacro %}{% endif %}{{ m() }}", "m"),
    "loop": ("{% for x in [[1]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}", "1"),
    "block": ("{% block b %}x{% endblock %}{{ self.b() }}", "xx"),
    "argument": ("{% macro m(f) %}{{ f(2)|list }}{% endmacro %}{{ m(range) }}", "[0,1]"),
    "method": ("{{ o.items()|list }}{{ config.keys()|list }}", '[["k","v"]]["a","o"]'),
}


@pytest.mark.parametrize(("template", "expected"), CALLS.values(), ids=CALLS)
def test_whatever_can_be_called_is_not_refused_as_data(template: str, expected: str) -> None:
    assert _render(template, document({"a": True, "o": {"k": "v"}})) == expected


def test_a_document_is_never_compiled() -> None:
    assert _render("{{ a }}", document({"a": "{{ 1 + 1 }}{% for %}"})) == "{{ 1 + 1 }}{% for %}"


def test_members_may_be_named_as_the_engines_own_words() -> None:
    given = document({"range": "r", "self": "s", "loop": "l", "dict": {"a": 1}})
    assert _render("{{ range }} {{ dict }} {{ loop }} {{ config['self'] }}", given) == 'r {"a":1} l s'


def test_one_template_renders_many_documents_without_mixing_them() -> None:
    bound = compile_template(SOURCE, "{% set x = a %}{{ x }}")
    assert [bound.render(document({"a": number})) for number in range(3)] == [b"0", b"1", b"2"]


def test_templates_are_equal_by_path_and_text() -> None:
    one = compile_template(SOURCE, "{{ a }}")
    assert one == compile_template(SOURCE, "{{ a }}")
    assert one != compile_template(SOURCE, "{{ b }}")


def test_a_missing_extra_is_one_line_that_names_the_pip_install() -> None:
    code = (
        "import sys; sys.modules['jinja2'] = None\n"
        "from config_sync.errors import SettingsError\n"
        "from config_sync.formats import extra_missing\n"
        "from config_sync.formats.template import compile_template\n"
        "from config_sync.model import AbsolutePath\n"
        "try: compile_template(AbsolutePath('/t.j2'), 'x')\n"
        "except SettingsError as error: print(error.message == extra_missing('template'), error.message)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == (
        "True format 'template' needs an extra of config-sync: pip install 'config-sync[template]'\n"
    )


def test_jinja2_is_imported_only_where_a_template_is_used() -> None:
    code = "import config_sync.formats, sys; print('jinja2' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
