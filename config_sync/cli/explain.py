"""``config-sync explain TARGET POINTER``: which config, environment and version a value of a target came from.

The pointer is one of the file's document, as the consumer sees it: with `select` of the selected part. Values are
masked unless they are asked for.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from config_sync.agent.assembly import endpoint_of, service_at
from config_sync.cli.choosing import target_named
from config_sync.cli.fetching import with_retries
from config_sync.cli.loading import flag, set_up_log, settings_reader, text
from config_sync.cli.output import put, say
from config_sync.document import Parts, compact_json, kind_of, value_at
from config_sync.errors import Exit, RenderRefused, SelectionMissing, UsageError
from config_sync.formats.env import EnvFormat
from config_sync.formats.flatten import flatten
from config_sync.formats.pointer_globs import POINTER
from config_sync.merging import Trace, trace
from config_sync.model import ConfigRef, Document, FileSpec, JsonValue, Record
from config_sync.reconciler.gathering import Gathered, gather
from config_sync.reconciler.rendering import document_of, layers_of
from config_sync.stop import Stop

_SHOWN_NAMES = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Which value of which target."""
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("pointer", metavar="POINTER", help="a JSON pointer such as /db/host; '' is the whole document")
    parser.add_argument("--show-values", action="store_true", help="show the value too")


def run(arguments: argparse.Namespace) -> int:
    """Print it; `Exit.NOT_FOUND` where no file of the target has such a value.

    Raises:
        SettingsError, UsageError: what was asked cannot be asked.
        ServiceError, CredentialError, DecryptFailed, DocumentRefused: a config is not to be had.
    """
    place = text(arguments, "pointer") or ""
    if re.fullmatch(POINTER, place) is None:
        raise UsageError(f"{place!r} is no JSON pointer", hint=f"a pointer begins with a slash: /{place.lstrip('/')}")
    settings = settings_reader(arguments, needs_service=True)()
    set_up_log(arguments, settings)
    target = target_named(settings, text(arguments, "target") or "")
    client, stop = service_at(endpoint_of(settings.service), settings.service), Stop()
    try:
        gathered = with_retries(
            lambda: gather(target, client, keys=settings.service.keys, record=Record(), stop=stop),
            settings.service,
            stop,
        )
    finally:
        client.close()
    found = [_Explained(spec, gathered, place, _trace(spec, gathered, place)) for spec in target.files]
    for one in [one for one in found if one.says_something] or found:
        put("\n".join([*one.lines(shows_values=flag(arguments, "show_values")), ""]))
    if any(one.trace.is_there for one in found):
        return Exit.DONE
    say(f"config-sync: no config of target {target.name!r} has {place or 'a document'}")
    return Exit.NOT_FOUND


def _trace(spec: FileSpec, gathered: Gathered, place: str) -> Trace:
    layers = layers_of(spec, gathered.documents)
    return trace([value for _, value in layers], (spec.select or "") + place)


@dataclass(frozen=True, slots=True)
class _Explained:
    """One file's answer."""

    spec: FileSpec
    gathered: Gathered
    place: str
    trace: Trace

    @property
    def says_something(self) -> bool:
        """Whether some config has, or had before another took it away, what was asked for."""
        return self.trace.is_there or self.trace.remover is not None

    def lines(self, *, shows_values: bool) -> Iterator[str]:
        """For people: the file, and a fact a line."""
        found = self.trace
        yield f"{self.spec.path}: {self.place or 'the whole document'}"
        if self.spec.select:
            yield f"  selected   {self.spec.select}{self.place} of {self.spec.whole}"
        if found.is_there:
            yield f"  from       {self._names(found.makers)}"
            if found.others:
                yield f"  overrides  {self._names(found.others)}"
            yield f"  value      {_visible(found.value) if shows_values else kind_of(found.value)}"
            if carrier := self._carrier():
                yield f"  written    {carrier}"
        elif found.remover is not None:
            yield f"  removed    by {self._names((found.remover,))}"
            yield f"  was in     {self._names(found.others)}"
        else:
            yield "  nothing    no config has it"
        if absent := [part.ref for part in self.spec.parts if part.ref not in self.gathered.documents]:
            yield f"  absent     {', '.join(ref.label for ref in absent)} (optional)"

    def _names(self, indexes: Sequence[int]) -> str:
        layers = layers_of(self.spec, self.gathered.documents)
        refs = [layers[index][0] for index in indexes]
        return "; ".join(self._name(ref) for ref in refs if ref is not None) or "the merge itself"

    def _name(self, ref: ConfigRef) -> str:
        version = self.gathered.fetched[ref].version
        said = [f"config {ref.name}"]
        said += [f"environment {ref.environment}"] if ref.environment is not None else []
        said += [f"version {version if version is not None else ref.version or 'not told'}"]
        said += ["pinned"] if ref.version is not None else []
        return ", ".join(said)

    def _carrier(self) -> str | None:
        """What of the file holds the value, where its format gives it another name."""
        if self.spec.is_set:
            key = self.place.split("/")[1:2]
            return f"to the file {self.spec.path}/{_unescaped(key[0])}" if key else None
        if isinstance(self.spec.format, EnvFormat):
            return _variables(self.spec.format, document_of(self.spec, self.gathered.documents), self.place)
        return None


def _variables(form: EnvFormat, document: Document, place: str) -> str:
    """The environment variables that hold the value, or of which it is a part."""
    try:
        parts, _ = value_at(document.value, place)
        entries = flatten(document.value, form.naming).entries
    except (RenderRefused, SelectionMissing) as error:
        return f"not at all: {error.message}"
    whole = [one.name for one in entries if _begins(parts, one.parts)]
    inside = [one.name for one in entries if _begins(one.parts, parts) and one.name not in whole]
    names = whole or inside
    if not names:
        return "to no variable"
    more = len(names) - _SHOWN_NAMES
    shown = ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
    return f"to {'the variables' if len(names) > 1 else 'the variable'} {shown}"


def _begins(parts: Parts, start: Parts) -> bool:
    return parts[: len(start)] == start


def _unescaped(piece: str) -> str:
    return piece.replace("~1", "/").replace("~0", "~")


def _visible(value: JsonValue) -> str:
    """Compact JSON in one line that a terminal takes as text."""
    return "".join(
        one if one.isprintable() else f"\\u{ord(one):04x}" if ord(one) < 0x10000 else "�" for one in compact_json(value)
    )
