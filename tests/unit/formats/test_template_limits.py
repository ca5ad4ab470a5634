"""Templates that would not end, or fill the memory: each ends at a limit, told with its line."""

from __future__ import annotations

import resource

import pytest

from config_sync.document import parse_document
from config_sync.errors import RenderRefused
from config_sync.formats.template_engine import Engine
from config_sync.model import AbsolutePath

SECRET = "hunter2"
DOCUMENT = parse_document(b'{"s":"hunter2","n":5,"l":[1,2,{"a":"b"}],"big":"%s"}' % (b"y" * 1_000_000)).value
DOUBLED = "{%% set ns = namespace(x=%s) %%}\n{%% for i in range(100) %%}{%% set ns.x = %s %%}{%% endfor %%}{{ ns.x }}"

ENDLESS: dict[str, str] = {
    "loops_in_loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "loops_that_skip": "{% for a in range(99999) %}{% for b in range(99999) if b < 0 %}{% endfor %}{% endfor %}",
    "filters_in_a_loop": "{% for a in range(99999) %}{{ range(99999)|map('string')|list|length }}{% endfor %}",
    "sums_in_a_loop": "{% for a in range(99999) %}{{ range(99999)|sum }}{% endfor %}",
    "searches_in_a_loop": "{% for a in range(99999) %}{{ big ~ 'z' in big }}{% endfor %}",
    "macro_twice": "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "shared_parts": DOUBLED % ("1", "[ns.x, ns.x]"),
}

HUGE: dict[str, str] = {
    "text_doubled_by_tilde": DOUBLED % ("'a'", "ns.x ~ ns.x"),
    "text_doubled_by_plus": DOUBLED % ("'a'", "ns.x + ns.x"),
    "list_doubled": DOUBLED % ("['a']", "ns.x + ns.x"),
    "number_squared": DOUBLED % ("10", "ns.x * ns.x"),
    "set_block": "{% set x %}{% for i in range(9999) %}{{ big }}{% endfor %}{% endset %}",
    "filter_block": "{% filter upper %}{% for i in range(9999) %}{{ big }}{% endfor %}{% endfilter %}",
    "prints_100_mb": "{% for i in range(100) %}{{ big }}{% endfor %}",
    "prints_its_own_text": "{% for i in range(99999) %}" + "z" * 2000 + "{% endfor %}",
    "ljust": "{{ s.ljust(10**10) }}",
    "of_safe_text": "{{ (s|safe).rjust(10**10) }}",
    "zfill": "{{ s.zfill(10**10) }}",
    "center": "{{ s|center(10**10) }}",
    "of_a_constant": "{{ 'x'|center(10**10) }}",
    "mapped_filter": "{{ [s]|map('center', 10**10)|list }}",
    "expandtabs": "{{ ('\\t' * 9).expandtabs(10**10) }}",
    "percent_width": "{{ '%10000000000d' % n }}",
    "percent_star": "{{ '%*d' % (10**10, n) }}",
    "percent_many": "{{ ('%s' * 1000000) % ((big,) * 1000000) }}",
    "percent_by_name": "{{ ('%(a)s' * 1000) % {'a': big} }}",
    "percent_by_name_width": "{{ '%(a)10000000000d' % {'a': n} }}",
    "percent_by_name_of_a_list": "{{ ('%(a)s' * 1000) % {'a': [big]} }}",
    "percent_of_the_document": "{{ ('%(big)s' * 1000) % config }}",
    "percent_of_repr": "{{ ('%r' * 8) % ((big,) * 8) }}",
    "format_of_a_list": "{{ ('{0}' * 100).format([big]) }}",
    "format_filter_of_a_list": "{{ ('%(a)s' * 1000)|format(a=[big]) }}",
    "text_in_a_list": "{{ [big] * 1000 }}",
    "text_in_json": "{{ ([big] * 1000)|json }}",
    "format_width": "{{ '{:10000000000}'.format(n) }}",
    "format_nested": "{{ '{:{w}}'.format(n, w=10**10) }}",
    "format_map": "{{ '{:10000000000}'.format_map({'a': 1}) }}",
    "format_filter": "{{ '%10000000000d'|format(n) }}",
    "replace": "{{ big.replace('y', big) }}",
    "replace_of_nothing": "{{ big.replace('', big) }}",
    "replace_filter": "{{ big|replace('y', big) }}",
    "join": "{{ big.join(big) }}",
    "join_of_a_range": "{{ range(99999)|join(big) }}",
    "indent": "{{ ('\\n' * 1000000)|indent(10**6) }}",
    "indent_by_text": "{{ ('\\n' * 1000000)|indent(big) }}",
    "wordwrap": "{{ big|wordwrap(1, wrapstring=big) }}",
    "batch": "{{ l|batch(10**10, 'x')|list }}",
    "slice": "{{ l|slice(10**10)|list }}",
    "round": "{{ 1.5|round(10**10, 'floor') }}",
    "list_repeated": "{{ (range(99999)|list) * 10000 }}",
    "translate": "{{ s.translate({104: big}) }}",
}

