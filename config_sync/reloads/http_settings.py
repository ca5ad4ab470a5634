"""The kinds of setting that one HTTP call is made of: where to, how, with which headers, and what it must answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from config_sync.fields import Invalid, JsonSchema, MapNode, Node, Problems, expanded, quoted, refuse, scalar
from config_sync.kinds import Parsed
from config_sync.model import Secret

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
"""A header's name (RFC 9110 5.1)."""
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?|", re.ASCII)
"""A header's value, in ASCII (RFC 9110 5.5)."""

_OURS = frozenset({"connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"})
"""What belongs to the one who keeps the connection (RFC 9110 7.6.1), and would break the exchange."""


def called_url(expected: str, *, login_hint: str) -> Parsed[str]:
    """The kind of setting for a URL that is called; `login_hint` says where else a user and a password may go."""

    def parse(node: Node, problems: Problems) -> str:
        # No message quotes the URL: it may hold a password.
        one = expanded(node, problems, expected)
        if re.search(r"[^\x21-\x7e]", one.text):
            hint = "write an international name in its xn-- form, and a blank as %20"
            raise refuse(
                node, problems, f"expected {expected}; this one has a blank or a character beyond ASCII", hint=hint
            )
        try:
            parts = urlsplit(one.text)
            port = parts.port
        except ValueError:
            raise refuse(node, problems, f"expected {expected}; the host or port is malformed") from None
        if parts.scheme == "unix":
            hint = "use a `command` such as [curl, --unix-socket, PATH, URL]"
            raise refuse(node, problems, f"expected {expected}, not a unix socket", hint=hint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise refuse(node, problems, f"expected {expected}", hint="begin it with http:// or https://")
        if "@" in parts.netloc:
            raise refuse(node, problems, f"expected {expected}, without user or password", hint=login_hint)
        if parts.fragment or "#" in one.text:
            raise refuse(node, problems, f"expected {expected}, without #")
        if port == 0 or not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", parts.hostname):
            raise refuse(node, problems, f"expected {expected}; the host or port is malformed")
        return one.text

    return Parsed(expected, parse, lambda: {"type": "string", "pattern": r"^(https?://[^@#\s]+|.*\$\{.*)$"})


URL = called_url(
    "a URL such as http://localhost:9090/-/reload", login_hint="send them in `headers`: {Authorization: Basic …}"
)


def _parse_method(node: Node, problems: Problems) -> str:
    text = scalar(node, problems, METHOD.expected).text
    if re.fullmatch(r"[A-Z]{1,20}", text) and text not in ("CONNECT", "TRACE"):
        return text
    hint = f"write {text.upper()}" if re.fullmatch(r"[A-Za-z]{1,20}", text) and text.upper() != text else None
    raise refuse(node, problems, f"expected {METHOD.expected}, not {quoted(text)}", hint=hint)


METHOD = Parsed(
    "an HTTP method such as POST, PUT or GET", _parse_method, lambda: {"type": "string", "pattern": "^[A-Z]{1,20}$"}
)


def _parse_headers(node: Node, problems: Problems) -> Mapping[str, Secret]:
    """Names and values, the values hidden from here on: a header is where a token goes."""
    if not isinstance(node, MapNode):
        raise refuse(node, problems, f"expected {HEADERS.expected}")
    found: dict[str, Secret] = {}
    seen: set[str] = set()
    is_right = True
    for name, child in node.entries.items():
        place = node.key_places[name]
        if not _TOKEN.fullmatch(name):
            problems.error(place, f"{quoted(name)} cannot be the name of a header")
            is_right = False
        elif name.lower() in _OURS:
            problems.error(place, f"{name} is set by config-sync itself", hint="remove it")
            is_right = False
        elif name.lower() in seen:
            problems.error(place, f"{name} is there twice", hint="names of headers do not heed case")
            is_right = False
        seen.add(name.lower())
        try:
            text = expanded(child, problems, "a text").text
        except Invalid:
            is_right = False
            continue
        if not _VALUE.fullmatch(text):
            problems.error(place, f"the value of {name} has characters that a header cannot carry")
            is_right = False
        found[name] = Secret(text)
    if not is_right:
        raise Invalid
    return MappingProxyType(found)


def _headers_schema() -> JsonSchema:
    return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}


HEADERS = Parsed("a mapping of header names to texts", _parse_headers, _headers_schema)
