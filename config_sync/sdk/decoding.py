"""JSON values into the types of a program: pure, and strict where a wrong value would surprise later.

The rules, for a type and the value at its place:

1. `dict`, `list`, `object`, `Any` and type variables take what is there; `dict[str, V]`, `list[V]`, `tuple[...]`,
   `set[V]` and their abstract relatives are decoded inside.
2. `int` takes whole numbers (also ``3.0``), `float` any number, never text or a boolean; `bool` and `str` only their
   own.
3. Dataclasses and TypedDicts: members by name, unknown ones are ignored, missing ones need a default.
4. A union takes the member whose JSON kind is exactly right, else the one that fits; two that fit are refused, unless
   only one of them knows every member of an object.
5. Enums by value, literals, and by their text: dates, `UUID`, `Decimal`, `Path`. Pydantic models validate themselves.
6. An annotation that cannot be resolved at run time takes what is there, as in the published SDK.

Errors name the place (``database.hosts[2].port``) and what was expected, never a value.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
import typing
import weakref
from collections import abc
from collections.abc import Mapping
from typing import TypeVar

from config_sync.sdk.errors import UnmarshalError
from config_sync.sdk.scalars import SCALARS, Misfit, kind_of, scalar, text_class

T = TypeVar("T")

_ANYTHING = (object, typing.Any, dataclasses.MISSING)
_LISTS = (list, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection)
_SETS = (set, frozenset, abc.Set, abc.MutableSet)
_DICTS = (dict, abc.Mapping, abc.MutableMapping)


def decode(value: object, target: type[T]) -> T:
    """A `target` made of the JSON value.

    Raises:
        UnmarshalError: it does not fit, or `target` is none of the types above.
    """
    try:
        found = _fit(value, target, "")
    except Misfit as misfit:
        name = getattr(target, "__name__", None) or str(target)
        problem = UnmarshalError(f"the document is no {name}: {misfit}")
    else:
        return typing.cast("T", found)
    raise problem  # outside the handler: what a class of the program raised may quote the value


def _fit(value: object, hint: object, path: str) -> object:
    """The value as `hint` wants it. Raises Misfit."""
    if hint in _ANYTHING or isinstance(hint, TypeVar):
        return value
    if hint is None or hint is types.NoneType:
        return _only(value is None, None, value, "null", path)
    if isinstance(hint, typing.NewType):
        supertype: object = hint.__supertype__
        return _fit(value, supertype, path)
    origin: object = typing.get_origin(hint)
    arguments: tuple[object, ...] = typing.get_args(hint)
    if origin is typing.Annotated:
        return _fit(value, arguments[0], path)
    if origin is typing.Union or origin is types.UnionType:
        return _union(value, arguments, path)
    if origin is typing.Literal:
        matches = any(type(one) is type(value) and one == value for one in arguments)
        return _only(matches, value, value, "one of the literals", path)
    if (container := origin if origin is not None else hint) in (*_LISTS, *_SETS, *_DICTS, tuple):
        return _container(value, container, arguments, path)
    if isinstance(hint, type):
        return _class(value, hint, path)
    if isinstance(origin, type):  # a generic dataclass: its type variables take what is there
        return _class(value, origin, path)
    raise Misfit(path, f"{hint!r} is no type to decode into")


def _class(value: object, hint: type[object], path: str) -> object:
    if hint in SCALARS:
        return scalar(value, hint, path)
    if issubclass(hint, enum.Enum):
        # By comparison, since calling the class may run a program's own code on the value.
        found = next((one for one in hint if type(one.value) is type(value) and one.value == value), None)
        return _only(found is not None, found, value, f"a value of {hint.__name__}", path)
    if "pydantic" in sys.modules:  # whoever has a model has imported it; nobody else pays for the import
        from config_sync.sdk import pydantic_models

        if pydantic_models.is_model(hint):
            return pydantic_models.validate(value, hint, path)
    if dataclasses.is_dataclass(hint):
        return _dataclass(value, hint, path)
    if typing.is_typeddict(hint):
        return _typed_dict(value, hint, path)
    if (parse := text_class(hint)) is not None:
        return parse(value, path)
    if isinstance(value, hint):
        return value
    raise Misfit(path, f"{hint.__name__} is no type to decode into (a dict, a dataclass or a Pydantic v2 model is)")


def _dataclass(value: object, hint: type[object], path: str) -> object:
    members = _object(value, path)
    hints = _hints(hint)
    arguments: dict[str, object] = {}
    assert dataclasses.is_dataclass(hint)
    for one in dataclasses.fields(hint):
        if not one.init:
            continue
        if one.name in members:
            arguments[one.name] = _fit(members[one.name], hints.get(one.name, object), _member(path, one.name))
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            raise Misfit(_member(path, one.name), "is missing")
    try:
        made: object = hint(**arguments)
    except Exception as error:  # noqa: BLE001  # whatever a `__post_init__` of the program raises
        kind = type(error).__name__
    else:
        return made
    raise Misfit(path, f"{hint.__name__} refuses it ({kind})")


def _typed_dict(value: object, hint: type[object], path: str) -> dict[str, object]:
    members = _object(value, path)
    required: frozenset[str] = getattr(hint, "__required_keys__", frozenset())
    made: dict[str, object] = {}
    for name, one in _hints(hint).items():
        # Where annotations are strings (PEP 563), the class itself does not know which are required.
        marker = typing.get_origin(one)
        inner: object = typing.get_args(one)[0] if marker in (typing.Required, typing.NotRequired) else one
        if name in members:
            made[name] = _fit(members[name], inner, _member(path, name))
        elif marker is typing.Required or (name in required and marker is not typing.NotRequired):
            raise Misfit(_member(path, name), "is missing")
    return made


_resolved: weakref.WeakKeyDictionary[type[object], Mapping[str, object]] = weakref.WeakKeyDictionary()


def _hints(hint: type[object]) -> Mapping[str, object]:
    """Annotations by name, resolved; one that cannot be (a class local to a function) is `object`."""
    found = _resolved.get(hint)
    if found is None:
        found = _resolved[hint] = _resolve(hint)
    return found


def _resolve(hint: type[object]) -> Mapping[str, object]:
    try:
        return typing.get_type_hints(hint, include_extras=True)
    except Exception:  # noqa: BLE001  # evaluating an annotation can raise anything; one by one, most can be told
        found: dict[str, object] = {}
    for owner in reversed(hint.__mro__):
        module = sys.modules.get(owner.__module__)
        for name, text in vars(owner).get("__annotations__", {}).items():
            alone = type("Alone", (), {"__annotations__": {name: text}})
            try:
                found[name] = typing.get_type_hints(alone, vars(module) if module else {}, {owner.__name__: owner})[
                    name
                ]
            except Exception:  # noqa: BLE001
                found[name] = object
    return found


def _container(value: object, container: object, arguments: tuple[object, ...], path: str) -> object:
    if container in _DICTS:
        members = _object(value, path)
        if len(arguments) != 2:
            return members
        if arguments[0] is not str and arguments[0] not in _ANYTHING:
            raise Misfit(path, "the members of a JSON object have names: only dict[str, ...] fits")
        return {name: _fit(one, arguments[1], _member(path, name)) for name, one in members.items()}
    items = _array(value, path)
    if container is tuple and arguments and arguments[-1] is not Ellipsis:
        wanted = () if arguments == ((),) else arguments
        if len(items) != len(wanted):
            raise Misfit(path, f"expected {len(wanted)} items, found {len(items)}")
        return tuple(_fit(one, wanted[at], f"{path}[{at}]") for at, one in enumerate(items))
    inner = arguments[0] if arguments else object
    made = [_fit(one, inner, f"{path}[{at}]") for at, one in enumerate(items)]
    if container is tuple:
        return tuple(made)
    if container not in _SETS:
        return made
    try:
        return frozenset(made) if container is frozenset else set(made)
    except TypeError:
        raise Misfit(path, "a set holds no objects or arrays") from None


def _union(value: object, members: tuple[object, ...], path: str) -> object:
    if value is None and types.NoneType in members:
        return None
    exact = next((one for one in members if one is type(value) and one in SCALARS), None)
    if exact is not None:
        return value
    fits: list[tuple[object, object]] = []
    misfits: list[Misfit] = []
    wanted = [one for one in members if one is not types.NoneType]
    for one in wanted:
        try:
            fits.append((one, _fit(value, one, path)))
        except Misfit as misfit:
            misfits.append(misfit)
    if len(fits) > 1 and isinstance(value, dict):
        knowing = [(one, made) for one, made in fits if _knows(one, value)]
        fits = knowing if len(knowing) == 1 else fits
    if fits and all(type(made) is type(fits[0][1]) and made == fits[0][1] for _, made in fits):
        return fits[0][1]
    if fits:
        raise Misfit(path, "fits more than one member of the union")
    if len(wanted) == 1:
        raise misfits[0]
    raise Misfit(path, f"{kind_of(value)} fits no member of the union")


def _knows(hint: object, members: Mapping[str, object]) -> bool:
    """Whether a class has a place for every member of the object."""
    return isinstance(hint, type) and set(members) <= set(_hints(hint))


def _only(fits: bool, made: object, value: object, wanted: str, path: str) -> object:
    if fits:
        return made
    raise Misfit(path, f"expected {wanted}, found {kind_of(value)}")


def _object(value: object, path: str) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise Misfit(path, f"expected an object, found {kind_of(value)}")


def _array(value: object, path: str) -> list[object]:
    if isinstance(value, list):
        return value
    raise Misfit(path, f"expected an array, found {kind_of(value)}")


def _member(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
