"""Several configs as one document: JSON Merge Patch (RFC 7396), and from which of them a value came. Pure.

The first layer is the document, each later one a patch on what the layers before it made: an object goes into the
object that is there, member by member; null takes a member away; anything else, also an array, takes the place of what
was there. So a null of the first layer stays, and one of a patch is never written. The RFC says nothing of order: a
member that was there keeps its place, a new one comes last. Values are shared with the layers, and never changed.

Patches are applied one after the other, never to each other: with nulls that would be something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from config_sync.document import value_at
from config_sync.model import JsonValue


def merge_patch(target: JsonValue, patch: JsonValue) -> JsonValue:
    """The target with the patch applied (RFC 7396, section 2)."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, JsonValue] = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def merged(layers: Sequence[JsonValue]) -> JsonValue:
    """All of them as one, later ones win; at least one."""
    first, *patches = layers
    for patch in patches:
        first = merge_patch(first, patch)
    return first


@dataclass(frozen=True, slots=True)
class Trace:
    """What is at one place of a merge, and which layers (by index) had to do with it.

    `makers` are those it came from: of an array or a scalar one, of an object as many as gave members that are left;
    none where nothing is there. `others` have something else at that place, which was overridden. `remover` took away
    what a layer before it had there.
    """

    value: JsonValue = field(repr=False)
    makers: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    remover: int | None = None

    @property
    def is_there(self) -> bool:
        """Whether the merge has a value there; it may be null."""
        return bool(self.makers)


def trace(layers: Sequence[JsonValue], place: str) -> Trace:
    """Where the value at a JSON pointer of the merge comes from."""
    having = tuple(index for index, layer in enumerate(layers) if _is_at(layer, place))
    try:
        _, value = value_at(merged(layers), place)
    except LookupError:
        return Trace(None, others=having, remover=_remover(layers, place))
    tree = _made_by(0, layers[0])
    for index, layer in enumerate(layers[1:], 1):
        tree = _patched(tree, layer, index)
    makers = tuple(sorted(set(_makers(_below(tree, place)))))
    return Trace(value, makers, tuple(index for index in having if index not in makers))


@dataclass(slots=True)
class _Made:
    """A value and the layer that gave it; of an object only while it has no members."""

    by: int
    members: dict[str, _Made] | None = None


def _made_by(index: int, value: JsonValue) -> _Made:
    if isinstance(value, dict):
        return _Made(index, {name: _made_by(index, child) for name, child in value.items()})
    return _Made(index)


def _patched(tree: _Made, patch: JsonValue, index: int) -> _Made:
    """As `merge_patch`, of who made what."""
    if not isinstance(patch, dict):
        return _Made(index)
    is_object = tree.members is not None
    result = _Made(tree.by if is_object else index, dict(tree.members or {}))
    assert result.members is not None
    for name, value in patch.items():
        if value is None:
            result.members.pop(name, None)
        else:
            result.members[name] = _patched(result.members.get(name) or _Made(index), value, index)
    return result


def _below(tree: _Made, place: str) -> _Made:
    """Of a place that is there. What is inside an array was made with it."""
    for piece in place.split("/")[1:]:
        if tree.members is None:
            return tree
        tree = tree.members[piece.replace("~1", "/").replace("~0", "~")]
    return tree


def _makers(tree: _Made) -> Iterator[int]:
    if not tree.members:
        yield tree.by
        return
    for child in tree.members.values():
        yield from _makers(child)


def _is_at(layer: JsonValue, place: str) -> bool:
    try:
        value_at(layer, place)
    except LookupError:
        return False
    return True


def _remover(layers: Sequence[JsonValue], place: str) -> int | None:
    """The layer after which nothing was at the place any more, though something had been."""
    found = None
    whole = layers[0]
    was_there = _is_at(whole, place)
    for index, layer in enumerate(layers[1:], 1):
        whole = merge_patch(whole, layer)
        is_there = _is_at(whole, place)
        found = index if was_there and not is_there else found
        was_there = is_there
    return found
