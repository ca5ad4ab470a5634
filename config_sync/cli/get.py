"""``config-sync get NAME``: one config, decrypted, as the agent would write it."""

from __future__ import annotations

import argparse
import os
import secrets
import sys

from config_sync.agent.assembly import endpoint_of, service_at
from config_sync.cli.fetching import with_retries
from config_sync.cli.loading import service_settings, text
from config_sync.cli.output import put
from config_sync.client import HttpService
from config_sync.crypto import decrypt
from config_sync.document import parse_document
from config_sync.errors import Exit, UsageError
from config_sync.files import Disk
from config_sync.formats.env import EnvFormat
from config_sync.formats.json_ import JsonFormat
from config_sync.formats.yaml_ import YamlFormat
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, Document, FileSpec, Format
from config_sync.settings import ServiceSettings
from config_sync.stop import Stop

_FORMATS: dict[str, Format] = {one.name: one for one in (JsonFormat(), YamlFormat(), EnvFormat())}
"""Those that need no options."""

_MODE = 0o600
"""Of the file of ``-o``: it holds secrets, and nobody has said who else may read them."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Which config, in what form, to where."""
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("-f", "--format", choices=tuple(_FORMATS), default="json", help="default: json, as it is kept")
    parser.add_argument("-o", "--output", metavar="FILE", help="write a file (0600, atomically) and print nothing")
    parser.add_argument("--environment", metavar="E", help="the config's environment")


def run(arguments: argparse.Namespace) -> int:
    """Print or write it.

    Raises:
        UsageError, SettingsError, CredentialError: what was asked cannot be asked.
        ServiceError, DecryptFailed, DocumentRefused: there is no such config to be had.
        RenderRefused, FileError: it cannot be put there like that.
    """
    try:
        ref = ConfigRef(ConfigName(text(arguments, "name") or ""), text(arguments, "environment") or None)
    except ValueError as error:
        raise UsageError(str(error), hint="see 'config-sync list' for the names") from None
    chosen = _FORMATS[text(arguments, "format") or "json"]
    service = service_settings(arguments).service
    client = service_at(endpoint_of(service), service)
    try:
        content = chosen.render(_document(client, ref, service))
    finally:
        client.close()
    if output := text(arguments, "output"):
        _write(FileSpec(AbsolutePath(os.path.abspath(output)), ref, chosen, mode=_MODE), content)
    elif sys.__stdout__ is None:
        raise UsageError("standard output is closed", hint="-o FILE writes a file")
    else:
        needs_end = sys.stdout.isatty() and not content.endswith(b"\n")
        put(content + b"\n" if needs_end else content)  # for the prompt; elsewhere the bytes are the config's own
    return Exit.DONE


def _document(client: HttpService, ref: ConfigRef, service: ServiceSettings) -> Document:
    stop = Stop()
    fetched = with_retries(lambda: client.fetch(ref, stop), service, stop)
    return parse_document(decrypt(fetched.ciphertext, service.keys.read()).plaintext)


def _write(spec: FileSpec, content: bytes) -> None:
    # Without a state directory: no agent of these settings need exist. The key is for digests nobody compares.
    published = Disk(digest_key=secrets.token_bytes(16), state_dir=None).publish(spec, content)
    if published.error is not None:
        raise published.error
