"""What a template may use: jinja2's sandbox with our filters, our spelling, and a step in whatever repeats.

Imports jinja2 (the extra ``template``).
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from config_sync.document import compact_json
from config_sync.formats.dialects import DIALECTS, Dialect, why_not
from config_sync.formats.kind import refused
from config_sync.formats.template_limits import (
    check_filter,
    check_format,
    check_method,
    check_operation,
    grow,
    joined,
    paced,
    spend,
)
from config_sync.formats.template_values import NoText, from_template, spelled
from config_sync.formats.toml_value import toml_value
from config_sync.formats.yaml_ import yaml_inline


class _Filter(Protocol):
    """A filter of jinja2's own, whatever it takes."""

    def __call__(self, *args: object, **kwargs: object) -> object: ...


class _Formatter(Protocol):
    """A text's ``format``, as the sandbox wraps it."""

    def __call__(self, *args: object, **kwargs: object) -> str: ...


class _Rules(NodeTransformer):
    """Joins with ``~`` what is printed (``"x" ~ flag`` is ``xtrue``, as ``{{ flag }}`` is), and counts loops' items."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802  jinja2's name
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), "join")

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802  jinja2's name
        self.generic_visit(node)
        assert isinstance(node.iter, nodes.Expr)
        node.iter = _filter(node.iter, _PACED)
        return node


_NAMED_FIELD = re.compile(r"%\(([^)]*)\)")
_PACED = "paced items"
"""No name that a template could write."""


def _filter(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class Environment(ImmutableSandboxedEnvironment):
    """Where templates are compiled and run."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    concat = staticmethod(joined)

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        """The hook jinja2 offers between its parser and its compiler."""
        _Rules().visit(source)
        source.set_environment(self)
        return super()._generate(source, name, filename, defer_init=defer_init)

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Measured before it is computed. Raises TooMuch."""
        if operator == "%" and isinstance(left, str):
            return _percent(left, right)
        check_operation(operator, left, right)
        result: object = super().call_binop(context, operator, left, right)
        return result

    def call(__self, __context: Context, __obj: object, *args: object, **kwargs: object) -> object:  # noqa: N805
        """The same for what a template calls; the names are jinja2's, since any other may be one of `kwargs`."""
        owner: object = getattr(__obj, "__self__", None)
        if isinstance(owner, str):
            check_method(owner, getattr(__obj, "__name__", ""), args)
        spend()
        result: object = super().call(__context, __obj, *args, **kwargs)
        return result

    def wrap_str_format(self, value: object) -> _Formatter | None:
        """``str.format``, measured before it is called."""
        wrapped: _Formatter | None = super().wrap_str_format(value)
        owner: object = getattr(value, "__self__", None)
        if wrapped is None or not isinstance(owner, str):
            return wrapped
        text, inner = owner, wrapped

        @functools.wraps(inner)
        def measured(*args: object, **kwargs: object) -> str:
            given = args[0] if args and isinstance(args[0], dict) else kwargs
            check_format(text, args, given)
            return inner(*map(_worded, args), **{name: _worded(one) for name, one in kwargs.items()})

        return measured

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        """Bytes and the insides of numbers have no use in a text, and can be made huge in one step."""
        return not isinstance(obj, (bytes, int, float)) and super().is_safe_attribute(obj, attr, value)


def environment_for_templates() -> Environment:
    """A new one: jinja2 keeps what it compiled in it."""
    environment = Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False, finalize=_finalize
    )
    # Not a pure function of the document.
    del environment.globals["lipsum"]
    del environment.filters["random"]
    own = {"format", "join", "string", "tojson"}
    environment.filters = {name: _measured(name, one) for name, one in environment.filters.items() if name not in own}
    environment.filters.update({_PACED: paced})
    environment.filters.update(
        format=_format,
        string=_string,
        join=_join,
        json=_json,
        tojson=_json,  # jinja2's own escapes for HTML
        yaml=_yaml,
        toml=_toml,
        env=_env,
        sh=_sh,
        b64encode=_b64encode,
    )
    return environment


def _measured(name: str, original: _Filter) -> _Filter:
    """A filter of jinja2's own that is looked at before and after; what jinja2 passes to it stays the same."""
    # Filters that want the environment or the context get it as their first argument.
    skipped = 1 if getattr(original, "jinja_pass_arg", None) is not None else 0

    @functools.wraps(original)
    def measured(*args: object, **kwargs: object) -> object:
        value, *others = args[skipped:]
        check_filter(name, value, (*others, *kwargs.values()))
        result = original(*args, **kwargs)
        if isinstance(result, str):
            grow(len(result))
        return paced(result) if isinstance(result, Iterator) else result

    return measured


def _finalize(value: object) -> object:
    """What is printed. An undefined value is passed on: turning it into text is what raises."""
    spend()
    return value if isinstance(value, Undefined) else spelled(value)


def _string(value: object) -> str:
    return str(_finalize(value))


def _join(value: Iterable[object], separator: str = "", attribute: str | None = None) -> str:
    if attribute is not None:
        raise NoText("nothing: join takes no attribute here, use map(attribute=…) | join")
    return joined(map(_string, value), separator)


def _format(text: object, *given: object, **named: object) -> str:
    if given and named:
        raise NoText("nothing: format takes values by place or by name, not both")
    return _percent(_string(text), named or given)


def _percent(text: str, given: object) -> str:
    """As ``text % given``, measured first, with what is no text and no number spelled as it is printed."""
    names = dict.fromkeys(_NAMED_FIELD.findall(text))
    if names and isinstance(given, Mapping):
        for name in names:
            if name not in given:
                raise jinja2.UndefinedError(f"{name!r} is undefined")
        named = {name: _printable(given[name]) for name in names}
        check_format(text, named=named)
        return str(text) % named
    values = tuple(map(_printable, given if isinstance(given, tuple) else (given,)))
    check_format(text, values)
    return str(text) % values


def _worded(value: object) -> object:
    """``true``, ``false`` and ``null`` as they are printed; anything else as it is, to be taken apart by a field."""
    return spelled(value) if value is None or isinstance(value, bool) else value


def _printable(value: object) -> object:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number else _string(value)


def _json(value: object, indent: int | None = None) -> str:
    if indent is not None:
        raise NoText("nothing: the json filter takes no indent, it writes one line")
    return compact_json(from_template(_defined(value)))


def _yaml(value: object) -> str:
    return yaml_inline(from_template(_defined(value)))


def _toml(value: object) -> str:
    return toml_value(from_template(_defined(value)))


def _env(value: object) -> str:
    return _spell(DIALECTS["env"], _string(value))


def _sh(value: object) -> str:
    return _spell(DIALECTS["shell"], _string(value))


def _b64encode(value: object) -> str:
    return base64.b64encode(_string(value).encode("utf-8")).decode("ascii")


def _spell(dialect: Dialect, text: str) -> str:
    why = why_not(dialect, "", text)
    if why is not None:
        raise refused((), f"a value cannot be written for {dialect.name}: {why}")
    return dialect.spell(text)


def _defined(value: object) -> object:
    if isinstance(value, Undefined):
        str(value)
    return value
