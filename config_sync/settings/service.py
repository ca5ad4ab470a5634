"""The ``service`` section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from config_sync.backoff import Backoff
from config_sync.credentials import SOURCES, KeySource, TokenSource, default_key, default_token, source_of
from config_sync.fields import (
    Field,
    JsonSchema,
    MapNode,
    Node,
    Place,
    Problems,
    ScalarNode,
    Values,
    fields,
    nearest,
    refuse,
)
from config_sync.http.loopback import is_plain_and_remote
from config_sync.kinds import Duration, Flag, Parsed, PathText, Size, words
from config_sync.settings.section import Section
from config_sync.settings.url import BASE_URL
from config_sync.settings.values import ServiceSettings
from config_sync.settings.variables import expand
from config_sync.settings.way import CLIENT_CERT, PROXY, proxy_for, shows_plain_text

HOST_VARIABLE = "CONFIG_SERVICE_HOST"
_DAY_S = 86400.0
_WAIT = Duration(minimum_s=0.001, maximum_s=_DAY_S)
"""Of a wait: a zero would spin or always fail; poll(2) takes at most 24 days."""

SOURCE_FORMS = " or ".join(f"{{{key}: …}}" for key in SOURCES)
_SOURCE_DOC = ", ".join(f"`{{{key}: …}}`" for key in SOURCES)


@dataclass(frozen=True, slots=True)
class Named:
    """A credential source as the settings name it."""

    key: str
    value: str


def _parse_source(node: Node, problems: Problems) -> Named:
    # No message quotes what stands here: it may be the secret itself.
    if not isinstance(node, MapNode):
        hint = "the settings name the place, never the secret itself"
        raise refuse(node, problems, f"expected {SOURCE_FORMS}", hint=hint)
    for key in node.entries:
        if key not in SOURCES:
            near = nearest(key, tuple(SOURCES))
            meant = f"did you mean {near!r}?" if near else None
            place = replace(node.key_places[key], path=node.place.path)
            problems.error(place, f"unknown key; expected {SOURCE_FORMS}", hint=meant)
    known = [key for key in node.entries if key in SOURCES]
    if len(node.entries) != 1 or not known:
        raise refuse(node, problems, f"expected exactly one of {SOURCE_FORMS}")
    return Named(known[0], SOURCES[known[0]].kind.parse(node.entries[known[0]], problems))


def _source_schema() -> JsonSchema:
    forms: list[JsonSchema] = [
        {
            "type": "object",
            "properties": {kind.key: {**kind.kind.json_schema(), "description": kind.doc}},
            "required": [kind.key],
            "additionalProperties": False,
        }
        for kind in SOURCES.values()
    ]
    return {"oneOf": [*forms]}


_SOURCE = Parsed(SOURCE_FORMS, _parse_source, _source_schema)


@dataclass(frozen=True, slots=True)
class _Delays:
    """The table of a pair of delays, with its own defaults (seconds)."""

    first: Field[float]
    max: Field[float]

    def build(self, values: Values, problems: Problems) -> Backoff:
        found = Backoff(values[self.first], values[self.max])
        if found.first_s > found.max_s:
            delays = f"{found.first_s:g} s, {found.max_s:g} s"
            problems.error(values.place_of(self.first), f"first is longer than max ({delays})", hint="set both")
        return found


def _delays(key: str, first: tuple[float, str], longest: tuple[float, str], doc: str) -> Field[Backoff]:
    table = _Delays(
        Field("first", _WAIT, "the first delay is drawn from zero to this", *first),
        Field("max", _WAIT, "the longest delay", *longest),
    )
    section = Section(fields(table.first, table.max), table.build)
    return Field(key, section, doc, Backoff(first[0], longest[0]), f"{{first: {first[1]}, max: {longest[1]}}}")


HOST = Field("host", BASE_URL, "base URL of the Config Service", default_text=f"${{{HOST_VARIABLE}}}")
TOKEN = Field(
    "token",
    _SOURCE,
    f"{_SOURCE_DOC}: that source only. Unset: `$CREDENTIALS_DIRECTORY/config-service-token`, else "
    "`$CONFIG_SERVICE_TOKEN_FILE`, else `$CONFIG_SERVICE_TOKEN`",
)
KEY = Field(
    "key",
    _SOURCE,
    "the same with `-key`, `_KEY_FILE`, `_KEY`; 64 hex characters; several, one a line, newest first, are each tried",
)
ALLOW_INSECURE = Field("allow_insecure", Flag(), "allow plain http beyond loopback", False, "false")
CA_FILE = Field("ca_file", PathText(), "a private CA; verification is never switched off")
CONNECT_TIMEOUT = Field("connect_timeout", _WAIT, "for a connection to stand", 5.0, "5s")
REQUEST_TIMEOUT = Field("request_timeout", _WAIT, "for a whole exchange", 10.0, "10s")
IDLE_TIMEOUT = Field("idle_timeout", _WAIT, "a stream silent for longer is dead: reconnect and compare", 90.0, "90s")
RESYNC = Field(
    "resync", Duration(minimum_s=1, maximum_s=7 * _DAY_S), "±20 %: compares what a stream never told", 300.0, "5m"
)
_WATCH_DOC = (
    "how changes are noticed: `stream`; `poll`, by the times in the list of configs; `auto`: by streams, and by the "
    "list where they are not to be had"
)
RETRY = _delays("retry", (0.5, "500ms"), (5.0, "5s"), "fetches of `once`, of commands, and of the first 30 s of `run`")
RECONNECT = _delays("reconnect", (5.0, "5s"), (60.0, "60s"), "streams, and fetches after that")
WATCH = Field("watch", words("auto", "stream", "poll"), _WATCH_DOC, "auto", "auto")
POLL_INTERVAL = Field(
    "poll_interval",
    Duration(minimum_s=1, maximum_s=_DAY_S),
    "±20 %: how often the list of configs is looked at where it is polled",
    30.0,
    "30s",
)
MAX_SIZE = Field("max_size", Size(), "of one response", 1024**2, "1MiB")
STALE_AFTER = Field("stale_after", _WAIT, "not confirmed current for longer: state `stale`", 900.0, "15m")

SERVICE = fields(
    HOST, TOKEN, KEY, ALLOW_INSECURE, CA_FILE, CLIENT_CERT, PROXY, CONNECT_TIMEOUT, REQUEST_TIMEOUT, IDLE_TIMEOUT,
    RESYNC, RETRY, RECONNECT, WATCH, POLL_INTERVAL, MAX_SIZE, STALE_AFTER,
)  # fmt: skip


def build_service(
    values: Values, environ: Mapping[str, str], problems: Problems, *, needs_service: bool
) -> ServiceSettings:
    """The section as the network code reads it; what is missing or unsafe is reported."""
    host, place = _host(values, environ, problems, needs_service=needs_service)
    if host is not None and is_plain_and_remote(host) and not values[ALLOW_INSECURE]:
        problems.error(
            place,
            "plain http beyond this machine: the token would travel readable, and whoever is in between could serve "
            "another config or an old one",
            hint="use https://, with service.ca_file for a private CA; or say service.allow_insecure: true "
            "(--allow-insecure) where the network is trusted",
        )
    proxy = None if host is None else proxy_for(host, values, environ, problems)
    if host is not None and shows_plain_text(host, proxy) and not values[ALLOW_INSECURE]:
        problems.error(
            values.place_of(PROXY),
            "plain http through a proxy beyond this machine: the token would travel readable",
            hint="leave service.proxy out for a service on this machine; or say service.allow_insecure: true "
            "(--allow-insecure) where the network is trusted",
        )
    token, key = values.optional(TOKEN), values.optional(KEY)
    return ServiceSettings(
        host=host,
        token=TokenSource(source_of(token.key, token.value, environ)) if token else default_token(environ),
        keys=KeySource(source_of(key.key, key.value, environ)) if key else default_key(environ),
        allow_insecure=values[ALLOW_INSECURE],
        ca_file=values.optional(CA_FILE),
        client_cert=values.optional(CLIENT_CERT),
        proxy=proxy,
        connect_timeout_s=values[CONNECT_TIMEOUT],
        request_timeout_s=values[REQUEST_TIMEOUT],
        idle_timeout_s=values[IDLE_TIMEOUT],
        resync_s=values[RESYNC],
        retry=values[RETRY],
        reconnect=values[RECONNECT],
        watch=values[WATCH],
        poll_interval_s=values[POLL_INTERVAL],
        max_bytes=values[MAX_SIZE],
        stale_after_s=values[STALE_AFTER],
    )


def _host(
    values: Values, environ: Mapping[str, str], problems: Problems, *, needs_service: bool
) -> tuple[str | None, Place]:
    """The base URL, from the settings or the variable, and where it stands."""
    place = values.place_of(HOST)
    found = values.optional(HOST)
    if found is None and environ.get(HOST_VARIABLE):
        place = Place(f"${HOST_VARIABLE}", 0, 0, "service.host")
        found = _host_of_variable(place, environ, problems)
    elif found is None and needs_service:
        problems.error(
            Place(values.place.file, 0, 0, "service.host"),
            f"the service's address is missing: no service.host, and ${HOST_VARIABLE} is not set",
            hint=f"set service.host or ${HOST_VARIABLE} to {BASE_URL.expected.removeprefix('a base URL such as ')}",
        )
    return found, place


def _host_of_variable(place: Place, environ: Mapping[str, str], problems: Problems) -> str | None:
    """Raises Invalid, with the problem reported at the variable."""
    expansion = expand(f"${{{HOST_VARIABLE}}}", environ, is_needed=True)
    return BASE_URL.parse(ScalarNode(place, expansion.text), problems)