KEPT: dict[str, tuple[str, str]] = {
    "loop_words": (
        "{% for x in l[:2] %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% else %}-{% endfor %}",
        "1/2,2/2",
    ),
    "loop_over_nothing": ("{% for x in [] %}{% else %}none{% endfor %}", "none"),
    "loop_over_members": ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"),
    "recursive_loop": (
        "{% for x in [[1], [2]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}",
        "12",
    ),
    "formats": ("{{ '%s-%05.2f' % (s, 1.5) }} {{ '{}:{:>8}'.format(n, s) }}", "hunter2-01.50 5: hunter2"),
    "format_filter": ("{{ '%d%%'|format(n) }} {{ '{a}'.format_map({'a': 1}) }}", "5% 1"),
    "percent_by_name": ("{{ '%(n)03d %(s)s %%' % config }} {{ '%(a)s'|format(a=1.5) }}", "005 hunter2 % 1.5"),
    "percent_spells_as_print": (
        "{{ '%s %s' % (true, none) }} {{ '%s'|format(false) }} {{ '%(a)s' % {'a': [true]} }} {{ '%s' % l[2] }}",
        'true null false [true] {"a":"b"}',
    ),
    "format_spells_as_print": ("{{ '{} {a}'.format(true, a=none) }} {{ '{a[0]}'.format(a=l) }}", "true null 1"),
    "percent_of_nothing": (
        "{{ '%%' % () }}",
        "%",
    ),
    "methods": ("{{ s.upper() }} {{ ','.join(['a', 'b']) }} {{ s.replace('h', 'H') }}", "HUNTER2 a,b Hunter2"),
    "padded": ("{{ s.ljust(9) }}| {{ '7'.zfill(3) }}", "hunter2  | 007"),
    "operators": ("{{ [1] + [2] }} {{ 'a' + 'b' }} {{ 7 % 4 }} {{ 2 ** 10 }} {{ 'ab' * 2 }}", "[1,2] ab 3 1024 abab"),
    "filters": ("{{ 'a\nb'|indent }} {{ [1, 2, 3]|batch(2)|list }} {{ 2.5|round(1) }}", "a\n    b [[1,2],[3]] 2.5"),
    "selected": ("{{ [1, 2, 3]|select('odd')|join(',') }} {{ [{'a': 2}]|map(attribute='a')|list }}", "1,3 [2]"),
}  # fmt: skip


def _refusal(template: str, *, cpu_s: float) -> RenderRefused:
    engine = Engine(AbsolutePath("/t.j2"), template, cpu_s=cpu_s)
    with pytest.raises(RenderRefused) as refused:
        engine.render(DOCUMENT)
    return refused.value


@pytest.mark.parametrize("template", ENDLESS.values(), ids=ENDLESS)
def test_a_template_without_an_end_is_ended_at_its_cap_of_cpu_time(template: str) -> None:
    refused = _refusal(template, cpu_s=0.3)
    assert refused.message.startswith("template /t.j2, line ")
    assert "takes too long: over 0.3 s of CPU time" in refused.message
    assert SECRET not in refused.message
    assert refused.__context__ is None


@pytest.mark.parametrize("template", HUGE.values(), ids=HUGE)
def test_a_template_that_would_fill_the_memory_is_refused_before_it_does(template: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 1024**3, hard))  # a slip is a MemoryError and no dead machine
    try:
        refused = _refusal(template, cpu_s=60)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert refused.message.startswith("template /t.j2")
    assert "makes more than 16 MiB" in refused.message
    assert SECRET not in refused.message


@pytest.mark.parametrize(("template", "expected"), KEPT.values(), ids=KEPT)
def test_what_templates_use_works_as_ever(template: str, expected: str) -> None:
    assert Engine(AbsolutePath("/t.j2"), template).render(DOCUMENT).decode() == expected


@pytest.mark.parametrize("name", ["(5).to_bytes(10**10, 'big')", "s.encode().hex()", "(1.5).is_integer()"])
def test_the_insides_of_numbers_and_bytes_are_closed(name: str) -> None:
    message = _refusal("{{ " + name + " }}", cpu_s=60).message
    assert "sandbox" in message or "16 MiB" in message


def test_a_rendering_that_ended_leaves_no_limit_behind() -> None:
    _refusal(ENDLESS["loops_in_loops"], cpu_s=0.1)
    assert Engine(AbsolutePath("/t.j2"), "{{ n }}").render(DOCUMENT) == b"5"


@pytest.mark.parametrize("template", ["{{ '%(absent)s' % config }}", "{{ '%(absent)s'|format(a=s) }}"])
def test_a_name_that_a_format_lacks_is_told_as_any_other(template: str) -> None:
    refused = _refusal("\n" + template, cpu_s=60)
    assert refused.message == "template /t.j2, line 2: 'absent' is missing"
    assert "default" in str(refused.hint)


def test_a_name_of_a_format_that_came_from_a_value_is_not_told() -> None:
    message = _refusal("{{ ('%(' ~ s ~ ')s') % config }}", cpu_s=60).message
    assert message == "template /t.j2, line 1: a name is missing"
