"""The way to the service: the proxy in between, and what we show of ourselves (mutual TLS)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from config_sync.fields import Field, JsonSchema, Node, Problems, Values, expanded, fields, refuse
from config_sync.http.loopback import is_loopback
from config_sync.http.proxy import Proxy, ProxyRefusal, of_environment, parse_proxy
from config_sync.kinds import Parsed, PathText
from config_sync.settings.section import Section
from config_sync.settings.values import ClientCert

EXPECTED = "env, or the URL of an HTTP proxy such as http://proxy.example.com:3128"


@dataclass(frozen=True, slots=True)
class ProxyChoice:
    """What the settings say: a proxy, or None for the one that the environment names."""

    named: Proxy | None


def _parse(node: Node, problems: Problems) -> ProxyChoice:
    # No message quotes the URL: it may hold a password.
    text = expanded(node, problems, EXPECTED).text
    if text == "env":
        return ProxyChoice(None)
    try:
        return ProxyChoice(parse_proxy(text))
    except ProxyRefusal as error:
        raise refuse(node, problems, str(error), hint=error.hint) from None


def _schema() -> JsonSchema:
    return {"type": "string", "pattern": "^(env$|http://|[^:/]+(:[0-9]+)?/?$)"}


PROXY = Field(
    "proxy",
    Parsed(EXPECTED, _parse, _schema),
    "an HTTP proxy, `http://[USER:PASSWORD@]HOST:PORT`; `env`: the one of `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY`, "
    "save for `NO_PROXY`",
)

CERT_FILE = Field("cert_file", PathText(), "the certificate, then intermediates (PEM)", is_required=True)
KEY_FILE = Field("key_file", PathText(), "its private key (PEM, not encrypted)", is_required=True)


def _build(values: Values, _problems: Problems) -> ClientCert:
    return ClientCert(values[CERT_FILE], values[KEY_FILE])


CLIENT_CERT = Field(
    "client_cert",
    Section(fields(CERT_FILE, KEY_FILE), _build),
    "mutual TLS: `{cert_file: PATH, key_file: PATH}`, PEM; read anew when they change",
)


def proxy_for(host: str, values: Values, environ: Mapping[str, str], problems: Problems) -> Proxy | None:
    """The proxy for the service at `host`, None: directly; what is wrong with the environment's is reported."""
    choice = values.optional(PROXY)
    if choice is None or choice.named is not None:
        return None if choice is None else choice.named
    try:
        return of_environment(host, environ)
    except ProxyRefusal as error:
        problems.error(values.place_of(PROXY), str(error), hint=error.hint)
        return None


def shows_plain_text(host: str, proxy: Proxy | None) -> bool:
    """Whether requests that need not leave this machine would leave it, readable: through a proxy elsewhere."""
    parts = urlsplit(host)
    is_local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    return is_local and proxy is not None and not proxy.is_on_this_machine
