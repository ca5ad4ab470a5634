"""Pydantic v2 models as targets. Imports pydantic: only where a program has imported it already."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from config_sync.sdk.scalars import Misfit


def is_model(hint: type[object]) -> bool:
    """Whether it is a Pydantic v2 model class."""
    return issubclass(hint, BaseModel) and hasattr(hint, "model_validate")


def validate(value: object, model: type[object], path: str) -> object:
    """The model, validated by its own rules. Raises Misfit, with the places and kinds of what was wrong only.

    The library's own messages quote the input, and a validator of the program may; neither is shown.
    """
    assert issubclass(model, BaseModel)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = [
            f"{_place(path, one['loc'])}: {one['type']}"
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    except Exception as error:  # noqa: BLE001  # whatever a validator of the program raises
        found = [f"{model.__name__} refuses it ({type(error).__name__})"]
    shown = "; ".join(found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
    raise Misfit("", shown) from None


def _place(path: str, location: tuple[int | str, ...]) -> str:
    for part in location:
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}" if path else str(part)
    return path or "the document"
