"""The service's base URL, and the rule that keeps plain http on this machine."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from config_sync.fields import Invalid, JsonSchema, Node, Problems, expanded, refuse
from config_sync.kinds import Parsed

EXPECTED = "a base URL such as https://config.example.com"


def _parse(node: Node, problems: Problems) -> str:
    # No message quotes the URL: it may hold a password.
    one = expanded(node, problems, EXPECTED)
    if found := re.search(r"[^\x21-\x7e]", one.text):
        what = "a blank or control character" if found.group().isspace() or found.group() < " " else "non-ASCII"
        hint = "write an international name in its xn-- form" if what == "non-ASCII" else None
        raise refuse(node, problems, f"expected {EXPECTED}; this one has {what}", hint=hint)
    if re.search(r"[?#]", one.text):
        raise refuse(node, problems, f"expected {EXPECTED}, without ? or #")
    try:
        parts = urlsplit(one.text)
        _check(parts, node, problems)
        port = parts.port
    except ValueError:
        raise refuse(node, problems, f"expected {EXPECTED}; the host or port is malformed") from None
    if port == 0:
        raise refuse(node, problems, f"expected {EXPECTED}; port 0 is none")
    return one.text.rstrip("/")


def _check(parts: SplitResult, node: Node, problems: Problems) -> None:
    """Raises Invalid for what a base URL must not have."""
    if "@" in parts.netloc:
        hint = "the token is sent as a header; set service.token"
        raise refuse(node, problems, f"expected {EXPECTED}, without user or password", hint=hint)
    if parts.scheme not in ("http", "https"):
        raise _no_scheme(parts, node, problems)
    if not parts.hostname:
        raise refuse(node, problems, f"expected {EXPECTED}; the host is missing")
    if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", parts.hostname):
        raise refuse(node, problems, f"expected {EXPECTED}; the host is malformed")


def _no_scheme(parts: SplitResult, node: Node, problems: Problems) -> Invalid:
    if parts.scheme and parts.netloc:
        return refuse(node, problems, f"expected {EXPECTED}, by http or https, not {parts.scheme}")
    return refuse(node, problems, f"expected {EXPECTED}", hint="begin it with https://")


def _schema() -> JsonSchema:
    return {"type": "string", "pattern": "^https?://[^@?#\\s]+$"}


BASE_URL = Parsed(EXPECTED, _parse, _schema)
