"""Jinja2, tamed: one compiled template, and what becomes of everything that it can raise.

Imports jinja2 (the extra ``template``), so it is imported only by `template`, and only where a template is used.

Rules: nothing that a template raises leaves this module but RenderRefused, and no text of a foreign exception does,
since those quote values. A name is told only if the template itself holds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType

import jinja2
import jinja2.exceptions
import jinja2.meta
from jinja2 import nodes

from config_sync.document import kind_of
from config_sync.errors import RenderRefused, SettingsError
from config_sync.formats.kind import NoSpelling, refused
from config_sync.formats.template_environment import environment_for_templates
from config_sync.formats.template_limits import MAX_CPU_S, MAX_OUTPUT_BYTES, TooMuch, limited
from config_sync.formats.template_values import NoText, to_template
from config_sync.model import AbsolutePath, JsonValue

# What expressions of a template can raise by themselves: from dividing by zero to a macro without an end.
_FOREIGN = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, NameError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip
_CONFIGS = "configs"
_JINJAS_OWN = frozenset({"caller", "loop", "self", "super"})
"""Names that are functions in their places."""
_MISSING_NAME = re.compile(r"'([^']+)' is undefined$|no (?:attribute|element) '?([^']+?)'?$")


class Engine:
    """One compiled template."""

    def __init__(self, source: AbsolutePath, text: str, *, cpu_s: float = MAX_CPU_S) -> None:
        """Compiles; `cpu_s` seconds of CPU time are what one rendering may take.

        Raises:
            SettingsError: a byte order mark, a syntax error, an unknown filter, an include or an import, or a call of
                what can only be data.
        """
        self._source = source
        self._text = text
        self._cpu_s = cpu_s
        environment = environment_for_templates()
        if text.startswith("\ufeff"):
            raise SettingsError(f"template {source} starts with a byte order mark", hint="save it without one")
        try:
            tree = environment.parse(text)
            self._refuse_other_files(tree)
            self.named_configs = _named_configs(tree)
            """What it calls by name as a member of ``configs``, with the line."""
            free = jinja2.meta.find_undeclared_variables(tree)
            self._refuse_calls_of_data(tree, free - environment.globals.keys())
            self._uses_configs = _CONFIGS in free
            self._template = environment.from_string(text)
        except jinja2.TemplateSyntaxError as error:
            raise SettingsError(f"template {source}, line {error.lineno}: {error.message}") from None
        except (RecursionError, SyntaxError, MemoryError):
            # Of Python's own compiler: it knows 20 nested blocks and 100 brackets.
            raise SettingsError(f"template {source} nests too deep") from None

    def render(self, value: JsonValue, configs: Mapping[str, JsonValue] | None = None) -> bytes:
        """The output for a document; `configs` are those that it was made of, by name. Raises RenderRefused.

        Where there are several, the document they make need not be an object: it is ``config`` all the same.
        """
        if not isinstance(value, dict) and len(configs or {}) < 2:
            raise refused((), f"a template needs an object at the top of the document, not {kind_of(value)}")
        whole = to_template(value)
        names = {**(whole if isinstance(whole, dict) else {}), "config": whole}
        if self._uses_configs:
            names[_CONFIGS] = {name: to_template(one) for name, one in (configs or {}).items()}
        # `failure` is raised outside the handlers: a foreign exception in its context would carry values along.
        try:
            with limited(self._cpu_s):
                return b"".join(_capped(self._template.root_render_func(self._template.new_context(names))))
        except TooMuch as error:
            failure = self._failure(error, error.what)
        except NoText as error:
            hint = "a member that is named as a method is reached as config['items']"
            failure = self._failure(error, f"an expression gives {error}", hint=hint)
        except NoSpelling as error:
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

    def _refuse_calls_of_data(self, tree: nodes.Template, free: set[str]) -> None:
        """A name that the template does not make itself is a member of the document, and so never a function."""
        # Also what it makes only in some branch.
        made = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
        made |= {node.name for node in tree.find_all(nodes.Macro)}
        data = free - made - _JINJAS_OWN
        for node in tree.find_all(nodes.Call):
            assert isinstance(node, nodes.Call)
            if isinstance(node.node, nodes.Name) and node.node.name in data:
                name = node.node.name
                raise SettingsError(
                    f"template {self._source}, line {node.lineno}: {name!r} is called, but is no function of templates",
                    hint="what the document has is data, and is not called",
                )


def _named_configs(tree: nodes.Template) -> dict[str, int]:
    """Empty where the template gives the name another meaning. As in all of Jinja2 a method comes before a member."""
    if any(node.ctx != "load" for node in tree.find_all(nodes.Name) if node.name == _CONFIGS):
        return {}
    found: dict[str, int] = {}
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        assert isinstance(node, (nodes.Getattr, nodes.Getitem))
        if not isinstance(node.node, nodes.Name) or node.node.name != _CONFIGS:
            continue
        if isinstance(node, nodes.Getattr):
            name: object = None if hasattr(dict, node.attr) else node.attr
        else:
            name = node.arg.value if isinstance(node.arg, nodes.Const) else None
        if isinstance(name, str):
            found.setdefault(name, node.lineno)
    return found


def _capped(pieces: Iterable[str]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        encoded = piece.encode("utf-8")
        size += len(encoded)
        if size > MAX_OUTPUT_BYTES:
            raise TooMuch
        yield encoded
