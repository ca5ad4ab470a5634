"""All files of a target from the documents of its configs: pure, the same for a pass, `diff` and `render`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from config_sync.document import compact_json
from config_sync.errors import RenderRefused
from config_sync.formats import warnings_of
from config_sync.merging import merged
from config_sync.model import AbsolutePath, ConfigRef, Document, FileSpec, JsonValue, SetFormat, Target
from config_sync.selecting import selected

Documents = Mapping[ConfigRef, Document]
"""One for each config that is there; an optional one that is not has no entry."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """Every file's content.

    `target` has the files that the keys of its set make. `empty`: files, or the directory of the set, that an empty
    document would empty. `warnings`: what may surprise the reader of a file; pointers and names, never values.
    """

    target: Target
    contents: Mapping[AbsolutePath, bytes]
    empty: frozenset[AbsolutePath]
    warnings: tuple[tuple[AbsolutePath, str], ...]


def render_files(target: Target, documents: Documents) -> Rendering:
    """Every file of the target. Raises RenderRefused."""
    made: dict[object, Document] = {}
    for spec in target.files:
        if _made_of(spec) not in made:
            made[_made_of(spec)] = document_of(spec, documents)
    whole = _with_keys(target, made)
    contents: dict[AbsolutePath, bytes] = {}
    warnings: list[tuple[AbsolutePath, str]] = []
    for spec in whole.files:
        document = made[_made_of(spec)]
        contents[spec.path] = _content(spec, document)
        warnings += [(spec.path, warning) for warning in warnings_of(spec.format, document)]
    empty = {spec.path for spec in target.files if made[_made_of(spec)].is_empty}
    if target.key_set is not None and not any(path.parent == target.key_set.path for path in contents):
        empty.add(target.key_set.path)
    return Rendering(whole, contents, frozenset(empty), tuple(warnings))


def document_of(spec: FileSpec, documents: Documents, *, is_whole: bool = False) -> Document:
    """What one file is made of: one config's document or the merge of several, or the selected part of that.

    `is_whole`: without the selection.

    A merge has no bytes of its own: they are compact JSON, with numbers as they were spelled.

    Raises:
        SelectionMissing: there is no such part.
    """
    if spec.merge:
        layers = layers_of(spec, documents)
        value = merged([value for _, value in layers])
        raw = compact_json(value).encode("utf-8")
        configs = {str(ref.name): layer for ref, layer in layers if ref is not None}
    else:
        raw, value = documents[spec.source].raw, documents[spec.source].value
        configs = {str(spec.source.name): value}
    document = Document(raw, value, configs)
    return selected(document, spec.select, what=spec.whole) if spec.select and not is_whole else document


def layers_of(spec: FileSpec, documents: Documents) -> list[tuple[ConfigRef | None, JsonValue]]:
    """What is merged into a file, in that order, each with its config.

    Only the first of the settings is a document, the others are patches: where it is absent, the first layer is an
    empty object, of no config.
    """
    there = [part.ref for part in spec.parts if part.ref in documents]
    layers: list[tuple[ConfigRef | None, JsonValue]] = [(ref, documents[ref].value) for ref in there]
    return layers if spec.parts[0].ref in documents else [(None, {}), *layers]


def _made_of(spec: FileSpec) -> object:
    """The same for files of the same document."""
    return spec.parts, bool(spec.merge), spec.select


def _content(spec: FileSpec, document: Document) -> bytes:
    """The file's bytes. A refusal says what the document is, where that is no config as it stands."""
    try:
        return spec.format.render(document)
    except RenderRefused as error:
        if spec.select or len(spec.parts) > 1:
            error.message = f"{error.message} (in {spec.origin})"
            error.args = (error.message,)
        raise


def _with_keys(target: Target, made: Mapping[object, Document]) -> Target:
    """The target with a file for each key of its set. Raises RenderRefused."""
    spec = target.key_set
    if spec is None:
        return target
    assert isinstance(spec.format, SetFormat)
    whole = target.with_keys(spec.format.keys(made[_made_of(spec)]))
    taken = Counter(one.path for one in whole.files)
    for path in [path for path, times in taken.items() if times > 1]:
        raise RenderRefused(
            f"the key {path.name!r} gives a file that the target has under that name already: {path}",
            pointer=f"/{path.name}",
            hint="rename the key, or give the other file another directory and a target of its own",
        )
    return whole
