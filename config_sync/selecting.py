"""``select``: one part of a document as the whole. Pure."""

from __future__ import annotations

from config_sync.document import compact_json, kind_of, show, value_at
from config_sync.errors import SelectionMissing
from config_sync.model import Document, JsonValue


def selected(document: Document, place: str, *, what: str) -> Document:
    """The part at a JSON pointer (RFC 6901), as a document of its own; `what` names the whole in messages.

    Its bytes are compact JSON: those of the source stand in its layout.

    Raises:
        SelectionMissing: nothing is there; tells the nearest place above that is there, and what kind of value it is.
    """
    try:
        _, value = value_at(document.value, place)
    except LookupError:
        pass
    else:
        return Document(compact_json(value).encode("utf-8"), value, document.configs)
    above, found = _nearest(document.value, place)
    raise SelectionMissing(
        f"nothing is at {_shown(place)} of {what}: the nearest that is there is {_shown(above)}, {kind_of(found)}",
        pointer=place,
        hint="correct `select`, or give the config that part",
    )


def _nearest(value: JsonValue, place: str) -> tuple[str, JsonValue]:
    """The longest beginning of a pointer that is there, and what is there."""
    while place:
        place = place.rpartition("/")[0]
        try:
            return place, value_at(value, place)[1]
        except LookupError:
            continue
    return "", value


def _shown(place: str) -> str:
    return show(piece.replace("~1", "/").replace("~0", "~") for piece in place.split("/")[1:])
