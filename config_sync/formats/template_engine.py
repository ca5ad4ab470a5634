"""Jinja2, tamed: the environment, the filters, and what becomes of everything that a template can raise.

Imports jinja2 (the extra ``template``), so it is imported only by `template`, and only where a template is used.

Rules: nothing that a template raises leaves this module but RenderRefused, and no text of a foreign exception does,
since those quote values. A name is told only if the template itself holds it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from types import TracebackType

import jinja2
import jinja2.exceptions
from jinja2 import nodes
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from config_sync.document import compact_json, kind_of
from config_sync.errors import RenderRefused, SettingsError
from config_sync.formats.dialects import DIALECTS, Dialect, why_not
from config_sync.formats.kind import refused
from config_sync.formats.template_values import NoText, from_template, spelled, to_template
from config_sync.formats.toml_value import NoToml, toml_value
from config_sync.formats.yaml_ import yaml_inline
from config_sync.model import AbsolutePath, JsonValue

MAX_OUTPUT_BYTES = 16 * 1024 * 1024
"""A file of ours is read whole by its consumer; a template that passes this has run away."""
_MAX_POWER_BITS = 10_000

# What expressions of a template can raise by themselves: from dividing by zero to a macro without an end.
_FOREIGN = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, NameError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip
_MISSING_NAME = re.compile(r"'([^']+)' is undefined$|no (?:attribute|element) '?([^']+?)'?$")


class TooMuch(Exception):
    """The template asked for more text or digits than any file of ours holds."""


class _Spelling(NodeTransformer):
    """Joins with ``~`` what is printed: ``"x" ~ flag`` is ``xtrue``, as ``{{ flag }}`` is ``true``."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Concat:  # noqa: N802  jinja2's name
        self.generic_visit(node)
        node.nodes = [nodes.Filter(one, "string", [], [], None, None, lineno=node.lineno) for one in node.nodes]
        return node


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**"})

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        """The hook jinja2 offers between its parser and its compiler."""
        _Spelling().visit(source)
        source.set_environment(self)
        return super()._generate(source, name, filename, defer_init=defer_init)

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Refuses repetitions and powers that would fill the memory before the output is counted."""
        if operator == "*":
            for one, other in ((left, right), (right, left)):
                if (
                    isinstance(one, int)
                    and isinstance(other, (str, list, tuple))
                    and one * len(other) > MAX_OUTPUT_BYTES
                ):
                    raise TooMuch
        elif isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > _MAX_POWER_BITS:
            raise TooMuch
        result: object = super().call_binop(context, operator, left, right)
        return result


class Engine:
    """One compiled template."""

    def __init__(self, source: AbsolutePath, text: str) -> None:
        """Compiles.

        Raises:
            SettingsError: a byte order mark, a syntax error, an unknown filter, an include or an import.
        """
        self._source = source
        self._text = text
        environment = _environment()
        if text.startswith("\ufeff"):
            raise SettingsError(f"template {source} starts with a byte order mark", hint="save it without one")
        try:
            tree = environment.parse(text)
            self._refuse_other_files(tree)
            self._template = environment.from_string(text)
        except jinja2.TemplateSyntaxError as error:
            raise SettingsError(f"template {source}, line {error.lineno}: {error.message}") from None
        except (RecursionError, SyntaxError, MemoryError):
            # Of Python's own compiler: it knows 20 nested blocks and 100 brackets.
            raise SettingsError(f"template {source} nests too deep") from None

    def render(self, value: JsonValue) -> bytes:
        """The output for a document. Raises RenderRefused."""
        if not isinstance(value, dict):
            raise refused((), f"a template needs an object at the top of the document, not {kind_of(value)}")
        whole = to_template(value)
        names = {**whole, "config": whole} if isinstance(whole, dict) else {}
        # `failure` is raised outside the handlers: a foreign exception in its context would carry values along.
        try:
            return b"".join(_capped(self._template.root_render_func(self._template.new_context(names))))
        except TooMuch as error:
            failure = self._failure(error, f"makes more than {MAX_OUTPUT_BYTES // 1024**2} MiB")
        except NoText as error:
            hint = "a member that is named as a method is reached as config['items']"
            failure = self._failure(error, f"an expression gives {error}", hint=hint)
        except NoToml as error:
            failure = self._failure(error, str(error))
        except jinja2.UndefinedError as error:
            hint = "where a document may lack it, write {{ name | default('…') }}"
            failure = self._failure(error, self._missing(error), hint=hint)
        except jinja2.exceptions.SecurityError as error:
            failure = self._failure(error, "asks for something that the sandbox does not allow")
        except RecursionError as error:
            failure = self._failure(error, "calls itself without an end")
        except (jinja2.TemplateError, *_FOREIGN) as error:
            failure = self._failure(error, f"fails with {type(error).__name__}")
        except RenderRefused as error:
            failure = self._failure(error, error.message, hint=error.hint)
        raise failure

    def _failure(self, error: BaseException, what: str, *, hint: str | None = None) -> RenderRefused:
        line = self._line(error.__traceback__)
        where = f"template {self._source}" + (f", line {line}" if line else "")
        return RenderRefused(f"{where}: {what}", hint=hint)

    def _line(self, traceback: TracebackType | None) -> int | None:
        """The line of the innermost piece of the template that was at work."""
        line = None
        while traceback is not None:
            if traceback.tb_frame.f_globals.get("__jinja_template__") is self._template:
                line = self._template.get_corresponding_lineno(traceback.tb_lineno)
            traceback = traceback.tb_next
        return line

    def _missing(self, error: jinja2.UndefinedError) -> str:
        found = _MISSING_NAME.search(str(error))
        name = next((one for one in found.groups() if one), None) if found else None
        # A name that the template took from a value (config[password]) must not be told.
        return f"{name!r} is missing" if name is not None and name in self._text else "a name is missing"

    def _refuse_other_files(self, tree: nodes.Template) -> None:
        for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
            raise SettingsError(
                f"template {self._source}, line {node.lineno}: a template is one file: no other is read"
            )


def _environment() -> _Environment:
    environment = _Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False, finalize=_finalize
    )
    # Not a pure function of the document.
    del environment.globals["lipsum"]
    del environment.filters["random"]
    environment.filters.update(
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


def _capped(pieces: Iterable[str]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        encoded = piece.encode("utf-8")
        size += len(encoded)
        if size > MAX_OUTPUT_BYTES:
            raise TooMuch
        yield encoded


def _finalize(value: object) -> object:
    """What is printed. An undefined value is passed on: turning it into text is what raises."""
    return value if isinstance(value, Undefined) else spelled(value)


def _string(value: object) -> str:
    return str(_finalize(value))


def _join(value: Iterable[object], separator: str = "", attribute: str | None = None) -> str:
    if attribute is not None:
        raise NoText("nothing: join takes no attribute here, use map(attribute=…) | join")
    return separator.join(map(_string, value))


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
