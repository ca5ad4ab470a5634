"""`config-sync serve DIR`: the embedded Config Service over a folder, for development."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from dataclasses import dataclass

from config_sync.devserver.server import RunningService, serve_forever
from config_sync.devserver.tls import TlsPair
from config_sync.errors import CredentialError, Exit, UsageError
from config_sync.model import EncryptionKey, Secret

DEFAULT_LISTEN = "127.0.0.1:9181"
"""Beside the agent's own 9180; fixed, so that a restarted service is found again."""

_DESCRIPTION = f"""\
Serves DIR/NAME.{{json,yaml}} and DIR/ENVIRONMENT/NAME.{{json,yaml}} under the Config Service protocol and watches DIR:
every saved change is a new version and an event. An environment without a file of its own gets the base file.
Prints the three CONFIG_SERVICE_* variables that clients need, as shell exports. $CONFIG_SERVICE_TOKEN and
$CONFIG_SERVICE_KEY are used where they are set, random ones otherwise. Only this machine reaches {DEFAULT_LISTEN};
--listen says otherwise. For development: plain http without --tls, one token for everything."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The command line, typed."""

    directory: str
    listen: str
    tls: TlsPair | None

    @classmethod
    def of(cls, namespace: argparse.Namespace) -> Arguments:
        """What `configure` put there."""
        pair: object = namespace.tls
        return cls(
            directory=str(namespace.directory),
            listen=str(namespace.listen),
            tls=TlsPair(str(pair[0]), str(pair[1])) if isinstance(pair, list) else None,
        )


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("directory", metavar="DIR", help="the folder to serve")
    parser.add_argument(
        "--listen", metavar="HOST:PORT", default=DEFAULT_LISTEN, help="where to listen (default: %(default)s)"
    )
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="speak TLS with this pair of PEM files")


def run(arguments: argparse.Namespace) -> int:
    """Serve until INT, TERM or HUP. Raises UsageError, CredentialError."""
    given = Arguments.of(arguments)
    host, port = _address(given.listen)
    token = os.environ.get("CONFIG_SERVICE_TOKEN")
    key = os.environ.get("CONFIG_SERVICE_KEY")

    def announce(service: RunningService) -> None:
        _announce(service, given.directory, from_environment=frozenset(_named(token=token, key=key)))

    serve_forever(
        given.directory,
        host=host,
        port=port,
        token=_token(token) if token else None,
        key=_key(key) if key else None,
        tls=given.tls,
        tell=_tell,
        announce=announce,
    )
    return Exit.DONE


def _named(*, token: str | None, key: str | None) -> list[str]:
    pairs = (("CONFIG_SERVICE_TOKEN", token), ("CONFIG_SERVICE_KEY", key))
    return [name for name, value in pairs if value]


def _address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPV6]:PORT``. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    is_host = bool(bare) and (":" not in bare or bare != host)
    if not (colon and is_host and port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
        raise UsageError(
            f"--listen {text}: expected HOST:PORT", hint=f"such as {DEFAULT_LISTEN} or [::1]:9181; port 0 takes any"
        )
    return bare, int(port)


def _token(text: str) -> Secret:
    if not (text.isascii() and text.isprintable() and text == text.strip()):
        raise CredentialError("CONFIG_SERVICE_TOKEN has characters that no header can carry")
    return Secret(text)


def _key(text: str) -> EncryptionKey:
    try:
        return EncryptionKey(text)
    except ValueError as error:
        raise CredentialError(f"CONFIG_SERVICE_KEY: {error}") from None


def _announce(service: RunningService, directory: str, *, from_environment: frozenset[str]) -> None:
    """The exports on stdout, for a shell; what people read on stderr. A secret that was given is not shown again."""
    _tell(f"serving {os.path.abspath(directory)} at {service.url}, for development only; ^C ends it")
    if service.is_exposed and service.url.startswith("http:"):
        _tell("reachable from other machines by plain http: anyone on the way reads the token")
    for name, value in service.environment.items():
        shown = f'"${name}"' if name in from_environment else shlex.quote(value)
        print(f"export {name}={shown}", flush=True)


def _tell(line: str) -> None:
    print(f"config-sync serve: {line}", file=sys.stderr, flush=True)
